// swift-format-ignore-file: AlwaysUseLowerCamelCase
// Entry points have the names that the C header gives them.

import CCUDA
import CDevice
import CTopKLoss
import CTopKLossCUDA

@implementation @_cdecl("topkloss_cuda_devices")
public func topkloss_cuda_devices(_ count: UnsafeMutablePointer<Int32>!) -> topkloss_status {
  let count: UnsafeMutablePointer<Int32>? = count
  return reportingFault { () throws(Fault) in
    guard let count else { throw .nullPointer("count") }
    let driver = try Driver.shared()
    try driver.check(driver.deviceCount(count), "cuDeviceGetCount")
  }
}

@implementation @_cdecl("topkloss_cuda_needs")
public func topkloss_cuda_needs(
  _ loss: OpaquePointer!, _ batch: UnsafePointer<topkloss_batch>!,
  _ result: UnsafePointer<topkloss_result>!, _ memory: UnsafeMutablePointer<topkloss_cuda_memory>!
) -> topkloss_status {
  let memory: UnsafeMutablePointer<topkloss_cuda_memory>? = memory
  let loss: OpaquePointer? = loss
  let batch: UnsafePointer<topkloss_batch>? = batch
  let result: UnsafePointer<topkloss_result>? = result
  return reportingFault { () throws(Fault) in
    guard let memory else { throw .nullPointer("memory") }
    try checkSize(memory.pointee.struct_size, of: topkloss_cuda_memory.self, "memory")
    // Without a loss and a result, of the top-K accuracy.
    var description =
      try loss == nil && result == nil
      ? TopkDeviceDescription(topKHitsOf: batch, k: 1)
      : TopkDeviceDescription(loss, batch, result)
    memory.pointee.constants = Constants.visit(&description.call) { numbers, _, _ in numbers }
    let plan = try Plan(description, workspace: nil, outcome: nil)
    memory.pointee.workspace = plan.workspaceBytes
  }
}

@implementation @_cdecl("topkloss_cuda_constants")
public func topkloss_cuda_constants(
  _ loss: OpaquePointer!, _ constants: UnsafeMutableRawPointer!, _ bytes: Int
) -> topkloss_status {
  let loss: OpaquePointer? = loss
  let target: UnsafeMutableRawPointer? = constants
  return reportingFault { () throws(Fault) in
    var description = try TopkDeviceDescription(of: loss)
    let needed = Constants.visit(&description.call) { numbers, _, _ in numbers }
    guard needed <= bytes else {
      throw Fault(
        TOPKLOSS_ERROR_SIZE, "%s is %lld, and the constants take %lld",
        ("bytes" as StaticString).cString, bytes, needed)
    }
    if needed == 0 { return }
    guard let target else { throw .nullPointer("constants") }
    memset(target, 0, needed)
    _ = Constants.visit(&description.call) { numbers, size, start in
      memcpy(target + start, numbers, size)
      return numbers
    }
  }
}

@implementation @_cdecl("topkloss_cuda_prepare")
public func topkloss_cuda_prepare(_ loss: OpaquePointer!, _ device: Int32) -> topkloss_status {
  let loss: OpaquePointer? = loss
  return reportingFault { () throws(Fault) in
    var description = try TopkDeviceDescription(of: loss)
    // Of a batch without a row only those of the batch itself are used.
    description.call.rows = 1
    let device = try Device(try Driver.shared(), ordinal: Int(device))
    try device.withContext { () throws(Fault) in
      var loads = KernelLoads(device: device)
      for place in 0..<3 {
        let dtype =
          place == 0 ? TOPK_DEVICE_FLOAT32 : place == 1 ? TOPK_DEVICE_FLOAT16 : TOPK_DEVICE_BFLOAT16
        description.call.dtype = Int64(dtype)
        var plan = try Plan(description, workspace: nil, outcome: nil)
        try plan.run(&loads)
      }
      if description.call.family == TOPK_DEVICE_SOFTMAX_MARGIN {
        // Soft labels, of which no more is looked at than that there are some.
        description.call.second.elements = UnsafeMutableRawPointer(bitPattern: 256)
        var plan = try Plan(description, workspace: nil, outcome: nil)
        try plan.run(&loads)
      }
      try loads.load(Turns.kernel(elementBytes: 4))
      try loads.load(Turns.kernel(elementBytes: 2))
    }
  }
}

@implementation @_cdecl("topkloss_cuda_evaluate")
public func topkloss_cuda_evaluate(
  _ loss: OpaquePointer!, _ batch: UnsafePointer<topkloss_batch>!,
  _ result: UnsafePointer<topkloss_result>!, _ launch: UnsafePointer<topkloss_cuda_launch>!
) -> topkloss_status {
  let launch: UnsafePointer<topkloss_cuda_launch>? = launch
  let loss: OpaquePointer? = loss
  let batch: UnsafePointer<topkloss_batch>? = batch
  let result: UnsafePointer<topkloss_result>? = result
  return reportingFault { () throws(Fault) in
    guard let launch else { throw .nullPointer("launch") }
    try run(try TopkDeviceDescription(loss, batch, result), launch)
  }
}

@implementation @_cdecl("topkloss_cuda_check")
public func topkloss_cuda_check(
  _ outcome: UnsafePointer<topkloss_cuda_outcome>!, _ classes: Int64
) -> topkloss_status {
  let outcome: UnsafePointer<topkloss_cuda_outcome>? = outcome
  return reportingFault { () throws(Fault) in
    guard let outcome = outcome?.pointee else { throw .nullPointer("outcome") }
    let row = Int(outcome.row)
    switch Int(outcome.fault) {
    case TOPK_DEVICE_NO_FAULT: return
    case TOPK_DEVICE_BAD_LABEL:
      throw Fault(label: outcome.label, row: outcome.row, classes: classes)
    case TOPK_DEVICE_BAD_SAMPLE_WEIGHT: throw .notFinite("batch.sample_weight", row)
    case TOPK_DEVICE_BAD_UPSTREAM: throw .notFinite("batch.upstream", row)
    case TOPK_DEVICE_NOT_FINITE:
      throw Fault(
        TOPKLOSS_ERROR_NOT_FINITE, "%s %lld has a number that is NaN or +infinity",
        ("row" as StaticString).cString, row)
    default:
      throw Fault(
        TOPKLOSS_ERROR_NOT_FINITE, "the weights of all rows together are infinite")
    }
  }
}

extension Fault {
  fileprivate static func notFinite(_ name: StaticString, _ row: Int) -> Fault {
    Fault(TOPKLOSS_ERROR_NOT_FINITE, "%s[%lld] is not finite", name.cString, row)
  }

  fileprivate init(label: Int64, row: Int64, classes: Int64) {
    self.init(
      TOPKLOSS_ERROR_LABEL, "%s of row %lld is %lld, which is none of %lld classes",
      ("the label" as StaticString).cString, Int(row), Int(label), Int(classes))
  }
}
