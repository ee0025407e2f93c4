import CKernels
import CSystem

// q_k in logarithms, for labels so far below that no type holds the probability, and for any k and any crowd of rivals.
//
// At a threshold t rivals are above it with probabilities p_j, and with u > 0
//
//   P(N_{−j} = k − 1) = W / (q_j + p_j u) · P'(N_{−j} = k − 1),   W = u^{−(k−1)} Π_i (q_i + p_i u),   q_j = 1 − p_j,
//
// where under P' (exponentially tilted) rival j is above with probability p_j u / (q_j + p_j u). With u such that k − ½ of
// them are on average, P' is of the order of 1 and its characteristic function loses nothing; what is small is in log W.
// The integrand, e^{−E} with E = −log Φ(z_y − t) − log min(W, W / u) but for factors of the order of 1, is a bump around its
// least E: for u < 1 W bounds P(N <= k − 1); for u > 1, where t is above the k-th rival, W / u bounds P(N >= k). W alone
// would not fall there before the rival that is next above.
// t and scores are in units of ε, counted from the k-th rival.

struct UnlikelyRank {
  /// log q_k, and ε times its derivative by the label's score.
  private(set) var logarithm = 0.0
  private(set) var pull = 0.0

  private let classes: Int
  private let label: Double
  private var rivals: TiltedRivals
  private let indexes: UnsafeMutablePointer<Int>
  private let shares: UnsafeMutablePointer<Double>
  private let others: UnsafeMutablePointer<Double>

  private static let nodes = 80
  /// Beyond this E, relative to the least, nothing is left.
  private static let depth = 32.0
  /// A label further below is looked at with more noise: E grows with the square of distances in units of ε, next to
  /// exactly so out there, where float64 would have no digits left for the bump.
  private static let furthest = 1e5

  static func bytes(classes: Int) -> Int {
    6 &* 8 &* (classes &+ DoubleLanes.width) &+ CharacteristicFunction.bytes
  }

  @inline(never)
  init<V: ProcessorLanes>(_ query: RankQuery<V>) {
    classes = query.classes
    let room = classes &+ DoubleLanes.width
    let scores = query.memory.quadrature.assumingMemoryBound(to: Double.self)
    indexes = UnsafeMutableRawPointer(scores + room).assumingMemoryBound(to: Int.self)
    (shares, others) = (scores + 2 &* room, scores + 3 &* room)
    // The very score: far below it, odds differ by e^(distance / 8) for a score that is ε / 8 beside it.
    let center = Double(query.anchor(tolerance: 0) ?? query.top)
    let distance = -query.lead(over: center)
    let stretch = max(1, distance / Self.furthest)
    let unit = query.row.epsilon * stretch
    label = (Double(query.own) - center) / unit
    var count = 0
    var index = 0
    while index < classes {
      let score = (Double(V.loadScalar(query.row.logits, index)) - center) / unit
      // Those further below are never above anything.
      if score > min(label, 0) - 60 {
        (scores[count], indexes[count], shares[count]) = (score, index, 0)
        count &+= 1
      }
      index &+= 1
    }
    rivals = TiltedRivals(
      scores: scores, count: count, k: query.k, probabilities: scores + 4 &* room,
      hazards: scores + 5 &* room)
    integrate(UnsafeMutableRawPointer(scores + 6 &* room))
    logarithm *= stretch * stretch
    pull *= stretch
    index = 0
    while index < count {
      shares[index] *= stretch
      index &+= 1
    }
  }

  /// E.
  @inline(never)
  private mutating func exponent(_ t: Double) -> Double {
    let logTilted = rivals.tilt(at: t)
    return max(0, rivals.logTilt) - NormalTails(t - label).logAbove - logTilted
  }

  /// The threshold with the least E, by golden section.
  private mutating func leastExponent() -> (threshold: Double, exponent: Double) {
    let ratio = 0.618_033_988_749_894_9
    var (low, high) = (min(label, 0) - 12, 10.0)
    var (a, b) = (high - ratio * (high - low), low + ratio * (high - low))
    var (ofA, ofB) = (exponent(a), exponent(b))
    while high - low > 1e-3 {
      if ofA < ofB {
        (high, b, ofB) = (b, a, ofA)
        a = high - ratio * (high - low)
        ofA = exponent(a)
      } else {
        (low, a, ofA) = (a, b, ofB)
        b = low + ratio * (high - low)
        ofB = exponent(b)
      }
    }
    return ofA < ofB ? (a, ofA) : (b, ofB)
  }

  /// Where the integrand ends, from its peak to one side.
  private mutating func end(_ peak: Double, _ least: Double, side: Double) -> Double {
    var (inside, outside) = (0.0, 0.05)
    while exponent(peak + side * outside) < least + Self.depth {
      (inside, outside) = (outside, 2 * outside)
    }
    while outside - inside > 0.05 * outside {
      let middle = (inside + outside) / 2
      if exponent(peak + side * middle) < least + Self.depth {
        inside = middle
      } else {
        outside = middle
      }
    }
    return peak + side * outside
  }

