import CDevice
import CTopKLoss

// What libtopkloss_cuda.so is told of a call whose matrices, labels and weights are in a device's memory: checked here, as every
// other call is, but for what stands in that memory.

extension TopkDeviceDescription {
  /// A loss by itself.
  init(_ loss: Loss) {
    self.init()
    call.classes = Int64(loss.classes ?? 0)
    loss.describe(&call)
  }

  /// Scores without a loss, with weights if they have labels.
  init(scoresOf batch: UnsafePointer<topkloss_batch>?) throws(Failure) {
    self.init()
    let hasLabels = batch?.pointee.labels != nil
    try take(Batch(batch, for: hasLabels ? .scoresLabelsAndWeights : .scores))
  }

  /// A call.
  init(
    _ loss: Loss, _ batch: UnsafePointer<topkloss_batch>?, _ result: topkloss_result
  ) throws(Failure) {
    // As `evaluate` has it: shared between them, these lines are three kilobytes more of library.
    let rows = try Batch(batch, for: loss.use)
    let head = Head(batch: rows, output: try Output(result, for: rows))
    let other =
      try loss.use.hasMultiLabelHead
      ? Head(multiLabelOf: rows, result) : Head(softLabelsOf: rows)
    let inputs = try checkedInputs(loss, rows, isReadable: false)
    try head.output.checkOverlap(with: rows, inputs: inputs)
    try other?.checkOverlap(besides: head, inputs: inputs)
    self.init()
    try take(rows)
    (call.gradient, gradient) = (DeviceMatrix(head.output), DeviceLayout(head.output.layout))
    if let second = other {
      (call.second, self.second) = (DeviceMatrix(second.batch), DeviceLayout(second.batch.layout))
      call.second_gradient = DeviceMatrix(second.output)
      second_gradient = DeviceLayout(second.output.layout)
    }
    call.upstream = rows.upstream.address
    call.row_values = head.output.rowValues
    call.noised_topk.noise = rows.noise.given
    call.noised_topk.noise_row_stride = rows.noise.rowStride
    call.noised_topk.noise_sample_stride =
      rows.noise.sampleStride == 0 ? call.classes : rows.noise.sampleStride
    (call.noised_topk.step, call.noised_topk.first_row) = (rows.noise.step, rows.noise.firstRow)
    call.ignored_label = loss.common.ignoredLabel
    call.is_mean = loss.common.reduction == .mean ? 1 : 0
    call.upstream_is_per_row = loss.common.reduction == .none ? 1 : 0
    call.check_finite = loss.common.checkFinite ? 1 : 0
    loss.describe(&call)
  }
}

extension TopkDeviceDescription {
  @inline(never)
  private mutating func take(_ rows: Batch) throws(Failure) {
    call.dtype = try rows.element.ofDevice
    (call.rows, call.classes) = (Int64(rows.rows), Int64(rows.classes))
    (call.logits, logits) = (DeviceMatrix(rows), DeviceLayout(rows.layout))
    call.labels = rows.labels.address
    call.labels_are_int32 = rows.labels.are32Bit ? 1 : 0
    call.sample_weight = rows.sampleWeight.address
  }
}

extension ElementType {
  /// Of rows that a device's kernels read.
  fileprivate var ofDevice: Int64 {
    get throws(Failure) {
      switch self {
      case .float32: Int64(TOPK_DEVICE_FLOAT32)
      case .float16: Int64(TOPK_DEVICE_FLOAT16)
      case .bfloat16: Int64(TOPK_DEVICE_BFLOAT16)
      case .float64:
        throw Failure(TOPKLOSS_ERROR_UNSUPPORTED, "float64 is not computed on a device")
      }
    }
  }
}

extension DeviceMatrix {
  fileprivate init(_ batch: Batch) {
    self.init(
      elements: UnsafeMutableRawPointer(mutating: batch.row(0)), stride: Int64(batch.layout.stride))
  }

  fileprivate init(_ output: Output) {
    self.init(elements: output.gradient, stride: Int64(output.layout.stride))
  }
}

extension DeviceLayout {
  fileprivate init(_ layout: MatrixLayout) {
    self.init(
      row_stride: Int64(layout.stride), class_stride: Int64(layout.columnStride),
      rows_per_group: Int64(layout.groupRows), group_stride: Int64(layout.groupStride),
      is_plain: layout.isPlain ? 1 : 0)
  }
}

extension RowNumbers {
  fileprivate var address: UnsafePointer<Double>? {
    pointer.map { $0.assumingMemoryBound(to: Double.self) }
  }
}
