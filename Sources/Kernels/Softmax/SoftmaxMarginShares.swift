import CKernels

// Rows in whose loss all classes have shares q_j: those with label smoothing, and soft labels.

extension SoftmaxMarginRow {
  @inline(__always)
  var hasShares: Bool { family.pointee.smoothing_sum != 0 || targets != nil }

  /// q_j of one class; NaN for a soft label that is none.
  func share<V: Lanes>(_ index: Int, _: V.Type) -> Double {
    let family = family.pointee
    let smoothing =
      family.smoothing == nil
      ? family.smoothing_sum / Double(family.classes) : number(family.smoothing, index, V.self)
    guard let targets else { return smoothing }
    let target = number(targets, index, V.self)
    let weight = family.target_weight == nil ? 1 : number(family.target_weight, index, V.self)
    return (target >= 0 && target < .infinity ? target : .nan) * (weight * family.target_factor)
      + smoothing
  }

  /// Σ_j q_j, one by one.
  @inline(never)
  func totalShare<V: Lanes>(_: V.Type) -> Double {
    var (total, index) = (0.0, 0)
    while index < classCount {
      total += share(index, V.self)
      index &+= 1
    }
    return total
  }
}

/// q in lanes.
struct Shares<Vector: Lanes> {
  private let smoothing: UnsafeRawPointer?
  /// Where all are equal.
  private let equalSmoothing: Vector
  private let targets: UnsafeRawPointer?
  private let weight: UnsafeRawPointer?
  private let factor: Vector

  @inline(__always)
  init(_ row: SoftmaxMarginPointer) {
    let family = row.pointee.family
    smoothing = family.pointee.smoothing
    equalSmoothing = Vector.splat(
      Vector.Scalar(family.pointee.smoothing_sum / Double(family.pointee.classes)))
    targets = row.pointee.targets
    weight = family.pointee.target_weight
    factor = Vector.splat(Vector.Scalar(family.pointee.target_factor))
  }

  /// 0 in lanes that are not selected. Soft labels that are none are NaN where that is checked.
  @inline(__always)
  func share<L: LaneSelection>(_ index: Int, _ lanes: L, isChecked: Bool = true) -> Vector
  where L.Vector == Vector {
    var share = smoothing.map { lanes.load($0, index) } ?? equalSmoothing
    if let targets {
      var target = lanes.load(targets, index)
      if isChecked {
        let isShare = Vector.both(
          Vector.lessOrEqual(Vector.zero, target), Vector.less(target, Vector.splat(.infinity)))
        target = Vector.splat(.nan).selecting(target, where: isShare)
      }
      share = Vector.multiplyAdd(
        target, weight.map { lanes.load($0, index) * factor } ?? factor, share)
    }
    return lanes.keep(share, filler: 0)
  }
}

/// The exponentials' sum without the label, and those of the shares and of q_j s (v_j − peak). Exponentials are kept
/// where the gradient goes, if it is wanted.
@inline(never)
func addShares<V: Lanes>(_ row: MutableRow, _: V.Type) {
  let pointer = SoftmaxMarginPointer(row)
  let peak = V.Scalar(row.pointee.progress.peak)
  let gradient = row.pointee.gradient
  // Differences may be larger than the type can hold. Then they are needed once more, before they are written over.
  let isHuge = peak.magnitude > V.Scalar.greatestFiniteMagnitude / 8
  var sums = sharesSums(pointer, peak, keepIn: isHuge ? nil : gradient, V.self)
  if isHuge {
    if sums.scores == -.infinity { sums.scores = wideSharedScores(pointer, V.self) }
    if let gradient { _ = sharesSums(pointer, peak, keepIn: gradient, V.self) }
  }
  let labelShare = row.pointee.share(pointer.pointee.labelIndex, V.self)
  row.pointee.progress.rivals = sums.exponentials
  row.pointee.progress.shared_scores = sums.scores
  row.pointee.progress.label_share = labelShare
  row.pointee.progress.other_shares =
    row.pointee.targets == nil
    ? row.pointee.family.pointee.smoothing_sum - labelShare : sums.shares
}

@inline(never)
private func sharesSums<V: Lanes>(
  _ row: SoftmaxMarginPointer, _ peak: V.Scalar, keepIn gradient: UnsafeMutableRawPointer?,
  _: V.Type
) -> (exponentials: Double, shares: Double, scores: Double) {
  let scale = row.pointee.family.pointee.scale
  var sweep = SharesSweep<V>(
    scores: ClassScores(row), shares: Shares(row), shift: ShiftLanes(row, peak: peak),
    exponent: V.exponent(scale), gradient: gradient, nextLogits: row.pointee.next_logits,
    nextTargets: row.pointee.next_targets ?? row.pointee.next_logits,
    nextGradient: row.pointee.next_gradient ?? row.pointee.next_logits,
    nextBytes: Int(truncatingIfNeeded: row.pointee.family.pointee.next_bytes))
  sweep.run(classes: row.pointee.classCount, exceptLabel: row.pointee.labelIndex)
  return (sweep.sum.total, sweep.shareSum.total, scale * sweep.scoreSum.total)
}

