import CKernels

// The part of the family's transformation that is the same for every label: v_j = d_j z_j + a_j. What a row does not have,
// d or a, is found out at every vector: it is the same at all of them, so that the processor foresees it and the test
// costs nothing that can be measured, where a copy of every sweep for every shape would be a tenth of the library.

extension SoftmaxMarginRow {
  /// v_j − peak, with the rounding error of the small difference and not of the large terms; −∞ in lanes that
  /// are not selected.
  @inline(__always)
  func shifted<L: LaneSelection>(_ index: Int, _ lanes: L, peak: L.Vector) -> L.Vector {
    typealias V = L.Vector
    let logit = lanes.load(logits, index)
    var score: V
    if let scale = class_scale {
      score = V.multiplyAdd(lanes.load(scale, index), logit, V.zero - peak)
    } else {
      score = logit - peak
    }
    if let offset { score = score + lanes.load(offset, index) }
    return lanes.keep(score, filler: -.infinity)
  }

  /// v_j − peak of one class, put together in the same order.
  @inline(__always)
  func shiftedScore<V: Lanes>(_ index: Int, peak: Double, _: V.Type) -> Double {
    let logit = Double(V.loadScalar(logits, index))
    let scaled = class_scale == nil ? logit : number(class_scale, index, V.self) * logit
    return (scaled - peak) + number(offset, index, V.self)
  }

  /// The chain rule's factor d_j on a gradient.
  @inline(__always)
  func scaled<L: LaneSelection>(_ gradient: L.Vector, _ index: Int, _ lanes: L) -> L.Vector {
    guard let scale = class_scale else { return gradient }
    return gradient * lanes.load(scale, index)
  }
}
