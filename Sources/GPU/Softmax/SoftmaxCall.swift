import CDevice
import CGPU
import CKernels

// The softmax-margin family: its rows are one kernel's, of Sources/Kernels/Softmax.

extension SoftmaxMarginFamily {
  @inline(__always)
  init(_ call: UnsafePointer<TopkDeviceCall>) {
    let loss = call.pointee.softmax_margin
    self.init(
      classes: call.pointee.classes, class_scale: loss.class_scale.numbers,
      offset: loss.offset.numbers, largest_offset: loss.largest_offset,
      margin: loss.margin.numbers.map { $0.assumingMemoryBound(to: Double.self) },
      lambda: loss.lambda, scale: loss.scale, focal_gamma: loss.focal_gamma,
      smoothing: loss.smoothing.numbers, smoothing_sum: loss.smoothing_sum,
      target_weight: loss.target_weight.numbers, target_factor: loss.target_factor,
      target_margin: loss.target_margin.numbers, next_bytes: 0, conversion: nil, pieces: nil)
  }
}

extension SoftmaxMarginRow {
  @inline(__always)
  init<E: Element>(
    _ row: CallRow<E>, _ call: UnsafePointer<TopkDeviceCall>,
    _ family: UnsafePointer<SoftmaxMarginFamily>
  ) {
    let hard = call.pointee.softmax_margin.target_factor * call.classWeight(row.label)
    self.init(
      family: family, logits: row.logits, gradient: row.gradient, stored_logits: nil,
      stored_gradient: nil, targets: nil, label: Int64(row.label), hard: hard,
      gradient_scale: row.gradientScale, next_logits: row.logits, next_gradient: nil,
      next_targets: nil, progress: SoftmaxMarginProgress(), loss: 0)
  }

  /// Soft labels, if the batch has some.
  @inline(__always)
  mutating func take(softLabelsOf row: CallRow<Float>, _ call: UnsafePointer<TopkDeviceCall>) {
    let softLabels = call.open(call.pointee.second, gradient: .none, row.index, place: 1)
    targets = UnsafeRawPointer(softLabels.logits)
    (label, hard) = (-1, 0)
  }
}