  private mutating func integrate(_ working: UnsafeMutableRawPointer) {
    let (peak, least) = leastExponent()
    let low = end(peak, least, side: -1)
    let step = (end(peak, least, side: 1) - low) / Double(Self.nodes &- 1)
    var total = 0.0
    var node = 0
    while node < Self.nodes {
      let t = low + step * Double(node)
      let tails = NormalTails(t - label)
      let weight = step * exp(tails.logAbove + rivals.tilt(at: t) + least)
      CharacteristicFunction(
        probabilities: UnsafePointer(rivals.probabilities), count: rivals.count, near: rivals.k,
        memory: working
      ).probabilities(withoutEach: rivals.k &- 1, into: others)
      var sum = 0.0
      var index = 0
      while index < rivals.count {
        let density = weight * rivals.hazards[index] * max(0, others[index])
        sum += density
        shares[index] += density * tails.hazard
        index &+= 1
      }
      total += sum
      pull += sum * tails.hazard
      node &+= 1
    }
    // Of a label that is above for sure, rounding may leave a little more than 1.
    logarithm = min(0, log(total) - least)
    pull /= total
    var index = 0
    while index < rivals.count {
      shares[index] /= total
      index &+= 1
    }
  }

  /// Writes −ε ∂ log q_k / ∂z_j of every class.
  @inline(never)
  func writeShares(_ target: UnsafeMutableRawPointer) {
    let gradient = target.assumingMemoryBound(to: Double.self)
    fill(target, with: 0, classes, DoubleLanes.self)
    var index = 0
    while index < rivals.count {
      gradient[indexes[index]] = shares[index]
      index &+= 1
    }
  }
}

/// Rivals above a threshold, tilted.
private struct TiltedRivals {
  let scores: UnsafeMutablePointer<Double>
  let count: Int
  let k: Int
  /// p_j u / (q_j + p_j u).
  let probabilities: UnsafeMutablePointer<Double>
  /// φ(t − z_j) / (q_j + p_j u).
  let hazards: UnsafeMutablePointer<Double>
  /// log u, less what it is for the k-th rival alone to be above as often as not; near what is found next.
  private var offset = 0.0
  /// log u.
  private(set) var logTilt = 0.0

  init(
    scores: UnsafeMutablePointer<Double>, count: Int, k: Int,
    probabilities: UnsafeMutablePointer<Double>, hazards: UnsafeMutablePointer<Double>
  ) {
    (self.scores, self.count, self.k) = (scores, count, k)
    (self.probabilities, self.hazards) = (probabilities, hazards)
    var index = count
    while index < count &+ DoubleLanes.width {
      probabilities[index] = 0
      index &+= 1
    }
  }

  /// Finds u, fills in probabilities and hazards, and returns log W.
  mutating func tilt(at t: Double) -> Double {
    let middle = NormalTails(t)
    let base = middle.logBelow - middle.logAbove
    // Up here the k strongest are all but surely above, down there those from the k-th on are half a rival together.
    var (low, high) = (-log(2 * Double(count)), log(2 * Double(k)) + 0.5)
    let wanted = Double(k) - 0.5
    var steps = 0
    while true {
      logTilt = base + offset
      let (mean, variance, logarithm) = fill(t, logOdds: logTilt)
      steps &+= 1
      if abs(mean - wanted) <= 0.2 + 0.2 * variance.squareRoot() || steps > 60 {
        return logarithm - logTilt * Double(k &- 1)
      }
      if mean > wanted { high = offset } else { low = offset }
      offset += (wanted - mean) / max(variance, 0.01)
      if !(offset > low && offset < high) { offset = (low + high) / 2 }
    }
  }

  private func fill(
    _ t: Double, logOdds v: Double
  ) -> (mean: Double, variance: Double, logarithm: Double) {
    var (mean, variance, logarithm) = (0.0, 0.0, 0.0)
    var index = 0
    while index < count {
      let tails = NormalTails(t - scores[index])
      let x = tails.logAbove + v - tails.logBelow
      let exponential = exp(-abs(x))
      let larger = 1 / (1 + exponential)
      let (p, q) = x > 0 ? (larger, larger * exponential) : (larger * exponential, larger)
      probabilities[index] = p
      hazards[index] = tails.hazardBelow * q
      mean += p
      variance += p * q
      logarithm += (x > 0 ? tails.logAbove + v : tails.logBelow) + log1p(exponential)
      index &+= 1
    }
    return (mean, variance, logarithm)
  }
}

/// The normal distribution at x in logarithms: that it is above x, or below, and the density relative to either.
private struct NormalTails {
  let logAbove: Double
  let logBelow: Double
  /// φ(x) / Φ(−x).
  let hazard: Double
  /// φ(x) / Φ(x).
  let hazardBelow: Double

  @inline(never)
  init(_ x: Double) {
    let distance = abs(x)
    let ratio = Self.millsRatio(distance)
    let logDensity = -0.5 * x * x - 0.918_938_533_204_672_7
    let logTail = logDensity + log(ratio)
    let tail = exp(logTail)
    let (logRest, ofTail, ofRest) = (log1p(-tail), 1 / ratio, exp(logDensity) / (1 - tail))
    (logAbove, logBelow) = x > 0 ? (logTail, logRest) : (logRest, logTail)
    (hazard, hazardBelow) = x > 0 ? (ofTail, ofRest) : (ofRest, ofTail)
  }

  private static func millsRatio(_ x: Double) -> Double {
    x < 20
      ? DoubleLanes.millsRatio(.splat(x))[0]
      : 1 / (x + 1 / (x + 2 / (x + 3 / (x + 4 / (x + 5 / (x + 6 / x))))))
  }
}
