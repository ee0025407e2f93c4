import CKernels
import CSystem

// The likelihood of an answer of K classes, exactly (Petersen et al., ICML 2022, have it over truncated sorting networks):
//
//   ℓ = −log Σ_k P_k q_k,   q_1 = softmax(z)_y,   q_k = P( y is among the k largest of z + ε Z ) for k >= 2
//
// X_k, the k-th largest of the other scores with noise, is an order statistic of the row without the label, and the label
// is among the k largest if its own score with noise is above it: q_k = E[Φ((z_y − X_k) / ε)], by the quadrature of X_k's
// density (RankProbability), whatever the row; where next to nothing of it is left, in logarithms (UnlikelyRank).
//
// The terms are put together by their logarithms, and gradients as means of those of log q_k, by the share that each term
// has in the sum: nothing underflows that matters.

@inline(never)
func topKCrossEntropy<V: ProcessorLanes>(_ row: TopKCrossEntropyRow, _: V.Type) -> Double {
  let (classes, label) = (Int(truncatingIfNeeded: row.classes), Int(truncatingIfNeeded: row.label))
  let own = V.loadScalar(row.logits, label)
  let memory = TopKCrossEntropyMemory(row)
  let top = copyRivals(row, to: memory.rivals, V.self)
  let isBad = top.isNaN || top == .infinity || own.isNaN || own == .infinity
  if isBad || own == -.infinity {
    if let gradient = row.gradient { fill(gradient, with: isBad ? .nan : 0, classes, V.self) }
    return isBad ? .nan : .infinity
  }
  if top == -.infinity {
    if let gradient = row.gradient { fill(gradient, with: 0, classes, V.self) }
    return 0
  }
  let softmax = SoftmaxTerm(row, rivals: memory.rivals, own: Double(own), V.self)
  var ranks = RankTerms(gradient: row.gradient, other: memory.gradient)
  var k = 2
  while k <= row.k {
    let weight = row.weights[k &- 1]
    if weight > 0 {
      let term = log(weight)
      // A term so far below the softmax's does not matter, nor does its gradient, which is the larger by distance / ε.
      let distance = max(0, Double(top) - Double(own)) / row.epsilon
      let margin = (V.isFloat32 ? 18 : 30) + log(1 + distance) + max(0, -log(row.epsilon))
      let query = RankQuery<V>(
        row, k: k, own: own, top: top, negligible: term - softmax.logarithm + margin, memory)
      if let rank = RankProbability<V>(query) {
        if let target = ranks.add(
          rank.logarithm, pull: rank.pull, term: term, hasShares: rank.hasShares)
        {
          rank.writeShares(target)
          ranks.merge(classes, V.self)
        }
      } else if V.isFloat32 {
        return inFloat64(row, memory, own: Double(own), V.self)
      } else {
        let rank = UnlikelyRank(query)
        if let target = ranks.add(rank.logarithm, pull: rank.pull, term: term, hasShares: true) {
          rank.writeShares(target)
          ranks.merge(classes, V.self)
        }
      }
    }
    k &+= 1
  }
  let whole = logOfSum(softmax.logarithm, ranks.logarithm)
  if let gradient = row.gradient {
    let (ofSoftmax, ofRanks) = (
      exp(softmax.logarithm - whole), exp(ranks.logarithm - whole) / row.epsilon
    )
    let scale = row.gradient_scale
    addSoftmax(
      memory.rivals, peak: V.Scalar(softmax.peak),
      weight: V.Scalar(scale * ofSoftmax * softmax.perExponential),
      to: gradient, times: ranks.hasShares ? V.Scalar(scale * ofRanks * ranks.factor) : 0, classes,
      V.self)
    V.storeScalar(
      V.Scalar(-scale * (ofSoftmax * softmax.pull + ofRanks * ranks.pull)), gradient, label)
  }
  return -whole
}

/// log(e^a + e^b).
private func logOfSum(_ a: Double, _ b: Double) -> Double {
  let larger = max(a, b)
  return larger == -.infinity ? larger : larger + log1p(exp(min(a, b) - larger))
}

/// Copies the row, −∞ in the label's place. Returns the largest of the others; NaN if one is.
@inline(never)
private func copyRivals<V: ProcessorLanes>(
  _ row: TopKCrossEntropyRow, to rivals: UnsafeMutableRawPointer, _: V.Type
) -> V.Scalar {
  var sweep = RivalSweep<V>(logits: row.logits, rivals: rivals)
  sweep.run(
    classes: Int(truncatingIfNeeded: row.classes), exceptLabel: Int(truncatingIfNeeded: row.label))
  return V.allTrue(sweep.areNumbers) ? sweep.top.largest : .nan
}

private struct RivalSweep<Vector: ProcessorLanes>: Sweep {
  let logits: UnsafeRawPointer
  let rivals: UnsafeMutableRawPointer
  var top = Vector.minusInfinity
  var areNumbers = Vector.equal(Vector.zero, Vector.zero)

  @inline(__always)
  mutating func visit<L: LaneSelection>(_ index: Int, _ lanes: L) where L.Vector == Vector {
    let scores = lanes.keep(lanes.load(logits, index), filler: -.infinity)
    Vector.store(scores, rivals, index)
    top = Vector.maximum(top, scores)
    areNumbers = Vector.both(areNumbers, Vector.equal(scores, scores))
  }
}

