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
struct ExactOrderStatistic<Vector: ProcessorLanes>: OrderStatistic {
  let value: Double
  private let row: NoisedTopKRow
  /// Nil where no unmasked score has the rank.
  private let plan: QuadraturePlan<Vector>?

  @inline(never)
  init(_ row: NoisedTopKRow) {
    self.row = row
    plan = QuadraturePlan<Vector>(row)
    value = plan?.value(epsilon: row.epsilon) ?? -.infinity
  }

  @inline(never)
  func writeGradient(_ gradient: UnsafeMutableRawPointer, weight: Double) {
    guard let plan else {
      writeMaskedGradient(gradient, weight: weight)
      return
    }
    plan.writeShares(Int(truncatingIfNeeded: row.classes), weight: weight, to: gradient)
    let label = Int(truncatingIfNeeded: row.label)
    if label >= 0 {
      let share = Double(Vector.loadScalar(gradient, label))
      Vector.storeScalar(Vector.Scalar(share - weight), gradient, label)
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
func exactOrderStatisticScratchBytes(rank: Int, classes: Int, epsilon: Double) -> Int {
  let float32 = QuadraturePlan<FloatLanes>.bytes(rank: rank, classes: classes, epsilon: epsilon)
  let float64 = QuadraturePlan<DoubleLanes>.bytes(rank: rank, classes: classes, epsilon: epsilon)
  return min(float32, float64) < 0 ? -1 : max(float32, float64)
}
