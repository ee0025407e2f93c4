import CKernels
import CSystem

// The smooth top-K SVM on one row (Berrada, Zisserman & Kumar, ICLR 2018). With e_j = exp(z_j / (k τ)) and σ_r the r-th
// elementary symmetric polynomial of the rivals' e_j:
//
//   ℓ = τ log( e_y σ_{k−1} + e^{α/τ} σ_k ) − τ log( e_y σ_{k−1} ) = τ log(1 + e^ρ),
//   ρ = α/τ + log(σ_k / σ_{k−1}) − log e_y
//
// For small k the polynomials are multiplied out (ElementarySymmetricPolynomials). Else let every rival happen with the odds e_j / c. Then σ_r is, but for a factor c^r that all r have, the probability that
// just r of them happen, and log(σ_k / σ_{k−1}) = log c + log P(N = k) − log P(N = k−1). With c such that k − ½ happen on
// average, both are of the order of the largest there is, whatever the logits and τ: nothing overflows and nothing
// cancels. Scores are counted from the k-th of the rivals, so that this holds for logits of any size. The gradient is
//
//   ∂ℓ/∂z_y = −s / k,   ∂ℓ/∂z_j = (s / k) (π_k(j) − π_{k−1}(j)),   s = e^ρ / (1 + e^ρ),
//
// where π_r(j) = p_j P(N_{−j} = r − 1) / P(N = r) is the probability that j happens, given that r do.

/// Bytes of scratch for either arithmetic type, or −1 if that overflows.
func smoothTopKSVMScratchBytes(k: Int, classes: Int) -> Int {
  if k <= ElementarySymmetricPolynomials<DoubleLanes>.mostDegree {
    return ElementarySymmetricPolynomials<DoubleLanes>.bytes
  }
  let (padded, paddedOverflows) = classes.addingReportingOverflow(DoubleLanes.width)
  let (numbers, overflows) = padded.multipliedReportingOverflow(by: 40)
  let (all, allOverflow) = numbers.addingReportingOverflow(CharacteristicFunction.bytes)
  return paddedOverflows || overflows || allOverflow ? -1 : all
}

@inline(never)
func smoothTopKSVM<V: ProcessorLanes>(_ row: SmoothTopKSVMRow, _: V.Type) -> Double {
  let classes = Int(truncatingIfNeeded: row.classes)
  if firstNotFinite(row.logits, classes, V.self) >= 0 {
    if let gradient = row.gradient { fill(gradient, with: .nan, classes, V.self) }
    return .nan
  }
  return row.k <= ElementarySymmetricPolynomials<V>.mostDegree
    ? byPolynomial(row, V.self) : byDistribution(row, V.self)
}

/// A row with fewer than k rivals loses nothing.
private func nothing<V: ProcessorLanes>(_ row: SmoothTopKSVMRow, _: V.Type) -> Double {
  if let gradient = row.gradient {
    fill(gradient, with: 0, Int(truncatingIfNeeded: row.classes), V.self)
  }
  return 0
}

@inline(never)
private func byPolynomial<V: ProcessorLanes>(_ row: SmoothTopKSVMRow, _: V.Type) -> Double {
  let (label, k) = (Int(truncatingIfNeeded: row.label), Int(truncatingIfNeeded: row.k))
  // Before its place is written to, in case the gradient replaces the logits.
  let own = Double(V.loadScalar(row.logits, label))
  guard let polynomial = ElementarySymmetricPolynomials<V>(row) else { return nothing(row, V.self) }
  let term = SmoothTopKSVMTerm(
    k: row.k, tau: row.tau, alpha: row.alpha, center: polynomial.center, own: own,
    logRatio: log(polynomial.coefficient(k) / polynomial.coefficient(k &- 1)))
  if let gradient = row.gradient {
    let weight = row.gradient_scale * term.share / Double(k)
    polynomial.writeInclusion(gradient, weight: weight)
    V.storeScalar(V.Scalar(-weight), gradient, label)
  }
  return term.value
}

@inline(never)
private func byDistribution<V: ProcessorLanes>(_ row: SmoothTopKSVMRow, _: V.Type) -> Double {
  let (label, k) = (Int(truncatingIfNeeded: row.label), Int(truncatingIfNeeded: row.k))
  let own = Double(V.loadScalar(row.logits, label))
  var rivals = Rivals(row, V.self)
  guard let center = rivals.center(at: k, unit: Double(row.k) * row.tau) else {
    return nothing(row, V.self)
  }
  let logOdds = rivals.balance(k)
  let count = rivals.distribution(near: k)
  let (more, fewer) = (count.probability(of: k), count.probability(of: k &- 1))
  let term = SmoothTopKSVMTerm(
    k: row.k, tau: row.tau, alpha: row.alpha, center: center, own: own,
    logRatio: logOdds + log(more / fewer))

  if let gradient = row.gradient {
    let weight = row.gradient_scale * term.share / Double(k)
    rivals.findInclusion(count, k, more: more, fewer: fewer)
    fill(gradient, with: 0, Int(truncatingIfNeeded: row.classes), V.self)
    var index = 0
    while index < rivals.count {
      V.storeScalar(
        V.Scalar(weight * rivals.inclusion[index]), gradient, rivals.classes[index])
      index &+= 1
    }
    V.storeScalar(V.Scalar(-weight), gradient, label)
  }
  return term.value
}