/// The row in float64, whose range and kernels are the wider ones.
@inline(never)
private func inFloat64<V: ProcessorLanes>(
  _ row: TopKCrossEntropyRow, _ memory: TopKCrossEntropyMemory, own: Double, _: V.Type
) -> Double {
  let classes = Int(truncatingIfNeeded: row.classes)
  var index = 0
  while index < classes {
    DoubleLanes.store(V.doubles(memory.rivals, index), memory.wideLogits, index)
    index &+= DoubleLanes.width
  }
  DoubleLanes.storeScalar(own, memory.wideLogits, Int(truncatingIfNeeded: row.label))
  var wide = row
  wide.logits = UnsafeRawPointer(memory.wideLogits)
  wide.gradient = row.gradient == nil ? nil : memory.wideGradient
  wide.scratch = memory.wideScratch
  let value = float64Kernels().topk_cross_entropy(&wide)
  if let gradient = row.gradient {
    index = 0
    while index < classes {
      V.storeScalar(
        V.Scalar(DoubleLanes.loadScalar(memory.wideGradient, index)), gradient, index)
      index &+= 1
    }
  }
  return value
}

/// log(P_1 q_1), and what its gradient is made of.
private struct SoftmaxTerm {
  let logarithm: Double
  /// ∂ log q_1 / ∂z_y = 1 − q_1.
  let pull: Double
  /// −∂ log q_1 / ∂z_j is so many times e^(z_j − peak).
  let perExponential: Double
  let peak: Double

  init<V: ProcessorLanes>(
    _ row: TopKCrossEntropyRow, rivals: UnsafeMutableRawPointer, own: Double, _: V.Type
  ) {
    guard row.weights[0] > 0 else {
      (logarithm, pull, perExponential, peak) = (-.infinity, 0, 0, 0)
      return
    }
    var peak = 0.0
    let logSum = logSumExp(rivals, Int(truncatingIfNeeded: row.classes), &peak, V.self)
    let gap = ScalarLogistic((peak - own) + logSum)
    logarithm = log(row.weights[0]) - gap.softplus
    pull = gap.sigmoid
    perExponential = gap.sigmoid * exp(-logSum)
    self.peak = peak
  }
}

/// gradient · factor + weight · e^(rivals − peak); without a factor, the gradient is not read.
@inline(never)
private func addSoftmax<V: ProcessorLanes>(
  _ rivals: UnsafeRawPointer, peak: V.Scalar, weight: V.Scalar,
  to gradient: UnsafeMutableRawPointer, times factor: V.Scalar, _ classes: Int, _: V.Type
) {
  var index = 0
  while index < classes {
    let here = min(V.width, classes &- index)
    var sum = V.zero
    if factor > 0 || factor < 0 {
      sum = V.load(UnsafeRawPointer(gradient), index, count: here, filler: 0) * V.splat(factor)
    }
    if weight > 0 || weight < 0 {
      let exponential = V.exponential(V.load(rivals, index) - V.splat(peak))
      sum = V.multiplyAdd(exponential, V.splat(weight), sum)
    }
    V.store(sum, gradient, index, count: here)
    index &+= V.width
  }
}

/// The terms of k >= 2.
private struct RankTerms {
  /// log Σ_k P_k q_k.
  private(set) var logarithm = -Double.infinity
  /// ε times the derivative of that by z_y; those by the others are −factor / ε times what is in the gradient.
  private(set) var pull = 0.0
  private(set) var factor = 0.0
  private(set) var hasShares = false
  /// The share of what was added last.
  private var share = 0.0
  private let gradient: UnsafeMutableRawPointer?
  private let other: UnsafeMutableRawPointer

  init(gradient: UnsafeMutableRawPointer?, other: UnsafeMutableRawPointer) {
    (self.gradient, self.other) = (gradient, other)
  }

  /// Adds log q_k and its pull; the weight's logarithm is added to it.
  ///
  /// - Returns: where to write what the other classes have; then `merge` is to be called. Nil if that is not wanted.
  @inline(never)
  mutating func add(
    _ rank: Double, pull ofRank: Double, term: Double, hasShares ofRankHas: Bool
  ) -> UnsafeMutableRawPointer? {
    if rank == -.infinity { return nil }
    let sum = logOfSum(logarithm, term + rank)
    let kept = exp(logarithm - sum)
    share = exp(term + rank - sum)
    (logarithm, pull, factor) = (sum, kept * pull + share * ofRank, kept * factor)
    guard ofRankHas, let gradient else { return nil }
    return hasShares ? other : gradient
  }

  @inline(never)
  mutating func merge<V: ProcessorLanes>(_ classes: Int, _: V.Type) {
    guard hasShares, let gradient else {
      (hasShares, factor) = (true, share)
      return
    }
    let (old, new) = (V.splat(V.Scalar(factor)), V.splat(V.Scalar(share)))
    var index = 0
    while index < classes {
      let here = min(V.width, classes &- index)
      let present = V.load(UnsafeRawPointer(gradient), index, count: here, filler: 0) * old
      V.store(
        V.multiplyAdd(V.load(UnsafeRawPointer(other), index), new, present), gradient, index,
        count: here)
      index &+= V.width
    }
    factor = 1
  }
}
