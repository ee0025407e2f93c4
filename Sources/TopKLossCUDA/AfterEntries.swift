// swift-format-ignore-file: AlwaysUseLowerCamelCase
// Entry points have the names that the C header gives them.

import CCUDA
import CDevice
import CTopKLoss
import CTopKLossCUDA

// What is done with scores once a model is trained.

@implementation @_cdecl("topkloss_cuda_topk_accuracy")
public func topkloss_cuda_topk_accuracy(
  _ options: UnsafePointer<topkloss_topk_accuracy_options>!,
  _ batch: UnsafePointer<topkloss_batch>!, _ launch: UnsafePointer<topkloss_cuda_launch>!
) -> topkloss_status {
  let options: UnsafePointer<topkloss_topk_accuracy_options>? = options
  let batch: UnsafePointer<topkloss_batch>? = batch
  let launch: UnsafePointer<topkloss_cuda_launch>? = launch
  return reportingFault { () throws(Fault) in
    guard let given = options else { throw .nullPointer("options") }
    try checkSize(given.pointee.struct_size, of: topkloss_topk_accuracy_options.self, "options")
    let options = given.pointee
    guard options.k >= 1 else {
      throw Fault(
        TOPKLOSS_ERROR_OPTION, "%s is %lld: it must be 1 or more",
        ("options.k" as StaticString).cString, Int(options.k))
    }
    guard Int(options.average) == TOPKLOSS_MICRO else {
      throw Fault(
        TOPKLOSS_ERROR_UNSUPPORTED, "on a device the average is over rows: TOPKLOSS_MICRO")
    }
    guard let launch else { throw .nullPointer("launch") }
    var description = try TopkDeviceDescription(topKHitsOf: batch, k: options.k)
    guard description.call.labels != nil || description.call.rows == 0 else {
      throw .nullPointer("batch.labels")
    }
    description.call.ignored_label = options.ignore_index
    try run(description, launch)
  }
}

@implementation @_cdecl("topkloss_cuda_logit_adjust")
public func topkloss_cuda_logit_adjust(
  _ offset: UnsafePointer<Float>!, _ batch: UnsafePointer<topkloss_batch>!,
  _ adjusted: UnsafeMutableRawPointer!, _ adjustedRowStride: Int64,
  _ stream: UnsafeMutableRawPointer!
) -> topkloss_status {
  let offset: UnsafePointer<Float>? = offset
  let batch: UnsafePointer<topkloss_batch>? = batch
  let adjusted: UnsafeMutableRawPointer? = adjusted
  let stream: UnsafeMutableRawPointer? = stream
  return reportingFault { () throws(Fault) in
    guard let offset else { throw .nullPointer("offset") }
    guard let adjusted else { throw .nullPointer("adjusted") }
    try checkAlignment(offset, 16, "offset")
    var description = try TopkDeviceDescription(scoresOf: batch)
    guard description.logits.is_plain != 0 else {
      throw Fault(
        TOPKLOSS_ERROR_UNSUPPORTED, "on a device, scores are adjusted in contiguous rows alone")
    }
    try RowKernel.checkClasses(description.call)
    let stride = adjustedRowStride == 0 ? description.call.classes : adjustedRowStride
    guard description.call.hasRoom(forRowsApart: stride) else {
      throw Fault(
        TOPKLOSS_ERROR_SIZE, "%s is %lld: rows of %lld elements would overlap or lie nowhere",
        ("adjusted_row_stride" as StaticString).cString, Int(stride), Int(description.call.classes))
    }
    description.call.gradient = DeviceMatrix(elements: adjusted, stride: stride)
    guard !description.call.adjustsAskew else {
      throw Fault(
        TOPKLOSS_ERROR_ALIASING,
        "adjusted overlaps batch.logits without having the same address and stride")
    }
    description.call.softmax_margin.offset = DeviceVector(numbers: offset)
    try description.eachPointer(checkAlignment)
    let rows = Int(description.call.rows)
    guard rows > 0, let scores = description.call.logits.elements else { return }
    let driver = try Driver.shared()
    try description.checkMemory(driver)
    _ = try Device.ordinal(driver, of: offset, "offset")
    let device = try Device(driver, ordinal: Device.ordinal(driver, of: scores, "batch.logits"))
    let launches = StreamLaunches(device: device, stream: stream.map { cuda_stream($0) })
    let kernel = Kernel(
      .after, adjusting(description.call), threads: RowKernel.threads(description.call))
    try device.withContext { () throws(Fault) in
      try withUnsafeMutablePointer(to: &description.call) { call throws(Fault) in
        try launches.launch(
          kernel, blocks: min(rows, Int(Int32.max)), UnsafeMutableRawPointer(call))
      }
    }
  }
}

extension TopkDeviceCall {
  /// Whether rows so far apart have no element in common, and are all within what can be addressed.
  fileprivate func hasRoom(forRowsApart stride: Int64) -> Bool {
    let (reach, overflows) = rows.magnitude.multipliedReportingOverflow(by: stride.magnitude)
    return rows <= 1 || stride.magnitude >= classes.magnitude && !overflows && reach < 1 << 54
  }

  /// Whether the output lies over the scores other than exactly in place.
  fileprivate var adjustsAskew: Bool {
    if logits.elements == gradient.elements && logits.stride == gradient.stride { return false }
    let (scores, sums) = (span(logits), span(gradient))
    return scores.start < sums.end && sums.start < scores.end
  }

  private func span(_ matrix: DeviceMatrix) -> (start: UInt, end: UInt) {
    let bytes: UInt = dtype == TOPK_DEVICE_FLOAT32 ? 4 : 2
    let first = UInt(bitPattern: matrix.elements)
    let reach = UInt(max(rows, 1) &- 1) &* matrix.stride.magnitudeAsUInt &* bytes
    let row = UInt(classes) &* bytes
    return matrix.stride < 0 ? (first &- reach, first &+ row) : (first, first &+ reach &+ row)
  }
}

extension Int64 {
  fileprivate var magnitudeAsUInt: UInt { UInt(truncatingIfNeeded: magnitude) }
}

private func adjusting(_ call: TopkDeviceCall) -> StaticString {
  switch Int(call.dtype) {
  case TOPK_DEVICE_FLOAT16: "topk_logit_adjust_f16"
  case TOPK_DEVICE_BFLOAT16: "topk_logit_adjust_bf16"
  default: "topk_logit_adjust_f32"
  }
}
