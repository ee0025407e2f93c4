import CKernels
import CSystem

// The order statistic of noised scores as an expectation, without sampling:
//
//   T = E[(z + ε Z)_[r]] = t_hi − ∫ P(N(t) <= r − 1) dt,   ∂T/∂z_j = ∫ φ((t − z_j) / ε) / ε · P(N_{−j}(t) = r − 1) dt
//
// N(t) is how many scores with noise are above t: a sum of independent indicators with p_j(t) = Φ((z_j − t) / ε). The
// integrals are taken over the region where P(N(t) <= r − 1) is neither 0 nor 1, with the scores that can cross it; the
// distribution of N comes from truncated polynomials for small ranks, and from its characteristic function for
// large ones.

/// T on one row, with what its gradient needs.
struct ExactOrderStatistic<Vector: Lanes>: OrderStatistic {
  let value: Double
  private let row: NoisedTopKRow
  /// Nil where no unmasked score has the rank.
  private let plan: QuadraturePlan<Vector>?

  @inline(never)
  init(_ row: NoisedTopKRow) {
    self.row = row
    let classes = Int(truncatingIfNeeded: row.classes)
    guard
      let center = scoreAtRank(
        row.logits, classes, rank: Int(truncatingIfNeeded: row.rank),
        tolerance: row.epsilon / 8, Vector.self)
    else {
      value = -.infinity
      plan = nil
      return
    }
    let plan = QuadraturePlan<Vector>(row, center: center)
    value = Double(center) + row.epsilon * plan.relativeValue()
    self.plan = plan
  }

  @inline(never)
  func writeGradient(_ gradient: UnsafeMutableRawPointer, weight: Double) {
    let classes = Int(truncatingIfNeeded: row.classes)
    let label = Int(truncatingIfNeeded: row.label)
    guard let plan else {
      writeMaskedGradient(gradient, weight: weight)
      return
    }
    // The list holds what is needed of the logits, over which the gradient may be written.
    plan.findShares()
    fill(gradient, with: 0, classes, Vector.self)
    if label >= 0 { Vector.storeScalar(Vector.Scalar(-weight), gradient, label) }
    let list = plan.list
    var index = 0
    while index < list.count {
      // The smallest shares may come out just below 0.
      let share = max(0, list.shares[index])
      let classIndex = list.classes[index]
      Vector.storeScalar(
        Vector.Scalar(weight * (classIndex == label ? share - 1 : share)), gradient, classIndex)
      index &+= 1
    }
  }

  /// The rank is held by a class that is masked out: the first of them, as in a sample.
  private func writeMaskedGradient(_ gradient: UnsafeMutableRawPointer, weight: Double) {
    let classes = Int(truncatingIfNeeded: row.classes)
    let label = Int(truncatingIfNeeded: row.label)
    var masked = 0
    while masked &+ 1 < classes && Vector.loadScalar(row.logits, masked) > -.infinity {
      masked &+= 1
    }
    fill(gradient, with: 0, classes, Vector.self)
    if masked != label {
      Vector.storeScalar(Vector.Scalar(weight), gradient, masked)
      if label >= 0 { Vector.storeScalar(Vector.Scalar(-weight), gradient, label) }
    }
  }
}

/// Bytes of scratch for either arithmetic type, or −1 if that overflows.
func exactOrderStatisticScratchBytes(classes: Int) -> Int {
  let float32 = QuadraturePlan<FloatLanes>.bytes(classes: classes)
  let float64 = QuadraturePlan<DoubleLanes>.bytes(classes: classes)
  return min(float32, float64) < 0 ? -1 : max(float32, float64)
}
