import CKernels

// The sweeps that label smoothing needs: rows whose exponentials are not kept, and shares of all classes in the loss.

/// Σ q_j s (v_j − peak).
@inline(never)
func smoothedScores<V: Lanes>(
  _ row: SoftmaxMarginPointer, peak: V.Scalar, _: V.Type
) -> Double {
  let scale = row.pointee.family.pointee.scale
  var sweep = SmoothedScoresSweep<V>(
    scores: ClassScores(row), smoothing: Smoothing(row), shift: ShiftLanes(row, peak: peak))
  sweep.run(classes: row.pointee.classCount, exceptLabel: row.pointee.labelIndex)
  let total = scale * sweep.sum.total
  return total == -.infinity ? wideSmoothedScores(row, peak: Double(peak), V.self) : total
}

/// The same one by one in float64, for differences that the row's own type cannot hold.
@inline(never)
private func wideSmoothedScores<V: Lanes>(
  _ row: SoftmaxMarginPointer, peak: Double, _: V.Type
) -> Double {
  let family = row.pointee.family.pointee
  var (total, index) = (0.0, 0)
  while index < row.pointee.classCount {
    let share = family.smoothing(index, V.self)
    if index != row.pointee.labelIndex && share != 0 {
      let score = ClassScore<V>(ClassScores(row), index).shifted(peak: peak)
      total += share * (family.scale * (score - row.pointee.progress.rest))
    }
    index &+= 1
  }
  return total
}

private struct SmoothedScoresSweep<Vector: Lanes>: Sweep {
  let scores: ClassScores
  let smoothing: Smoothing<Vector>
  let shift: ShiftLanes<Vector>
  var sum = BlockSum<Vector>()

  @inline(__always)
  mutating func visit<L: LaneSelection>(_ index: Int, _ lanes: L) where L.Vector == Vector {
    let score = AnyTransform.shifted(scores, index, lanes, shift)
    let share = smoothing.share(index, lanes)
    // Where nothing is smoothed, a score of −∞ (masked out, or a lane not selected) counts for nothing.
    let counting = score.selecting(Vector.zero, where: Vector.equal(share, Vector.zero))
    sum.partial = Vector.multiplyAdd(share, counting, sum.partial)
  }

  @inline(__always)
  mutating func endBlock() { sum.endBlock() }
}

/// q: the share of every class in what is smoothed.
private struct Smoothing<Vector: Lanes> {
  private let shares: UnsafeRawPointer?
  /// Where all are equal.
  private let equalShare: Vector

  @inline(__always)
  init(_ row: SoftmaxMarginPointer) {
    shares = row.pointee.family.pointee.smoothing
    equalShare = Vector.splat(Vector.Scalar(row.pointee.family.pointee.equalShare))
  }

  /// q_j; 0 in lanes that are not selected.
  @inline(__always)
  func share<L: LaneSelection>(_ index: Int, _ lanes: L) -> Vector where L.Vector == Vector {
    lanes.keep(shares.map { lanes.load($0, index) } ?? equalShare, filler: 0)
  }
}

extension SoftmaxMarginFamily {
  @inline(__always)
  fileprivate var equalShare: Double { smoothing_sum / Double(classes) }

  /// q_j of one class.
  @inline(__always)
  func smoothing<V: Lanes>(_ index: Int, _: V.Type) -> Double {
    if smoothing_sum == 0 { return 0 }
    return smoothing == nil ? equalShare : number(smoothing, index, V.self)
  }
}

/// Writes the gradient from the logits, for rows whose exponentials were not kept.
@inline(never)
func writeGradient<V: Lanes>(
  _ row: SoftmaxMarginPointer, to gradient: UnsafeMutableRawPointer, peak: V.Scalar,
  weight: Double, gradientScale: Double, _: V.Type
) {
  var sweep = GradientSweep<V>(
    scores: ClassScores(row), smoothing: Smoothing(row), gradient: gradient,
    shift: ShiftLanes(row, peak: peak),
    exponent: V.exponent(row.pointee.family.pointee.scale),
    weight: V.splat(V.Scalar(weight)),
    gradientScale: V.splat(V.Scalar(gradientScale)))
  sweep.run(classes: row.pointee.classCount)
}

private struct GradientSweep<Vector: Lanes>: Sweep {
  let scores: ClassScores
  let smoothing: Smoothing<Vector>
  let gradient: UnsafeMutableRawPointer
  let shift: ShiftLanes<Vector>
  let exponent: Exponent<Vector>
  let weight: Vector
  let gradientScale: Vector

  @inline(__always)
  mutating func visit<L: LaneSelection>(_ index: Int, _ lanes: L) where L.Vector == Vector {
    let shifted = AnyTransform.shifted(scores, index, lanes, shift)
    let logit = lanes.load(scores.logits, index)
    // A class that is masked out has no gradient, whatever its smoothing; NaN, if the row is NaN.
    let result =
      (Vector.softmaxExponential(shifted, exponent) * weight
      - smoothing.share(index, lanes) * gradientScale)
      .selecting(weight * Vector.zero, where: Vector.equal(logit, Vector.minusInfinity))
    lanes.store(scaled(result, scores, index, lanes, AnyTransform.self), gradient, index)
  }
}
