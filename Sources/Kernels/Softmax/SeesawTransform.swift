import CKernels

/// The seesaw loss (Wang et al., CVPR 2021): v_j = z_j + min(0, m_j − m_y) + q max(0, z_j − t). With m = p log n rare
/// labels push frequent rivals less, and with the second term rivals that are above the label are pushed more.
///
/// As t is at least lse(z) + log 0.01, no logit is far above it: it is counted from the largest of them, so that the
/// difference has the rounding error of a small number.
enum SeesawTransform: SoftmaxMarginMember {
  /// log 0.01: rivals of a label that is less probable are compared with this.
  @inline(__always) private static var logLeastProbability: Double { -4.605170185988091 }

  @inline(__always) static var scalesClasses: Bool { false }

  @inline(__always)
  static func prepare<V: Lanes>(_ row: MutableRow, _: V.Type) {
    let family = row.pointee.family.pointee
    let label = Int(truncatingIfNeeded: row.pointee.label)
    var highest = 0.0
    let logSum = logSumExp(
      row.pointee.logits, Int(truncatingIfNeeded: family.classes), &highest, V.self)
    let own = Double(V.loadScalar(row.pointee.logits, label)) - highest
    row.pointee.progress.highest = highest
    row.pointee.progress.highest_above = 0 - max(own, logSum + logLeastProbability)
    row.pointee.progress.label_mitigation = number(family.mitigation, label, V.self)
  }

  @inline(__always)
  static func shifted<V: Lanes, L: LaneSelection>(
    _ scores: ClassScores, _ index: Int, _ lanes: L, peak: V, _: V.Type
  ) -> V where L.Vector == V {
    let logit = lanes.load(scores.logits, index)
    // Given, or another transformation would have been chosen.
    let share =
      lanes.load(scores.mitigation.unsafelyUnwrapped, index)
      - V.splat(V.Scalar(scores.labelMitigation))
    let mitigation = V.zero.selecting(share, where: V.less(share, V.zero))
    let above =
      (logit - V.splat(V.Scalar(scores.highest)))
      + V.splat(V.Scalar(scores.highestAbove))
    let compensated = V.multiplyAdd(
      V.maximum(V.zero, above), V.splat(V.Scalar(scores.compensation)), logit - peak)
    return lanes.keep(compensated + mitigation, filler: -.infinity)
  }

  /// The label's own: neither term is of it.
  @inline(__always)
  static func shiftedScore<V: Lanes>(
    _ scores: ClassScores, _ index: Int, peak: Double, _: V.Type
  ) -> Double {
    PlainTransform.shiftedScore(scores, index, peak: peak, V.self)
  }
}