/// Σ q_j s (v_j − peak) without the label, one by one in float64.
@inline(never)
private func wideSharedScores<V: Lanes>(_ row: SoftmaxMarginPointer, _: V.Type) -> Double {
  let (progress, scale) = (row.pointee.progress, row.pointee.family.pointee.scale)
  var (total, index) = (0.0, 0)
  while index < row.pointee.classCount {
    let share = row.pointee.share(index, V.self)
    if index != row.pointee.labelIndex && share != 0 {
      let score = ClassScore<V>(ClassScores(row), index).shifted(peak: progress.peak)
      total += share * (scale * (score - progress.rest))
    }
    index &+= 1
  }
  return total
}

private struct SharesSweep<Vector: Lanes>: Sweep {
  let scores: ClassScores
  let shares: Shares<Vector>
  let shift: ShiftLanes<Vector>
  let exponent: Exponent<Vector>
  let gradient: UnsafeMutableRawPointer?
  let nextLogits: UnsafeRawPointer
  let nextTargets: UnsafeRawPointer
  let nextGradient: UnsafeRawPointer
  let nextBytes: Int
  var sum = BlockSum<Vector>()
  var shareSum = BlockSum<Vector>()
  var scoreSum = BlockSum<Vector>()

  @inline(__always)
  mutating func visit<L: LaneSelection>(_ index: Int, _ lanes: L) where L.Vector == Vector {
    let logit = lanes.load(scores.logits, index)
    let shifted = AnyTransform.shifted(scores, index, lanes, shift)
    let share = shares.share(index, lanes)
    let exponential = Vector.softmaxExponential(shifted, exponent)
    sum.partial = sum.partial + exponential
    shareSum.partial = shareSum.partial + share
    // Where there is no share, a score of −∞ (masked out, or a lane not selected) counts for nothing.
    let counting = shifted.selecting(Vector.zero, where: Vector.equal(share, Vector.zero))
    scoreSum.partial = Vector.multiplyAdd(share, counting, scoreSum.partial)
    if let gradient {
      // No exponential is negative: the mark of a class that is masked out.
      let kept = exponential.selecting(
        Vector.splat(-1), where: Vector.equal(logit, Vector.minusInfinity))
      lanes.store(kept, gradient, index)
    }
    lanes_prefetch_read(nextLogits + index &* nextBytes)
    lanes_prefetch_read(nextTargets + index &* nextBytes)
    lanes_prefetch_write(nextGradient + index &* nextBytes)
  }

  @inline(__always)
  mutating func endBlock() {
    sum.endBlock()
    shareSum.endBlock()
    scoreSum.endBlock()
  }
}

/// Makes the gradient of the exponentials that were kept where it goes.
@inline(never)
func takeShares<V: Lanes>(
  _ row: SoftmaxMarginPointer, from gradient: UnsafeMutableRawPointer, _: V.Type
) {
  var sweep = TakingSweep<V>(
    scores: ClassScores(row), shares: Shares(row), gradient: gradient,
    weight: V.splat(V.Scalar(row.pointee.progress.weight)),
    gradientScale: V.splat(
      V.Scalar(row.pointee.gradient_scale * row.pointee.family.pointee.scale)))
  sweep.run(classes: row.pointee.classCount)
}

private struct TakingSweep<Vector: Lanes>: Sweep {
  let scores: ClassScores
  let shares: Shares<Vector>
  let gradient: UnsafeMutableRawPointer
  let weight: Vector
  let gradientScale: Vector

  @inline(__always)
  mutating func visit<L: LaneSelection>(_ index: Int, _ lanes: L) where L.Vector == Vector {
    let kept = lanes.load(UnsafeRawPointer(gradient), index)
    // A class that is masked out has no gradient, whatever its share; NaN, if the row is NaN, as the weight then is.
    let share = shares.share(index, lanes, isChecked: false)
    let result = (kept * weight - share * gradientScale)
      .selecting(weight * Vector.zero, where: Vector.less(kept, Vector.zero))
    lanes.store(scaled(result, scores, index, lanes, AnyTransform.self), gradient, index)
  }
}
