import CKernels
import CSystem

/// The sigmoid and the softplus of x, from e^(−|x|) alone, which never overflows:
///
///     σ(x) = 1 / (1 + e^(−|x|)) for x >= 0, else e^(−|x|) / (1 + e^(−|x|))
///     log(1 + e^x) = max(x, 0) + log(1 + e^(−|x|))
///
/// The binary cross-entropy of a logit z is log(1 + e^z) for the target 0, whose gradient is σ(z). For the target 1 it
/// is the same of −z.
struct Logistic<Vector: Lanes> {
  private let x: Vector
  private let exponential: Vector
  /// σ(|x|)
  private let larger: Vector

  @inline(__always)
  init(_ x: Vector) {
    self.x = x
    let negated = Vector.zero - x
    exponential = Vector.exponential(x.selecting(negated, where: Vector.less(negated, x)))
    larger = Vector.quotient(.splat(1), exponential + Vector.splat(1))
  }

  @inline(__always)
  var sigmoid: Vector {
    (larger * exponential).selecting(larger, where: Vector.lessOrEqual(Vector.zero, x))
  }

  /// σ'(x) = σ(x) σ(−x)
  @inline(__always)
  var slope: Vector { larger * exponential * larger }

  @inline(__always)
  var softplus: Vector {
    Vector.maximum(Vector.zero, x) + Vector.logarithmOfOnePlus(exponential)
  }
}

/// The same of one number.
struct ScalarLogistic {
  let sigmoid: Double
  let slope: Double
  let softplus: Double

  init(_ x: Double) {
    let exponential = exp(-abs(x))
    let larger = 1 / (1 + exponential)
    sigmoid = x >= 0 ? larger : larger * exponential
    slope = larger * exponential * larger
    softplus = max(x, 0) + log1p(exponential)
  }
}

/// Σ_j σ(z_j); NaN if a logit is NaN or +∞.
@inline(never)
func sigmoidSum<V: Lanes>(_ logits: UnsafeRawPointer, _ classes: Int, _: V.Type) -> Double {
  if hasBadLogit(logits, classes, V.self) { return .nan }
  var sweep = SigmoidSweep<V>(logits: logits)
  sweep.run(classes: classes)
  return sweep.sum.total
}

private struct SigmoidSweep<Vector: Lanes>: Sweep {
  let logits: UnsafeRawPointer
  var sum = BlockSum<Vector>()

  @inline(__always)
  mutating func visit<L: LaneSelection>(_ index: Int, _ lanes: L) where L.Vector == Vector {
    let sigmoid = Logistic(lanes.load(logits, index)).sigmoid
    sum.partial = sum.partial + lanes.keep(sigmoid, filler: 0)
  }

  @inline(__always)
  mutating func endBlock() { sum.endBlock() }
}
