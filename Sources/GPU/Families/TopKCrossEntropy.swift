import CDevice
import CGPU

// The top-K cross-entropy (Sources/Kernels/TopKCrossEntropy has the loss), a block a row, for any element type:
//
//   ℓ = −log Σ_k P_k q_k,   q_1 = softmax(z)_y,   q_k = P( y is among the k largest of z + ε Z ) for k >= 2
//
// Terms are put together by their logarithms, gradients as means of those of log q_k, by the share that each term has in the sum.
//
// Shared memory: TOPK_DEVICE_REDUCTION_BYTES + 128, whatever the threads. Scratch: NodeTables.bytes = 133,632 and 4 a class,
// behind rows that are widened. 128 threads or more.

@c(topk_topk_cross_entropy)
public func topKCrossEntropy(_ call: UnsafePointer<TopkDeviceCall>) {
  evaluateWidenedRows(call) { row in
    TopKCrossEntropyOfRow(
      loss: call.pointee.topk_cross_entropy, row: row, classes: call.classCount,
      scratch: call.scratch
    ).evaluate()
  }
}

private struct TopKCrossEntropyOfRow {
  let loss: DeviceTopKCrossEntropy
  let row: CallRow<Float>
  let classes: Int
  let scratch: UnsafeMutableRawPointer

  /// A sum over ranks, of log q_k's derivatives.
  private var shares: UnsafeMutablePointer<Float> {
    (scratch + NodeTables.bytes).assumingMemoryBound(to: Float.self)
  }

  @inline(__always)
  func evaluate() -> Double {
    // Before its place is written to.
    let own = Double(row.logits[row.label])
    let strongest = StrongestClasses(
      row.logits, classes, except: row.label, count: Int(loss.k),
      gpu_shared() + Block.reductionBytes)
    let top = strongest.score(0)
    if strongest.isBad || own == -.infinity || top == -.infinity {
      // A label that is masked out is lost; one that is alone loses nothing.
      clear(row.gradient, classes, to: strongest.isBad ? .nan : 0)
      return strongest.isBad ? .nan : own == -.infinity ? .infinity : 0
    }
    var (terms, softmax) = (Terms(), (perExponential: 0.0, pull: 0.0))
    var k = 1
    while k <= Int(loss.k) {
      let weight = loss.weights.double(k &- 1) ?? 0
      if weight > 0 { add(k, log(weight), own, strongest, to: &terms, &softmax) }
      k &+= 1
    }
    if let gradient = row.gradient { write(gradient, terms, softmax, top: Double(top)) }
    return -terms.logarithm
  }

  /// Adds P_k q_k to the sum, and what its gradient needs: of q_1 −∂ log q_1 / ∂z_j relative to e^(z_j − top), and the
  /// label's; of others in `shares`.
  @inline(__always)
  private func add(
    _ k: Int, _ logWeight: Double, _ own: Double, _ strongest: StrongestClasses,
    to terms: inout Terms, _ softmax: inout (perExponential: Double, pull: Double)
  ) {
    // Of numbers alone what there may be and may not be: a pointer that is none would be no address of shared memory.
    var (logarithm, likelihood) = (0.0, RankLikelihood?.none)
    let score = strongest.score(k &- 1)
    let lead = (own - Double(score)) / loss.epsilon
    let unit = loss.epsilon * RankLikelihood.stretch(lead: lead)
    let quadrature = RankQuadrature(
      logits: row.logits, classes: classes, label: row.label, rank: k,
      strongest: strongest.prefix(k), tables: NodeTables(scratch), perUnit: min(1 / unit, 1e300))
    var (sum, gap) = (0.0, 0.0)
    if k == 1 {
      sum = sumOfExponentials(strongest)
      gap = (Double(score) - own) + log(sum)
    } else if score > -.infinity && lead < RankLikelihood.sure {
      // Otherwise the label is for sure: among fewer than k others, or so far above them.
      let found = RankLikelihood(quadrature, lead: lead)
      (logarithm, likelihood) = (found.logarithm, found)
    }
    let term = logWeight + logarithm
    let logistic = ScalarLogistic(k == 1 ? gap : term - terms.logarithm)
    if k == 1 {
      softmax = (logistic.sigmoid / sum, logistic.sigmoid)
      terms.begin(logWeight - logistic.softplus)
      return
    }
    let part = terms.add(term, logistic)
    guard let likelihood, row.gradient != nil else { return }
    var pull = 0.0
    let (hasShares, factor) = (terms.hasShares, terms.ofShares)
    likelihood.writeShares(quadrature) { index, own in
      pull += own
      let before = hasShares ? Double(shares[index]) * factor : 0
      shares[index] = Float(part * own + before)
    }
    // Shares of the strongest are other threads': the sum has barriers.
    terms.merge(pull: part * Block.sum(pull))
  }

  @inline(__always)
  private func sumOfExponentials(_ strongest: StrongestClasses) -> Double {
    let top = Double(strongest.score(0))
    var (sum, index) = (0.0, Block.place)
    while index < classes {
      if index != row.label { sum += Double(deviceExponential(Double(row.logits[index]) - top)) }
      index &+= Block.width
    }
    return Block.sum(sum)
  }

  @inline(__always)
  private func write(
    _ gradient: UnsafeMutablePointer<Float>, _ terms: Terms,
    _ softmax: (perExponential: Double, pull: Double), top: Double
  ) {
    let ofSoftmax = row.gradientScale * terms.ofSoftmax
    let perPull = row.gradientScale / loss.epsilon
    var index = Block.place
    while index < classes {
      var slope = -(ofSoftmax * softmax.pull + perPull * terms.pull)
      if index != row.label {
        let exponential = Double(deviceExponential(Double(row.logits[index]) - top))
        let share = terms.hasShares ? Double(shares[index]) * terms.ofShares : 0
        slope = perPull * share + ofSoftmax * softmax.perExponential * exponential
      }
      gradient[index] = Float(slope)
      index &+= Block.width
    }
  }
}

/// Σ_k P_k q_k so far.
private struct Terms {
  private(set) var logarithm = -Double.infinity
  /// What part of the sum the softmax is, and how many times the shares its derivatives are.
  private(set) var ofSoftmax = 0.0
  private(set) var ofShares = 0.0
  private(set) var hasShares = false
  /// ε times the derivative of the other terms by z_y.
  private(set) var pull = 0.0

  /// The softmax's term, the first.
  @inline(__always)
  mutating func begin(_ term: Double) { (logarithm, ofSoftmax) = (term, 1) }

  /// Adds a term by its logarithm, and returns what part of the sum it is.
  ///
  /// - Parameter gap: of how far it is above the sum so far.
  @inline(__always)
  mutating func add(_ term: Double, _ gap: ScalarLogistic) -> Double {
    let kept = 1 - gap.sigmoid
    logarithm = logarithm == -.infinity ? term : logarithm + gap.softplus
    (ofSoftmax, ofShares, pull) = (kept * ofSoftmax, kept * ofShares, kept * pull)
    return gap.sigmoid
  }

  /// Shares are now the sum of all.
  @inline(__always)
  mutating func merge(pull ofTerm: Double) {
    (hasShares, ofShares) = (true, 1)
    pull += ofTerm
  }
}
