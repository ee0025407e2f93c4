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
  let peak = peakOfAny(pointer, V.self)
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
    _ = addShares(row, V.self)
    state.pointee.shares = row.pointee.progress.other_shares
    state.pointee.shared_scores = row.pointee.progress.shared_scores
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
  } else {
    writeExponentials(pointer, to: gradient, AnyTransform.self, V.self)
  }
  if label >= 0 {
    V.storeScalar(
      V.Scalar(row.pointee.progress.label_gradient), gradient, pointer.pointee.labelIndex)
  }
}
