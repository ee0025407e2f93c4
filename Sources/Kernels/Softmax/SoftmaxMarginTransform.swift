import CKernels

/// What the scores v_j of a row are made of. By itself, so that it stays in registers while a row is swept.
struct ClassScores {
  let logits: UnsafeRawPointer
  /// d; nil for 1.
  let scale: UnsafeRawPointer?
  /// a; nil for 0, not nil if d is not.
  let offset: UnsafeRawPointer?

  @inline(__always)
  init(_ row: SoftmaxMarginPointer) {
    logits = UnsafeRawPointer(row.pointee.logits)
    scale = row.pointee.family.pointee.class_scale
    offset = row.pointee.family.pointee.offset
  }
}

/// Rows of one family, by the transformation that it has.
func softmaxMargin<V: Lanes>(_ rows: MutableRow, count: Int, _: V.Type) {
  let family = rows.pointee.family.pointee
  if family.target_margin != nil {
    for row in 0..<count { softLabelsWithMargins(rows + row, V.self) }
  } else if family.class_scale != nil {
    softmaxMargin(rows, count, ScaleOffsetTransform.self, V.self)
  } else if family.offset != nil {
    softmaxMargin(rows, count, OffsetTransform.self, V.self)
  } else {
    softmaxMargin(rows, count, PlainTransform.self, V.self)
  }
}

/// The part of the family's transformation that is the same for every label: v_j = d_j z_j + a_j, with d_j z_j rounded
/// on every instruction set. A type for each shape, so that a member pays only for what it has.
protocol SoftmaxMarginTransform {
  /// Whether d is other than 1, so that the gradient too is multiplied by it.
  static var scalesClasses: Bool { get }
  /// Whether v_j is a sum, so that the peak is a rounded one.
  static var isRounded: Bool { get }

  /// Whether rows with a coarse peak are left as they are, for who comes later: what they take would hold registers that
  /// threads need for all others.
  static var leavesCoarseRows: Bool { get }

  /// v_j − peak, with the rounding error of the small difference and not of the large terms; −∞ in lanes that
  /// are not selected.
  static func shifted<V: Lanes, L: LaneSelection>(
    _ scores: ClassScores, _ index: Int, _ lanes: L, peak: V, _: V.Type
  ) -> V where L.Vector == V
}

/// What is taken off the scores of a row before exponentials are taken of them.
struct ShiftLanes<V: Lanes> {
  fileprivate let peak: V
  fileprivate let rest: V

  /// From scores that are no sums the rest is not taken by itself: it is the peak's, which is then a score of the row, a
  /// rival's or the label's.
  @inline(__always)
  init(_ row: SoftmaxMarginPointer, peak: V.Scalar, isRounded: Bool = true) {
    let rest = V.Scalar(row.pointee.progress.rest)
    self.peak = V.splat(isRounded ? peak : peak + rest)
    self.rest = V.splat(rest)
  }
}

extension SoftmaxMarginTransform {
  @inline(__always) static var leavesCoarseRows: Bool { false }

  /// v_j − peak, less what the peak's rounding has left.
  @inline(__always)
  static func shifted<V: Lanes, L: LaneSelection>(
    _ scores: ClassScores, _ index: Int, _ lanes: L, _ shift: ShiftLanes<V>
  ) -> V where L.Vector == V {
    let difference = shifted(scores, index, lanes, peak: shift.peak, V.self)
    return isRounded ? difference - shift.rest : difference
  }
}

/// v_j of one class, with the roundings that it has in a vector.
struct ClassScore<V: Lanes> {
  /// d_j z_j
  private let product: V.Scalar
  private let offset: V.Scalar?

  @inline(__always)
  init(_ scores: ClassScores, _ index: Int) {
    let logit = V.loadScalar(scores.logits, index)
    product = scores.scale.map { V.loadScalarOfClass($0, index) * logit } ?? logit
    offset = scores.offset.map { V.loadScalarOfClass($0, index) }
  }

  var score: Double { Double(product) + Double(offset ?? 0) }

  /// v_j − peak; finite where the type of the row cannot hold it, but float64 can.
  @inline(__always)
  func shifted(peak: Double) -> Double {
    if let offset {
      let rounded = (product - V.Scalar(peak)) + offset
      if rounded.isFinite { return Double(rounded) }
    }
    return (Double(product) - peak) + Double(offset ?? 0)
  }
}

/// d = 1, a = 0.
enum PlainTransform: SoftmaxMarginTransform {
  @inline(__always) static var scalesClasses: Bool { false }
  @inline(__always) static var isRounded: Bool { false }

  @inline(__always)
  static func shifted<V: Lanes, L: LaneSelection>(
    _ scores: ClassScores, _ index: Int, _ lanes: L, peak: V, _: V.Type
  ) -> V where L.Vector == V {
    lanes.keep(lanes.load(scores.logits, index) - peak, filler: -.infinity)
  }
}

/// d = 1.
enum OffsetTransform: SoftmaxMarginTransform {
  @inline(__always) static var scalesClasses: Bool { false }
  @inline(__always) static var isRounded: Bool { true }

  @inline(__always)
  static func shifted<V: Lanes, L: LaneSelection>(
    _ scores: ClassScores, _ index: Int, _ lanes: L, peak: V, _: V.Type
  ) -> V where L.Vector == V {
    // Given, or another transformation would have been chosen. A test would be made for every vector.
    let offset = scores.offset.unsafelyUnwrapped
    return lanes.keep(
      (lanes.load(scores.logits, index) - peak) + lanes.loadOfClass(offset, index),
      filler: -.infinity)
  }
}

/// The general case.
enum ScaleOffsetTransform: SoftmaxMarginTransform {
  @inline(__always) static var scalesClasses: Bool { true }
  @inline(__always) static var isRounded: Bool { true }

  @inline(__always)
  static func shifted<V: Lanes, L: LaneSelection>(
    _ scores: ClassScores, _ index: Int, _ lanes: L, peak: V, _: V.Type
  ) -> V where L.Vector == V {
    let (scale, offset) = (scores.scale.unsafelyUnwrapped, scores.offset.unsafelyUnwrapped)
    let product = lanes.loadOfClass(scale, index) * lanes.load(scores.logits, index)
    return lanes.keep((product - peak) + lanes.loadOfClass(offset, index), filler: -.infinity)
  }
}

/// Whichever of the above a row has, found out at every vector: for sweeps that few rows need, so that each is compiled
/// once. On long rows it costs a fifth.
enum AnyTransform: SoftmaxMarginTransform {
  @inline(__always) static var scalesClasses: Bool { true }
  @inline(__always) static var isRounded: Bool { true }

  @inline(__always)
  static func shifted<V: Lanes, L: LaneSelection>(
    _ scores: ClassScores, _ index: Int, _ lanes: L, peak: V, _: V.Type
  ) -> V where L.Vector == V {
    if scores.scale != nil {
      return ScaleOffsetTransform.shifted(scores, index, lanes, peak: peak, V.self)
    }
    if scores.offset != nil {
      return OffsetTransform.shifted(scores, index, lanes, peak: peak, V.self)
    }
    return PlainTransform.shifted(scores, index, lanes, peak: peak, V.self)
  }
}