/// The classes other than the label that are not masked out.
private struct Rivals {
  let classes: UnsafeMutablePointer<Int>
  /// π_k(j) − π_{k−1}(j), once known.
  let inclusion: UnsafeMutablePointer<Double>
  private let scores: UnsafeMutablePointer<Double>
  private let probabilities: UnsafeMutablePointer<Double>
  private let others: UnsafeMutablePointer<Double>
  private let working: UnsafeMutableRawPointer
  private(set) var count = 0

  init<V: ProcessorLanes>(_ row: SmoothTopKSVMRow, _: V.Type) {
    let rowCount = Int(truncatingIfNeeded: row.classes)
    let capacity = rowCount &+ DoubleLanes.width
    scores = row.scratch.assumingMemoryBound(to: Double.self)
    probabilities = scores + capacity
    inclusion = probabilities + capacity
    others = inclusion + capacity
    let rest = UnsafeMutableRawPointer(others + capacity)
    classes = rest.assumingMemoryBound(to: Int.self)
    working = rest + 8 &* capacity
    var index = 0
    while index < rowCount {
      let logit = V.loadScalar(row.logits, index)
      if index != Int(truncatingIfNeeded: row.label) && logit > -.infinity {
        scores[count] = Double(logit)
        classes[count] = index
        count &+= 1
      }
      index &+= 1
    }
    // Lanes beyond the last score: impossible.
    index = count
    while index < count &+ DoubleLanes.width {
      scores[index] = -.infinity
      index &+= 1
    }
  }

  /// Puts scores, logits so far, in units of k τ, counted from the k-th of them or a number at most half a unit above it.
  ///
  /// - Returns: the logit that they are counted from; nil if there are fewer.
  @inline(never)
  mutating func center(at k: Int, unit: Double) -> Double? {
    guard
      let center = scoreAtRank(scores, count, rank: k, tolerance: unit / 2, DoubleLanes.self)
    else { return nil }
    // Beyond a thousand units odds are 0 or infinite.
    let furthest = 1e6
    var index = 0
    while index < count {
      let score = (scores[index] - center) / unit
      scores[index] = max(-furthest, min(score, furthest))
      index &+= 1
    }
    return center
  }

  /// Chooses the odds, so that k − ½ happen on average, and fills in the probabilities.
  ///
  /// - Returns: log c, what is taken off every score.
  @inline(never)
  func balance(_ k: Int) -> Double {
    // With log c so far below the k-th score its own and those above it suffice; so far above it those below are
    // too few.
    var low = -0.5 - log(2 * Double(k))
    var high = log(2 * Double(count))
    let wanted = Double(k) - 0.5
    var logOdds = (low + high) / 2
    var steps = 0
    while steps < 100 {
      let (mean, variance) = findProbabilities(logOdds)
      if abs(mean - wanted) <= 0.2 + 0.2 * variance.squareRoot() { break }
      if mean > wanted { low = logOdds } else { high = logOdds }
      let middle = (low + high) / 2
      if !(middle > low && middle < high) { break }
      logOdds = middle
      steps &+= 1
    }
    return logOdds
  }

  private func findProbabilities(_ logOdds: Double) -> (mean: Double, variance: Double) {
    var (mean, variance) = (DoubleLanes.splat(0), DoubleLanes.splat(0))
    var index = 0
    while index < count {
      let x = DoubleLanes.load(scores, index) - DoubleLanes.splat(logOdds)
      let p = Logistic(x).sigmoid
      DoubleLanes.store(p, probabilities, index)
      mean = mean + p
      variance = DoubleLanes.multiplyAdd(p, DoubleLanes.splat(1) - p, variance)
      index &+= DoubleLanes.width
    }
    return (mean.wideSum, variance.wideSum)
  }

  func distribution(near k: Int) -> CharacteristicFunction {
    CharacteristicFunction(
      probabilities: UnsafePointer(probabilities), count: count, near: k, memory: working)
  }

  @inline(never)
  func findInclusion(
    _ distribution: CharacteristicFunction, _ k: Int, more: Double, fewer: Double
  ) {
    distribution.probabilities(withoutEach: k &- 1, into: inclusion)
    distribution.probabilities(withoutEach: k &- 2, into: others)
    let (perMore, perFewer) = (DoubleLanes.splat(1 / more), DoubleLanes.splat(1 / fewer))
    var index = 0
    while index < count {
      let difference =
        DoubleLanes.load(inclusion, index) * perMore - DoubleLanes.load(others, index) * perFewer
      DoubleLanes.store(difference * DoubleLanes.load(probabilities, index), inclusion, index)
      index &+= DoubleLanes.width
    }
  }
}
