import CCUDA
import CDevice
import CTopKLoss

/// A kernel, and what a block of it takes.
struct Kernel {
  let family: Family
  let name: StaticString
  /// As many at the most.
  let threads: Int
  /// Of dynamic shared memory, behind what reductions use.
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

/// On a stream.
struct StreamLaunches: Launches {
  let device: Device
  let stream: cuda_stream?

  /// Shared memory that every kernel may have without asking for it.
  private static let commonBytes = 48 << 10

  func launch(
    _ kernel: Kernel, blocks: Int, _ parameter: UnsafeMutableRawPointer
  ) throws(Fault) {
    let driver = device.driver
    var function: cuda_function?
    try driver.check(
      driver.getFunction(
        &function, device.module(kernel.family, for: stream), kernel.name.cString),
      "cuModuleGetFunction")
    // As many as there are registers for.
    var most: Int32 = 0
    try driver.check(
      driver.getFunctionAttribute(&most, Int32(CUDA_MAX_THREADS_PER_BLOCK), function),
      "cuFuncGetAttribute")
    let threads = min(kernel.threads, max(Int(most) & ~31, 32))
    let bytes = Int(TOPK_DEVICE_REDUCTION_BYTES) &+ kernel.sharedBytes
    if bytes > Self.commonBytes {
      try driver.check(
        driver.setFunctionAttribute(function, Int32(CUDA_MAX_DYNAMIC_SHARED_BYTES), Int32(bytes)),
        "cuFuncSetAttribute")
    }
    var parameters: UnsafeMutableRawPointer? = parameter
    try driver.check(
      driver.launchKernel(
        function, UInt32(blocks), 1, 1, UInt32(threads), 1, 1, UInt32(bytes), stream, &parameters,
        nil), "cuLaunchKernel")
  }
}

/// Only has the modules loaded.
struct ModuleLoads: Launches {
  let device: Device

  func launch(
    _ kernel: Kernel, blocks: Int, _ parameter: UnsafeMutableRawPointer
  ) throws(Fault) {
    _ = try device.module(kernel.family, for: nil)
  }
}
