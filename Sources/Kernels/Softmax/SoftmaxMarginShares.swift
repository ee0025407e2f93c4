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
    let target = Double(V.loadScalar(targets, index))
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
    var share = smoothing.map { lanes.loadOfClass($0, index) } ?? equalSmoothing
    if let targets {
      var target = lanes.load(targets, index)
      if isChecked {
        let isShare = Vector.both(
          Vector.lessOrEqual(Vector.zero, target), Vector.less(target, Vector.splat(.infinity)))
        target = Vector.splat(.nan).selecting(target, where: isShare)
      }
      share = Vector.multiplyAdd(
        target, weight.map { lanes.loadOfClass($0, index) * factor } ?? factor, share)
    }
    return lanes.keep(share, filler: 0)
  }
}

/// The sums of the shares and of q_j s (v_j − peak) without the label.
///
/// - Returns: whether a class is masked out.
@inline(never)
func addShares<V: Lanes>(_ row: MutableRow, _: V.Type) -> Bool {
  let pointer = SoftmaxMarginPointer(row)
  let family = row.pointee.family.pointee
  var sweep = SharesSweep<V>(
    scores: ClassScores(pointer), shares: Shares(pointer),
    shift: ShiftLanes(pointer, peak: V.Scalar(row.pointee.progress.peak)),
    targets: row.pointee.targets ?? UnsafeRawPointer(row.pointee.logits),
    nextTargets: row.pointee.next_targets ?? row.pointee.next_logits,
    nextBytes: Int(truncatingIfNeeded: family.next_bytes))
  sweep.run(classes: pointer.pointee.classCount, exceptLabel: pointer.pointee.labelIndex)
  let labelShare = row.pointee.share(pointer.pointee.labelIndex, V.self)
  row.pointee.progress.label_share = labelShare
  row.pointee.progress.other_shares = family.smoothing_sum - labelShare
  if row.pointee.targets != nil {
    let areShares = (V.zero - sweep.lowestTarget).largest <= 0 && sweep.shareSum.total < .infinity
    row.pointee.progress.other_shares = areShares ? sweep.shareSum.total : .nan
  }
  // Differences may be larger than the type can hold.
  let scores = family.scale * sweep.scoreSum.total
  row.pointee.progress.shared_scores =
    scores == -.infinity ? wideSharedScores(pointer, V.self) : scores
  return (V.zero - sweep.lowestLogit).largest == .infinity
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
  let targets: UnsafeRawPointer
  let nextTargets: UnsafeRawPointer
  let nextBytes: Int
  var shareSum = BlockSum<Vector>()
  var scoreSum = BlockSum<Vector>()
  var lowestLogit = Vector.zero
  var lowestTarget = Vector.zero

  @inline(__always)
  mutating func visit<L: LaneSelection>(_ index: Int, _ lanes: L) where L.Vector == Vector {
    // Zeros where there is nothing are as good as any that is not below 0.
    lowestLogit = Vector.minimum(lowestLogit, lanes.load(scores.logits, index))
    lowestTarget = Vector.minimum(lowestTarget, lanes.load(targets, index))
    let shifted = AnyTransform.shifted(scores, index, lanes, shift)
    let share = shares.share(index, lanes, isChecked: false)
    shareSum.partial = shareSum.partial + share
    // Where there is no share, a score of −∞ (masked out, or a lane not selected) counts for nothing.
    let counting = shifted.selecting(Vector.zero, where: Vector.equal(share, Vector.zero))
    scoreSum.partial = Vector.multiplyAdd(share, counting, scoreSum.partial)
    lanes_prefetch_read(nextTargets + index &* nextBytes)
  }

  @inline(__always)
  mutating func endBlock() {
    shareSum.endBlock()
    scoreSum.endBlock()
  }
}

/// Takes the shares off a gradient: of exponentials that were kept there, or of a row's with masked classes, which are
/// computed once more.
@inline(never)
func takeShares<V: Lanes>(
  _ row: SoftmaxMarginPointer, from gradient: UnsafeMutableRawPointer, _: V.Type
) {
  let (progress, family) = (row.pointee.progress, row.pointee.family.pointee)
  let (weight, scale) = (
    V.splat(V.Scalar(progress.weight)),
    V.splat(V.Scalar(row.pointee.gradient_scale * family.scale))
  )
  if progress.has_masked != 0 {
    var sweep = MaskedSweep<V>(
      scores: ClassScores(row), shares: Shares(row), gradient: gradient,
      shift: ShiftLanes(row, peak: V.Scalar(progress.peak)), exponent: V.exponent(family.scale),
      weight: weight, gradientScale: scale)
    // Among threads, whoever writes the label's own gradient does not wait for the others.
    sweep.run(
      classes: row.pointee.classCount,
      exceptLabel: V.lanesAreThreads ? row.pointee.labelIndex : -1)
  } else {
    var sweep = TakingSweep<V>(
      scores: ClassScores(row), shares: Shares(row), gradient: gradient, weight: weight,
      gradientScale: scale)
    sweep.run(classes: row.pointee.classCount)
  }
}

private struct TakingSweep<Vector: Lanes>: Sweep {
  let scores: ClassScores
  let shares: Shares<Vector>
  let gradient: UnsafeMutableRawPointer
  let weight: Vector
  let gradientScale: Vector

  @inline(__always)
  mutating func visit<L: LaneSelection>(_ index: Int, _ lanes: L) where L.Vector == Vector {
    let share = shares.share(index, lanes, isChecked: false)
    let result = lanes.load(UnsafeRawPointer(gradient), index) * weight - share * gradientScale
    lanes.store(scaled(result, scores, index, lanes, AnyTransform.self), gradient, index)
  }
}

private struct MaskedSweep<Vector: Lanes>: Sweep {
  let scores: ClassScores
  let shares: Shares<Vector>
  let gradient: UnsafeMutableRawPointer
  let shift: ShiftLanes<Vector>
  let exponent: Exponent<Vector>
  let weight: Vector
  let gradientScale: Vector

  @inline(__always)
  mutating func visit<L: LaneSelection>(_ index: Int, _ lanes: L) where L.Vector == Vector {
    let logit = lanes.load(scores.logits, index)
    let exponential = Vector.softmaxExponential(
      AnyTransform.shifted(scores, index, lanes, shift), exponent)
    let share = shares.share(index, lanes, isChecked: false)
    // A class that is masked out has no gradient, whatever its share; NaN, if the row is NaN, as the weight then is.
    let result = (exponential * weight - share * gradientScale)
      .selecting(weight * Vector.zero, where: Vector.equal(logit, Vector.minusInfinity))
    lanes.store(scaled(result, scores, index, lanes, AnyTransform.self), gradient, index)
  }
}
