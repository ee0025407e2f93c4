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
    var description = try TopkDeviceDescription(loss, batch, result)
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
      var loads = ModuleLoads(device: device)
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
      _ = try device.module(.turn, for: nil)
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
    guard let launch = launch?.pointee else { throw .nullPointer("launch") }
    try checkSize(launch.struct_size, of: topkloss_cuda_launch.self, "launch")
    var description = try TopkDeviceDescription(loss, batch, result)
    let constants: UnsafeRawPointer? = launch.constants
    let givenWorkspace: UnsafeMutableRawPointer? = launch.workspace
    let outcome: UnsafeMutablePointer<topkloss_cuda_outcome>? = launch.outcome
    let stream: UnsafeMutableRawPointer? = launch.stream
    let constantBytes = Constants.visit(&description.call) { _, _, start in
      constants.map { $0 + start }
    }
    guard constantBytes == 0 || constants != nil else { throw .nullPointer("launch.constants") }
    guard let workspace = givenWorkspace else { throw .nullPointer("launch.workspace") }
    try checkAlignment(workspace, 256, "launch.workspace")
    if let constants { try checkAlignment(constants, 256, "launch.constants") }
    if let outcome { try checkAlignment(outcome, 8, "launch.outcome") }
    try description.checkAlignment()
    guard outcome != nil || description.call.two_heads.threshold_decay == 0 else {
      throw .nullPointer("launch.outcome, which has the threshold of the batch before,")
    }
    var plan = try Plan(description, workspace: workspace, outcome: outcome)
    guard plan.workspaceBytes <= launch.workspace_bytes else {
      throw Fault(
        TOPKLOSS_ERROR_SIZE, "%s is %lld, and the call takes %lld",
        ("launch.workspace_bytes" as StaticString).cString, launch.workspace_bytes,
        plan.workspaceBytes)
    }
    let logits = description.call.rows > 0 ? description.call.logits.elements : nil
    let device = try Device(try Driver.shared(), of: logits ?? workspace)
    var launches = StreamLaunches(device: device, stream: stream.map { cuda_stream($0) })
    try device.withContext { () throws(Fault) in try plan.run(&launches) }
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

extension TopkDeviceDescription {
  /// Of a loss by itself.
  fileprivate init(of loss: OpaquePointer?) throws(Fault) {
    try self.init(describing: loss, nil, nil)
  }

  /// Of a call.
  fileprivate init(
    _ loss: OpaquePointer?, _ batch: UnsafePointer<topkloss_batch>?,
    _ result: UnsafePointer<topkloss_result>?
  ) throws(Fault) {
    guard batch != nil else { throw .nullPointer("batch") }
    guard result != nil else { throw .nullPointer("result") }
    try self.init(describing: loss, batch, result)
  }

  private init(
    describing loss: OpaquePointer?, _ batch: UnsafePointer<topkloss_batch>?,
    _ result: UnsafePointer<topkloss_result>?
  ) throws(Fault) {
    self.init()
    let status = try Host.library().describe(
      loss, batch, result, &self, Int64(MemoryLayout<TopkDeviceDescription>.size))
    guard status == TOPKLOSS_OK else { throw Fault(said: status) }
  }
}

extension TopkDeviceDescription {
  /// Kernels load whole elements.
  fileprivate func checkAlignment() throws(Fault) {
    let bytes = call.dtype == TOPK_DEVICE_FLOAT32 ? 4 : 2
    try check(call.logits.elements, bytes, "batch.logits")
    try check(call.gradient.elements, bytes, "result.gradient")
    try check(call.second.elements, bytes, "batch.soft_labels or multi_label_logits")
    try check(call.second_gradient.elements, bytes, "result.multi_label_gradient")
    try check(call.row_values, bytes, "result.row_values")
    try check(call.labels, call.labels_are_int32 != 0 ? 4 : 8, "batch.labels")
    try check(call.sample_weight, 8, "batch.sample_weight")
    try check(call.upstream, 8, "batch.upstream")
    try check(call.noised_topk.noise, 4, "batch.noise")
  }

  private func check(
    _ pointer: UnsafeRawPointer?, _ bytes: Int, _ name: StaticString
  ) throws(Fault) {
    if let pointer { try TopKLossCUDA.checkAlignment(pointer, bytes, name) }
  }
}

extension Fault {
  fileprivate static func notFinite(_ name: StaticString, _ row: Int) -> Fault {
    Fault(TOPKLOSS_ERROR_NOT_FINITE, "%s[%lld] is not finite", name.cString, row)
  }

  fileprivate init(label: Int64, row: Int64, classes: Int64) {
    self.init(
      TOPKLOSS_ERROR_LABEL, "%s of row %lld is %lld", ("the label" as StaticString).cString,
      Int(row), Int(label))
  }
}

private func checkSize<Struct>(
  _ size: Int, of: Struct.Type, _ name: StaticString
) throws(Fault) {
  guard size == MemoryLayout<Struct>.size else {
    throw Fault(
      TOPKLOSS_ERROR_STRUCT_SIZE, "%s.struct_size is %lld, and must be %lld", name.cString, size,
      MemoryLayout<Struct>.size)
  }
}

func checkAlignment(
  _ pointer: UnsafeRawPointer, _ alignment: Int, _ name: StaticString
) throws(Fault) {
  guard Int(bitPattern: pointer) % alignment == 0 else {
    throw Fault(
      TOPKLOSS_ERROR_SIZE, "%s must be a multiple of %lld", name.cString, alignment)
  }
}
