import CKernels
import CSystem

/// What is asked of a row without its label: how likely the label is to be among the k largest.
struct RankQuery<V: ProcessorLanes> {
  /// The rivals, and k as the rank.
  let row: NoisedTopKRow
  let own: V.Scalar
  /// The largest rival's score.
  let top: V.Scalar
  /// −log of a probability that does not matter.
  let negligible: Double
  let memory: TopKCrossEntropyMemory

  init(
    _ row: TopKCrossEntropyRow, k: Int, own: V.Scalar, top: V.Scalar, negligible: Double,
    _ memory: TopKCrossEntropyMemory
  ) {
    self.row = NoisedTopKRow(
      logits: memory.rivals, gradient: nil, classes: row.classes, label: -1, rank: Int64(k),
      samples: 0, noise: nil, noise_sample_stride: 0, seed: 0, step: 0, row: 0,
      first_class: 0, epsilon: row.epsilon, margin: 0, scale: 1, gradient_scale: 1,
      scratch: memory.quadrature)
    (self.own, self.top, self.negligible, self.memory) = (own, top, negligible, memory)
  }

  var k: Int { Int(truncatingIfNeeded: row.rank) }
  var classes: Int { Int(truncatingIfNeeded: row.classes) }

  /// How far the label is above a score, in units of ε.
  func lead(over score: Double) -> Double { (Double(own) - score) / row.epsilon }

  func label(over score: V.Scalar) -> LabelTail {
    LabelTail(score: lead(over: Double(score)), negligible: negligible, rank: k)
  }

  /// A number at the k-th rival's score, or at most so much above it; nil where there are fewer.
  func anchor(tolerance: Double) -> V.Scalar? {
    scoreAtRank(row.logits, classes, rank: k, tolerance: tolerance, V.self)
  }
}

/// q_k by the quadrature of the exact order statistic: ∫ Φ((z_y − t) / ε) f(t) dt, f the density of the k-th largest rival
/// with noise.
///
/// The region is where the integrand is. For a label far below, that is where rivals are rarely so low and the label is
/// rarely so high, as unlikely as numbers of the type can tell.
struct RankProbability<V: ProcessorLanes> {
  /// log q_k, and ε times its derivative by the label's score.
  let logarithm: Double
  let pull: Double
  /// 1 / q_k.
  private let weight: Double
  /// Nil where the label is among the k largest for sure, or never.
  private let polynomial: GeneratingPolynomial<V>?

  /// Beyond this lead over the largest rival, or over all that X_k can be, the label is above.
  private static var sureOverTop: Double { 16 }
  private static var sure: Double { V.isFloat32 ? 6.5 : 8.5 }
  /// −log of the smallest probability that is found this way: of what the type can tell, neglected parts and all.
  private static var least: Double { V.isFloat32 ? 50 : 250 }

  /// Nil where the row's scores are too crowded for it, k too large, or q_k too small.
  @inline(never)
  init?(_ query: RankQuery<V>) {
    if query.lead(over: Double(query.top)) > Self.sureOverTop {
      self.init(isSure: true)
      return
    }
    if let polynomial = Self.region(query, around: nil) {
      self.init(query, polynomial)
      return
    }
    guard let anchor = query.anchor(tolerance: query.row.epsilon / 8) else {
      self.init(isSure: true)
      return
    }
    let label = query.label(over: anchor)
    if label.exponent(distance: -label.score - 0.125) > query.negligible {
      self.init(isSure: false)
      return
    }
    guard let polynomial = Self.region(query, around: anchor) else { return nil }
    self.init(query, polynomial)
  }

  private static func region(
    _ query: RankQuery<V>, around anchor: V.Scalar?
  ) -> RowQuadrature<V>? {
    RowQuadrature<V>(
      query.row, around: anchor, label: query.label(over: anchor ?? query.top), top: query.top,
      memory: query.memory.quadrature)
  }

  private init(isSure: Bool) {
    (logarithm, pull, weight, polynomial) = (isSure ? 0 : -.infinity, 0, 0, nil)
  }

  private init?(_ query: RankQuery<V>, _ whole: RowQuadrature<V>) {
    let isNegligible = whole.region.least > query.negligible
    let label = query.lead(over: Double(whole.source.center))
    if isNegligible || label - whole.region.high > Self.sure {
      self.init(isSure: !isNegligible)
      return
    }
    guard whole.region.least < Self.least,
      let polynomial = whole.polynomial(
        rank: query.k, nodeMemory: query.memory.nodes, memory: query.memory.quadrature)
    else { return nil }
    self.init(polynomial, label: label)
  }

  private init(_ polynomial: GeneratingPolynomial<V>, label: Double) {
    _ = polynomial.integral()
    let probability = polynomial.findShares(of: label)
    logarithm = min(0, log(probability))
    weight = 1 / probability
    pull = weight * polynomial.sumOfShares()
    self.polynomial = polynomial
  }

  /// Whether the other classes' derivatives are not all 0.
  var hasShares: Bool { polynomial != nil }

  /// Writes −ε ∂ log q_k / ∂z_j of every class.
  func writeShares(_ target: UnsafeMutableRawPointer) {
    polynomial?.write(weight: weight, to: target)
  }
}
