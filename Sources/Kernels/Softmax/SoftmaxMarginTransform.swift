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
  if family.class_scale != nil {
    softmaxMargin(rows, count, ScaleOffsetTransform.self, V.self)
  } else if family.offset != nil {
    softmaxMargin(rows, count, OffsetTransform.self, V.self)
  } else {
    softmaxMargin(rows, count, PlainTransform.self, V.self)
  }
}

/// The part of the family's transformation that is the same for every label: v_j = d_j z_j + a_j. A type for each
/// shape, so that a member pays only for what it has.
protocol SoftmaxMarginTransform {
  /// Whether d is other than 1, so that the gradient too is multiplied by it.
  static var scalesClasses: Bool { get }

  /// v_j − peak, with the rounding error of the small difference and not of the large terms; −∞ in lanes that
  /// are not selected.
  static func shifted<V: Lanes, L: LaneSelection>(
    _ scores: ClassScores, _ index: Int, _ lanes: L, peak: V, _: V.Type
  ) -> V where L.Vector == V
}

/// The transformation of a member of the family, by which its rows are computed.
protocol SoftmaxMarginMember: SoftmaxMarginTransform {
  /// v_j − peak of one class, put together in the same order.
  static func shiftedScore<V: Lanes>(
    _ scores: ClassScores, _ index: Int, peak: Double, _: V.Type
  ) -> Double
}

/// d = 1, a = 0.
enum PlainTransform: SoftmaxMarginMember {
  @inline(__always) static var scalesClasses: Bool { false }

  @inline(__always)
  static func shifted<V: Lanes, L: LaneSelection>(
    _ scores: ClassScores, _ index: Int, _ lanes: L, peak: V, _: V.Type
  ) -> V where L.Vector == V {
    lanes.keep(lanes.load(scores.logits, index) - peak, filler: -.infinity)
  }

  @inline(__always)
  static func shiftedScore<V: Lanes>(
    _ scores: ClassScores, _ index: Int, peak: Double, _: V.Type
  ) -> Double {
    Double(V.loadScalar(scores.logits, index)) - peak
  }
}

/// d = 1.
enum OffsetTransform: SoftmaxMarginMember {
  @inline(__always) static var scalesClasses: Bool { false }

  @inline(__always)
  static func shifted<V: Lanes, L: LaneSelection>(
    _ scores: ClassScores, _ index: Int, _ lanes: L, peak: V, _: V.Type
  ) -> V where L.Vector == V {
    // Given, or another transformation would have been chosen. A test would be made for every vector.
    let offset = scores.offset.unsafelyUnwrapped
    return lanes.keep(
      (lanes.load(scores.logits, index) - peak) + lanes.load(offset, index),
      filler: -.infinity)
  }

  @inline(__always)
  static func shiftedScore<V: Lanes>(
    _ scores: ClassScores, _ index: Int, peak: Double, _: V.Type
  ) -> Double {
    (Double(V.loadScalar(scores.logits, index)) - peak) + number(scores.offset, index, V.self)
  }
}

/// The general case.
enum ScaleOffsetTransform: SoftmaxMarginMember {
  @inline(__always) static var scalesClasses: Bool { true }

  @inline(__always)
  static func shifted<V: Lanes, L: LaneSelection>(
    _ scores: ClassScores, _ index: Int, _ lanes: L, peak: V, _: V.Type
  ) -> V where L.Vector == V {
    let (scale, offset) = (scores.scale.unsafelyUnwrapped, scores.offset.unsafelyUnwrapped)
    let scaled = V.multiplyAdd(
      lanes.load(scale, index), lanes.load(scores.logits, index), V.zero - peak)
    return lanes.keep(scaled + lanes.load(offset, index), filler: -.infinity)
  }

  @inline(__always)
  static func shiftedScore<V: Lanes>(
    _ scores: ClassScores, _ index: Int, peak: Double, _: V.Type
  ) -> Double {
    let scale = number(scores.scale, index, V.self)
    return (scale * Double(V.loadScalar(scores.logits, index)) - peak)
      + number(scores.offset, index, V.self)
  }
}

/// Whichever of the above a row has, found out at every vector: for sweeps that few rows need, so that each is compiled
/// once. On long rows it costs a fifth.
enum AnyTransform: SoftmaxMarginTransform {
  @inline(__always) static var scalesClasses: Bool { true }

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
