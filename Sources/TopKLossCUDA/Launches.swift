import CCUDA
import CDevice
import CTopKLoss

/// A kernel, and what a block of it takes.
struct Kernel {
  let family: Family
  let name: StaticString
  /// As many at the most.
  let threads: Int
  /// Of dynamic shared memory, behind what reductions use; together no more than the 48 KiB that every kernel may have.
  let sharedBytes: Int

  init(_ family: Family, _ name: StaticString, threads: Int, sharedBytes: Int = 0) {
    (self.family, self.name, self.threads, self.sharedBytes) = (family, name, threads, sharedBytes)
  }
}

/// What is put on a stream for a call: its kernels, in order.
protocol Launches {
  mutating func launch(
    _ kernel: Kernel, blocks: Int, _ parameter: UnsafeMutableRawPointer
  ) throws(Fault)
}

extension Device {
  /// A kernel as the driver has it, which may load it only now that it is asked about, and as many threads as it takes and
  /// there are registers for.
  fileprivate func function(
    _ kernel: Kernel, for stream: cuda_stream?
  ) throws(Fault) -> (cuda_function?, threads: Int) {
    var function: cuda_function?
    try driver.check(
      driver.getFunction(&function, module(kernel.family, for: stream), kernel.name.cString),
      "cuModuleGetFunction")
    var most: Int32 = 0
    try driver.check(
      driver.getFunctionAttribute(&most, Int32(CUDA_MAX_THREADS_PER_BLOCK), function),
      "cuFuncGetAttribute")
    return (function, min(kernel.threads, max(Int(most) & ~31, 32)))
  }
}

/// On a stream.
struct StreamLaunches: Launches {
  let device: Device
  let stream: cuda_stream?

  func launch(
    _ kernel: Kernel, blocks: Int, _ parameter: UnsafeMutableRawPointer
  ) throws(Fault) {
    let (function, threads) = try device.function(kernel, for: stream)
    let bytes = Int(TOPK_DEVICE_REDUCTION_BYTES) &+ kernel.sharedBytes
    var parameters: UnsafeMutableRawPointer? = parameter
    try device.driver.check(
      device.driver.launchKernel(
        function, UInt32(blocks), 1, 1, UInt32(threads), 1, 1, UInt32(bytes), stream, &parameters,
        nil), "cuLaunchKernel")
  }
}

/// Only has the kernels loaded.
struct KernelLoads: Launches {
  let device: Device

  func launch(
    _ kernel: Kernel, blocks: Int, _ parameter: UnsafeMutableRawPointer
  ) throws(Fault) { try load(kernel) }

  func load(_ kernel: Kernel) throws(Fault) { _ = try device.function(kernel, for: nil) }
}
