import CKernels
import CSystem

// How many scores with noise are above t, at many t at once: the coefficients of Π_j (1 − p_j + p_j x), p_j the
// probability that score j is above t, up to x^(r−1). All terms are positive, so nothing cancels.
//
// The bulk of the scores, whose p_j are small at every t, enters through its power sums S_n = Σ p_j^n:
//
//   log Π (1 − p_j + p_j x) = −Σ_n S_n (1 − x)^n / n,
//
// whose first terms suffice; the exponential of a power series follows from its derivative (Newton's identities). The
// few strong scores are multiplied on one by one. Without score j the coefficients are, for a strong one, sums over
// the products of those before and those behind it; for one of the bulk, 1 / (1 − p_j (1 − x)) times the product:
// Σ_i p_j^i ∇^i c, with the backward differences of the coefficients.
//
// Lanes are values of t, except in sums over the bulk, where they are scores.

/// The distribution of the count at the nodes of a quadrature.
struct CountPolynomial<V: Lanes> {
  /// The largest rank that this is made for; and how many vectors of intermediate products it keeps.
  static var mostRank: Int { 16 }
  static var mostProducts: Int { 8192 }

  /// The number of coefficients.
  private let rank: Int
  private let list: ScoreList<V>
  /// How many scores at the front of the list are strong.
  private let strong: Int
  private let nodes: QuadratureNodes<V>
  /// Coefficients of the bulk, and of all scores: a row of nodes for every power of x.
  private let bulk: UnsafeMutableRawPointer
  private let product: UnsafeMutableRawPointer
  /// ∇^i c of the highest coefficient: a row of nodes for every i.
  private let differences: UnsafeMutableRawPointer
  private let suffix: UnsafeMutableRawPointer
  private let prefixes: UnsafeMutableRawPointer

  /// Whether a list can be done this way.
  static func suits(rank: Int, strong: Int) -> Bool {
    rank <= mostRank && strong &* (rank &+ 2) <= mostProducts
  }

  /// Bytes of working memory for rows of so many classes.
  static func bytes(classes: Int) -> Int {
    let tables = (3 &* mostRank &+ 1 &+ V.quadrature.terms) &* V.quadrature.mostNodes &* 8
    return tables &+ 64 &* min(mostProducts, min(classes, mostProducts) &* (mostRank &+ 2))
  }

  init(
    _ list: ScoreList<V>, strong: Int, nodes: QuadratureNodes<V>, memory: UnsafeMutableRawPointer
  ) {
    rank = list.rank
    self.list = list
    self.strong = strong
    self.nodes = nodes
    let table = Self.mostRank &* V.quadrature.mostNodes &* 8
    bulk = memory
    product = memory + table
    suffix = memory + 2 &* table
    differences = memory + 3 &* table
    prefixes = differences + (1 &+ V.quadrature.terms) &* V.quadrature.mostNodes &* 8
  }

  /// Where a table keeps a power's coefficients for nodes from `node` on.
  @inline(__always)
  private func at(_ power: Int, _ node: Int) -> Int { power &* nodes.count &+ node }

  /// Finds the coefficients, and returns the integral of P( at most r − 1 scores are above t ) over the nodes.
  @inline(never)
  func integral() -> Double {
    var node = 0
    while node < nodes.count {
      expandBulk(node)
      node &+= 1
    }
    var sum = 0.0
    node = 0
    while node < nodes.count {
      multiplyStrong(node, keeping: false)
      var total = V.zero
      var power = 0
      while power < rank {
        total = total + V.load(product, at(power, node))
        power &+= 1
      }
      sum += total.wideSum
      node &+= V.width
    }
    // The trapezoid rule: half of the last one, which is next to 1; the first is next to 0.
    return nodes.step * (sum - 0.5)
  }

  /// Newton's identities at one node, in float64.
  private func expandBulk(_ node: Int) {
    var sweep = PowerSums<V>(list: list, threshold: nodes[node])
    if list.count > strong { sweep.run(from: strong) }
    let terms = V.quadrature.terms
    // The coefficients of the series in powers of x, that of x^i times i.
    let slopes = suffix.assumingMemoryBound(to: Double.self)
    let coefficients = slopes + (terms &+ 1)
    var constant = 0.0
    var i = 0
    while i <= terms {
      slopes[i] = 0
      i &+= 1
    }
    var n = 1
    while n <= terms {
      let share = sweep.total(n) / Double(n)
      constant -= share
      var binomial = 1.0
      i = 1
      while i <= n {
        binomial *= -Double(n &- i &+ 1) / Double(i)
        slopes[i] -= share * binomial * Double(i)
        i &+= 1
      }
      n &+= 1
    }
    var power = 0
    while power < rank {
      var sum = power == 0 ? exp(constant) : 0
      i = 1
      while i <= min(power, terms) {
        sum += slopes[i] * coefficients[power &- i] / Double(power)
        i &+= 1
      }
      coefficients[power] = sum
      V.storeScalar(V.Scalar(sum), bulk, at(power, node))
      power &+= 1
    }
  }

  /// Multiplies the strong scores' factors on, at a vector of nodes; if `keeping`, every product on the way is kept, with
  /// the score's p and density behind it.
  @inline(never)
  private func multiplyStrong(_ node: Int, keeping: Bool) {
    var power = 0
    while power < rank {
      V.store(V.load(bulk, at(power, node)), product, at(power, node))
      power &+= 1
    }
    let threshold = V.load(nodes.thresholds, node)
    var score = 0
    while score < strong {
      let normal = NormalLanes(V.splat(list.scores[score]) - threshold)
      let kept = score &* (rank &+ 2)
      var below = V.zero
      power = 0
      while power < rank {
        let present = V.load(product, at(power, node))
        if keeping { V.store(present, prefixes, (kept &+ power) &* V.width) }
        V.store(
          V.multiplyAdd(present, normal.above, below * normal.below), product, at(power, node))
        below = present
        power &+= 1
      }
      if keeping {
        V.store(normal.below, prefixes, (kept &+ rank) &* V.width)
        V.store(normal.density, prefixes, (kept &+ rank &+ 1) &* V.width)
      }
      score &+= 1
    }
  }

