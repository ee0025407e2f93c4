import CDevice
import CGPU
import CKernels

// The softmax-margin family: its rows are one kernel's, of Sources/Kernels/Softmax. Members without smoothing, focal factor,
// class scales or a strongest rival's margin have kernels of their own, a third as long, for every element type.

private typealias Call = UnsafePointer<TopkDeviceCall>

/// First the rows that are not coarse, then, by another loop, those that are.
@inline(__always)
private func simple<T: SoftmaxMarginTransform, E: Element>(_ call: Call, _: T.Type, _: E.Type) {
  var family = SoftmaxMarginFamily(call)
  // One of the two at the most.
  if T.isRounded { family.margin = nil } else { family.offset = nil }
  (family.class_scale, family.smoothing, family.lambda) = (nil, nil, 0)
  (family.focal_gamma, family.smoothing_sum) = (0, 0)
  var areLeft = false
  evaluateRows(call, E.self) { row in
    var kernelRow = SoftmaxMarginRow(row, call, &family)
    softmaxMargin(&kernelRow, 1, Hasty<T>.self, TeamLanes<Block, E>.self)
    if kernelRow.progress.is_left == 0 { return kernelRow.loss }
    areLeft = true
    return leftLoss
  }
  if !areLeft { return }
  Block.barrier()
  evaluateRows(call, E.self, where: { isLeft(call.pointee.row_losses.unsafelyUnwrapped[$0]) }) {
    row in
    var kernelRow = SoftmaxMarginRow(row, call, &family)
    softmaxMargin(&kernelRow, 1, T.self, TeamLanes<Block, E>.self)
    return kernelRow.loss
  }
}

/// A NaN that no arithmetic gives, in the place of the loss of a row that is left; its sign may be the weight's.
private var leftLoss: Double { Double(bitPattern: 0x7FF8_7E37_0000_0001) }

@inline(__always)
private func isLeft(_ loss: Double) -> Bool {
  loss.bitPattern & 0x7FFF_FFFF_FFFF_FFFF == leftLoss.bitPattern
}

/// A transformation that leaves coarse rows.
private enum Hasty<T: SoftmaxMarginTransform>: SoftmaxMarginTransform {
  @inline(__always) static var scalesClasses: Bool { T.scalesClasses }
  @inline(__always) static var isRounded: Bool { T.isRounded }
  @inline(__always) static var leavesCoarseRows: Bool { true }

  @inline(__always)
  static func shifted<V: Lanes, L: LaneSelection>(
    _ scores: ClassScores, _ index: Int, _ lanes: L, peak: V, _: V.Type
  ) -> V where L.Vector == V { T.shifted(scores, index, lanes, peak: peak, V.self) }
}

@c(topk_softmax_margin_plain_f32)
public func softmaxMarginPlainF32(_ call: UnsafePointer<TopkDeviceCall>) {
  simple(call, PlainTransform.self, Float.self)
}

@c(topk_softmax_margin_plain_f16)
public func softmaxMarginPlainF16(_ call: UnsafePointer<TopkDeviceCall>) {
  simple(call, PlainTransform.self, Float16.self)
}

@c(topk_softmax_margin_plain_bf16)
public func softmaxMarginPlainBF16(_ call: UnsafePointer<TopkDeviceCall>) {
  simple(call, PlainTransform.self, BFloat16.self)
}

@c(topk_softmax_margin_offset_f32)
public func softmaxMarginOffsetF32(_ call: UnsafePointer<TopkDeviceCall>) {
  simple(call, OffsetTransform.self, Float.self)
}

@c(topk_softmax_margin_offset_f16)
public func softmaxMarginOffsetF16(_ call: UnsafePointer<TopkDeviceCall>) {
  simple(call, OffsetTransform.self, Float16.self)
}

@c(topk_softmax_margin_offset_bf16)
public func softmaxMarginOffsetBF16(_ call: UnsafePointer<TopkDeviceCall>) {
  simple(call, OffsetTransform.self, BFloat16.self)
}

/// Any member.
@c(topk_softmax_margin_any)
public func softmaxMarginAny(_ call: UnsafePointer<TopkDeviceCall>) {
  let loss = call.pointee.softmax_margin
  var family = SoftmaxMarginFamily(call)
  let offsets = loss.mitigation.numbers == nil ? nil : call.scratch
  if let offsets { family.offset = UnsafeRawPointer(offsets) }
  evaluateWidenedRows(call) { row in
    if let offsets, let mitigation = loss.mitigation.numbers {
      // The seesaw loss, whose offsets are each row's own.
      seesawOffsets(
        SeesawRow(
          logits: row.logits, mitigation: mitigation, offsets: offsets,
          compensation: loss.compensation, classes: call.pointee.classes, label: Int64(row.label)),
        TeamLanes<Block, Float>.self)
      Block.barrier()
    }
    var kernelRow = SoftmaxMarginRow(row, call, &family)
    softmaxMargin(&kernelRow, 1, AnyTransform.self, TeamLanes<Block, Float>.self)
    return kernelRow.loss
  }
}

/// Soft labels without margins.
@c(topk_softmax_margin_soft)
public func softmaxMarginSoft(_ call: UnsafePointer<TopkDeviceCall>) {
  var family = SoftmaxMarginFamily(call)
  (family.margin, family.lambda, family.focal_gamma) = (nil, 0, 0)
  evaluateWidenedRows(call) { row in
    var kernelRow = SoftmaxMarginRow(row, call, &family)
    kernelRow.take(softLabelsOf: row, call)
    softmaxMargin(&kernelRow, 1, AnyTransform.self, TeamLanes<Block, Float>.self)
    return kernelRow.loss
  }
}

/// Soft labels with margins.
@c(topk_softmax_margin_soft_margins)
public func softmaxMarginSoftMargins(_ call: UnsafePointer<TopkDeviceCall>) {
  var family = SoftmaxMarginFamily(call)
  family.margin = nil
  evaluateWidenedRows(call) { row in
    var kernelRow = SoftmaxMarginRow(row, call, &family)
    kernelRow.take(softLabelsOf: row, call)
    softLabelsWithMargins(&kernelRow, TeamLanes<Block, Float>.self)
    return kernelRow.loss
  }
}

extension SoftmaxMarginFamily {
  @inline(__always)
  fileprivate init(_ call: Call) {
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
  fileprivate init<E: Element>(
    _ row: CallRow<E>, _ call: Call, _ family: UnsafePointer<SoftmaxMarginFamily>
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
  fileprivate mutating func take(softLabelsOf row: CallRow<Float>, _ call: Call) {
    let softLabels = call.open(call.pointee.second, gradient: .none, row.index, place: 1)
    targets = UnsafeRawPointer(softLabels.logits)
    (label, hard) = (-1, 0)
  }
}
