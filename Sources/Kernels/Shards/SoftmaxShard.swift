import CKernels
import CSystem

// Rows of the softmax-margin family whose classes are in several places, each with a shard of them. The sum over all is put
// together of the shards' as that of a long row is of its pieces' (SoftmaxMarginPieces.swift); exponentials are not kept but
// computed once more, below the shard's own peak, when the sum is known.

/// What there is to know of a shard.
@inline(never)
func softmaxShard<V: Lanes>(
  _ row: MutableRow, _ state: UnsafeMutablePointer<SoftmaxShardState>, _: V.Type
) {
  let (pointer, family) = (SoftmaxMarginPointer(row), row.pointee.family)
  let classes = pointer.pointee.classCount
  state.pointee.rival_class = -1
  if family.pointee.margin != nil && family.pointee.lambda != 0 {
    let rival = strongestRival(pointer, V.self)
    state.pointee.rival_class = Int64(rival)
    state.pointee.rival_logit = rival < 0 ? 0 : Double(V.loadScalar(row.pointee.logits, rival))
  }
  let peak = peakOfShard(pointer, V.self)
  if peak == -.infinity {
    // A NaN may have been passed over.
    state.pointee.rivals = hasBadLogit(row.pointee.logits, classes, V.self) ? .nan : 0
  } else {
    if family.pointee.isCoarse(Double(peak), V.self) {
      row.pointee.progress.rest = Double(largestShifted(pointer, 0, classes, peak: peak, V.self))
    }
    state.pointee.rivals = sumOnly(pointer, 0, classes, peak, V.self)
  }
  state.pointee.peak = Double(peak)
  state.pointee.rest = row.pointee.progress.rest
  if row.pointee.hasShares {
    // Where all is masked out, −∞ counts as that where there is a share.
    row.pointee.progress.peak = peak == -.infinity ? 0 : Double(peak)
    addAllShares(row, V.self)
    state.pointee.shares = row.pointee.progress.other_shares
    state.pointee.shared_scores = row.pointee.progress.shared_scores
  }
}

/// The largest v_j, by the transformation that the family has.
@inline(__always)
private func peakOfShard<V: Lanes>(_ row: SoftmaxMarginPointer, _: V.Type) -> V.Scalar {
  if row.pointee.family.pointee.class_scale != nil {
    return rivalPeak(row, ScaleOffsetTransform.self, V.self)
  }
  if row.pointee.family.pointee.offset != nil {
    return rivalPeak(row, OffsetTransform.self, V.self)
  }
  return rivalPeak(row, PlainTransform.self, V.self)
}

/// The sums of the shares of all classes but the label, if it is in the shard.
@inline(__always)
private func addAllShares<V: Lanes>(_ row: MutableRow, _: V.Type) {
  let label = row.pointee.label
  row.pointee.label = max(label, 0)
  _ = addShares(row, V.self)
  row.pointee.label = label
  let (progress, family) = (row.pointee.progress, row.pointee.family)
  // The class that stood in for the label.
  if label < 0 && progress.label_share != 0 {
    let score = ClassScore<V>(ClassScores(SoftmaxMarginPointer(row)), 0)
    row.pointee.progress.other_shares += progress.label_share
    row.pointee.progress.shared_scores +=
      progress.label_share
      * (family.pointee.scale * (score.shifted(peak: progress.peak) - progress.rest))
  }
}

/// The loss of a row whose sums are known, and the shard's part of its gradient.
@inline(never)
func completeSoftmaxShard<V: Lanes>(_ row: MutableRow, factor: Double, _: V.Type) {
  let label = row.pointee.label
  row.pointee.progress.label_exponential = exp(row.pointee.progress.label_shifted)
  // Of a label in another shard nothing is stored.
  row.pointee.label = max(label, 0)
  weigh(row, AnyTransform.self, V.self)
  row.pointee.label = label
  row.pointee.loss = row.pointee.value
  guard let gradient = row.pointee.gradient else { return }
  row.pointee.progress.weight *= factor
  // Where all of the shard is masked out there is nothing to count from.
  if row.pointee.progress.peak == -.infinity { row.pointee.progress.peak = 0 }
  row.pointee.progress.has_masked = 1
  let pointer = SoftmaxMarginPointer(row)
  if row.pointee.hasShares {
    takeShares(pointer, from: gradient, V.self)
  } else if !V.isFloat32 {
    // Rows of float64 are the rarer ones.
    writeShard(pointer, to: gradient, AnyTransform.self, V.self)
  } else if row.pointee.family.pointee.class_scale != nil {
    writeShard(pointer, to: gradient, ScaleOffsetTransform.self, V.self)
  } else if row.pointee.family.pointee.offset != nil {
    writeShard(pointer, to: gradient, OffsetTransform.self, V.self)
  } else {
    writeShard(pointer, to: gradient, PlainTransform.self, V.self)
  }
  if label >= 0 {
    V.storeScalar(
      V.Scalar(row.pointee.progress.label_gradient), gradient, pointer.pointee.labelIndex)
  }
}

/// The gradient of a row without shares from the logits, wrong at the label.
@inline(never)
private func writeShard<T: SoftmaxMarginTransform, V: Lanes>(
  _ row: SoftmaxMarginPointer, to gradient: UnsafeMutableRawPointer, _: T.Type, _: V.Type
) {
  let family = row.pointee.family.pointee
  var sweep = ShardSweep<T, V>(
    scores: ClassScores(row), gradient: gradient,
    shift: ShiftLanes(row, peak: V.Scalar(row.pointee.progress.peak), isRounded: T.isRounded),
    exponent: V.exponent(family.scale), weight: V.splat(V.Scalar(row.pointee.progress.weight)),
    nextLogits: row.pointee.next_logits,
    nextGradient: row.pointee.next_gradient ?? row.pointee.next_logits,
    nextBytes: Int(truncatingIfNeeded: family.next_bytes))
  sweep.run(0, row.pointee.classCount, alignedTo: gradient)
}

private struct ShardSweep<T: SoftmaxMarginTransform, Vector: Lanes>: Sweep {
  let scores: ClassScores
  let gradient: UnsafeMutableRawPointer
  let shift: ShiftLanes<Vector>
  let exponent: Exponent<Vector>
  let weight: Vector
  let nextLogits: UnsafeRawPointer
  let nextGradient: UnsafeRawPointer
  let nextBytes: Int

  @inline(__always)
  mutating func visit<L: LaneSelection>(_ index: Int, _ lanes: L) where L.Vector == Vector {
    let result =
      Vector.softmaxExponential(T.shifted(scores, index, lanes, shift), exponent) * weight
    lanes.store(scaled(result, scores, index, lanes, T.self), gradient, index)
    lanes_prefetch_read(nextLogits + index &* nextBytes)
    lanes_prefetch_write(nextGradient + index &* nextBytes)
  }
}