  /// Finds ∂T/∂z_j = ∫ φ(t − z_j) P( r − 1 of the other scores are above t ) dt for every score, in units of 1 / ε.
  @inline(never)
  func findShares() {
    var score = 0
    while score < strong {
      list.shares[score] = 0
      score &+= 1
    }
    var node = 0
    while node < nodes.count {
      multiplyStrong(node, keeping: true)
      addStrongShares(node)
      node &+= V.width
    }
    if list.count == strong { return }
    findDifferences()
    var index = strong
    while index < list.count {
      bulkShares(index)
      index &+= V.width
    }
  }

  private func addStrongShares(_ node: Int) {
    var power = 0
    while power < rank {
      V.store(power == 0 ? V.splat(1) : V.zero, suffix, power &* V.width)
      power &+= 1
    }
    var score = strong
    while score > 0 {
      score &-= 1
      let kept = score &* (rank &+ 2)
      let p = V.load(prefixes, (kept &+ rank) &* V.width)
      let density = V.load(prefixes, (kept &+ rank &+ 1) &* V.width)
      var others = V.zero
      var below = V.zero
      power = 0
      while power < rank {
        let behind = V.load(suffix, power &* V.width)
        let before = V.load(prefixes, (kept &+ rank &- 1 &- power) &* V.width)
        others = V.multiplyAdd(before, behind, others)
        V.store(
          V.multiplyAdd(behind, V.splat(1) - p, below * p), suffix, power &* V.width)
        below = behind
        power &+= 1
      }
      list.shares[score] += nodes.step * (density * others).wideSum
    }
  }

  private func findDifferences() {
    let terms = V.quadrature.terms
    var node = 0
    while node < nodes.count {
      var order = 0
      while order <= terms {
        // Σ_l (−1)^l binomial(order, l) c_{r−1−l}
        var (sum, binomial) = (0.0, 1.0)
        var l = 0
        while l <= min(order, rank &- 1) {
          sum += binomial * Double(V.loadScalar(product, at(rank &- 1 &- l, node)))
          binomial *= -Double(order &- l) / Double(l &+ 1)
          l &+= 1
        }
        V.storeScalar(V.Scalar(sum), differences, at(order, node))
        order &+= 1
      }
      node &+= 1
    }
  }

  /// A vector of scores of the bulk, over all nodes.
  private func bulkShares(_ index: Int) {
    let scores = V.load(UnsafeRawPointer(list.scores), index)
    var sum = V.zero
    var node = 0
    while node < nodes.count {
      let tail = NormalTail(V.splat(nodes[node]) - scores)
      var order = V.quadrature.terms
      var others = V.splat(V.loadScalar(differences, at(order, node)))
      while order > 0 {
        order &-= 1
        others = V.multiplyAdd(
          others, tail.probability, V.splat(V.loadScalar(differences, at(order, node))))
      }
      sum = V.multiplyAdd(tail.density, others, sum)
      node &+= 1
    }
    // The list's memory goes on beyond its last score.
    V.store(sum, suffix, 0)
    var lane = 0
    while lane < V.width {
      list.shares[index &+ lane] = nodes.step * Double(V.loadScalar(suffix, lane))
      lane &+= 1
    }
  }
}

/// Σ p_j^n over the bulk, for n from 1 to the number of terms.
private struct PowerSums<V: Lanes> {
  let list: ScoreList<V>
  let threshold: V.Scalar
  private var totals = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)

  init(list: ScoreList<V>, threshold: V.Scalar) {
    self.list = list
    self.threshold = threshold
  }

  /// Sums from the first score of the bulk to the end of the list, with the zeros that follow it.
  @inline(never)
  mutating func run(from first: Int) {
    let t = V.splat(threshold)
    var index = first
    while index < list.count {
      let end = min(list.count, index &+ 512)
      var (s1, s2, s3, s4) = (V.zero, V.zero, V.zero, V.zero)
      var (s5, s6, s7, s8) = (V.zero, V.zero, V.zero, V.zero)
      while index < end {
        let p = NormalTail(t - V.load(UnsafeRawPointer(list.scores), index)).probability
        let square = p * p
        s1 = s1 + p
        s2 = s2 + square
        s3 = V.multiplyAdd(square, p, s3)
        s4 = V.multiplyAdd(square, square, s4)
        if V.quadrature.terms > 4 {
          let fourth = square * square
          s5 = V.multiplyAdd(fourth, p, s5)
          s6 = V.multiplyAdd(fourth, square, s6)
          s7 = V.multiplyAdd(fourth, square * p, s7)
          s8 = V.multiplyAdd(fourth, fourth, s8)
        }
        index &+= V.width
      }
      totals.0 += s1.wideSum
      totals.1 += s2.wideSum
      totals.2 += s3.wideSum
      totals.3 += s4.wideSum
      if V.quadrature.terms > 4 {
        totals.4 += s5.wideSum
        totals.5 += s6.wideSum
        totals.6 += s7.wideSum
        totals.7 += s8.wideSum
      }
    }
  }

  func total(_ n: Int) -> Double {
    switch n {
    case 1: totals.0
    case 2: totals.1
    case 3: totals.2
    case 4: totals.3
    case 5: totals.4
    case 6: totals.5
    case 7: totals.6
    default: totals.7
    }
  }
}
