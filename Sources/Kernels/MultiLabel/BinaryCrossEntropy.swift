import CKernels

// A row of binary cross-entropies. With x_j = −z_j for the label and the candidates and x_j = z_j for the negatives,
//
//   ℓ = Σ_j w_j log(1 + e^{x_j}),   ∂ℓ/∂z_j = ± w_j σ(x_j)
//
// with the sign of x_j in z_j. One sweep, in place or not; the label is added by itself.

@inline(never)
func binaryCrossEntropy<V: Lanes>(_ row: BinaryCrossEntropyRow, _: V.Type) -> Double {
  let label = Int(truncatingIfNeeded: row.label)
  let ofLabel = ScalarLogistic(-Double(V.loadScalar(row.logits, label)))
  var sweep = BinaryCrossEntropySweep<V>(row)
  sweep.run(classes: Int(truncatingIfNeeded: row.classes), exceptLabel: label)
  // Of threads that share a row, all have read the label's logit once they have a sum.
  let total = sweep.sum.total
  if let gradient = row.gradient {
    V.storeScalar(
      V.Scalar(row.probability_slope * ofLabel.slope - row.gradient_scale * ofLabel.sigmoid),
      gradient, label)
  }
  return ofLabel.softplus + total
}

private struct BinaryCrossEntropySweep<Vector: Lanes>: Sweep {
  private let row: BinaryCrossEntropyRow
  private let candidates: Candidates<Vector>
  private let negativeWeight: Vector
  private let candidateWeight: Vector
  private let negativeScale: Vector
  private let candidateScale: Vector
  private let slope: Vector
  private(set) var sum = BlockSum<Vector>()

  @inline(__always)
  init(_ row: BinaryCrossEntropyRow) {
    self.row = row
    candidates = Candidates(row)
    negativeWeight = Vector.splat(Vector.Scalar(row.negative_weight))
    candidateWeight = Vector.splat(Vector.Scalar(row.candidate_weight))
    negativeScale = Vector.splat(Vector.Scalar(row.gradient_scale * row.negative_weight))
    candidateScale = Vector.splat(Vector.Scalar(-row.gradient_scale * row.candidate_weight))
    slope = Vector.splat(Vector.Scalar(row.probability_slope))
  }

  @inline(__always)
  mutating func visit<L: LaneSelection>(_ index: Int, _ lanes: L) where L.Vector == Vector {
    let isCandidate = candidates.mask(index, lanes)
    let logit = lanes.load(row.logits, index)
    let logistic = Logistic(logit.selecting(Vector.zero - logit, where: isCandidate))
    let weight = negativeWeight.selecting(candidateWeight, where: isCandidate)
    // A weight of 0 makes nothing of a masked candidate's infinite loss.
    let loss = logistic.softplus
      .selecting(Vector.zero, where: Vector.equal(weight, Vector.zero))
    sum.partial = Vector.multiplyAdd(weight, lanes.keep(loss, filler: 0), sum.partial)
    if let gradient = row.gradient {
      let scale = negativeScale.selecting(candidateScale, where: isCandidate)
      lanes.store(
        Vector.multiplyAdd(logistic.sigmoid, scale, logistic.slope * slope), gradient, index)
    }
  }

  @inline(__always)
  mutating func endBlock() { sum.endBlock() }
}

/// Which classes of a row are candidates.
private struct Candidates<Vector: Lanes> {
  private let scores: Scores<Vector>
  private let cut: Vector
  private let tiesEnd: Int

  @inline(__always)
  init(_ row: BinaryCrossEntropyRow) {
    scores = Scores(row.scores)
    cut = Vector.splat(Vector.Scalar(row.cut))
    tiesEnd = Int(truncatingIfNeeded: row.ties_end)
  }

  @inline(__always)
  func mask<L: LaneSelection>(_ index: Int, _ lanes: L) -> Vector.Mask where L.Vector == Vector {
    let score = scores.load(index, lanes)
    let mayTie = Vector.range(0, max(0, min(Vector.width, tiesEnd &- index)), except: -1)
    return Vector.either(
      Vector.less(cut, score), Vector.both(Vector.equal(cut, score), mayTie))
  }
}
