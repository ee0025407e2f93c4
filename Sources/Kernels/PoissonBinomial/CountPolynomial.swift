import CKernels
import CSystem

// How many scores with noise are above t, at many t at once: the coefficients of Π_j (1 − p_j + p_j x), p_j the
// probability that score j is above t, up to x^(r−1).
//
// A few strong scores are multiplied on one by one; all terms are positive, so nothing cancels. The others, p_j at most ½,
// enter through the power sums R_n = Σ ρ_j^n of their odds ρ_j = p_j / (1 − p_j):
//
//   Π (1 − p_j + p_j x) = Π (1 − p_j) · Σ_k e_k x^k,    k e_k = Σ_{i=1}^{k} (−1)^(i−1) R_i e_{k−i}
//
// (Newton's identities). Terms of both signs, but of the size of (ρ / log(1 + ρ))^k / √(2πk) at the most, ρ the largest of
// the odds: next to nothing is lost. The bulk of them, far below, is represented by the nodes of a grid.
//
// Without score j the coefficients are, for a strong one, sums over the products of those before and those behind it; for
// another, division by 1 + ρ_j x: Σ_i (−ρ_j)^i c_{k−i}, all of them.
//
// Lanes are values of t.

/// The distribution of the count at the nodes of a quadrature.
struct CountPolynomial<V: Lanes> {
  /// The largest rank that this is made for.
  static var mostRank: Int { 16 }
  /// Sums of the first powers are kept in registers.
  private static var powersAtHand: Int { 5 }

  let source: ScoreSource<V>
  let direct: DirectScores<V>
  let grid: BulkGrid<V>?
  let nodes: QuadratureNodes<V>
  /// The number of coefficients.
  let rank: Int
  /// Scores of middle strength, then the grid's nodes.
  let entries: Int
  /// Coefficients of all but the strong scores, and of all: a row of nodes for every power of x.
  let weak: UnsafeMutableRawPointer
  let product: UnsafeMutableRawPointer
  let suffix: UnsafeMutableRawPointer
  /// A row of nodes for every entry: ρ, and φ(t − z) / (1 − p).
  let odds: UnsafeMutableRawPointer
  let densities: UnsafeMutableRawPointer
  /// ∂T/∂z for every entry.
  let shares: UnsafeMutablePointer<V.Scalar>
  let strongShares: UnsafeMutablePointer<Double>
  let prefixes: UnsafeMutableRawPointer

  private static func mostEntries(_ classes: Int) -> Int {
    min(classes, DirectScores<V>.mostMedium) &+ BulkGrid<V>.size &+ V.width
  }

  /// Bytes of working memory for rows of so many classes.
  static func bytes(classes: Int) -> Int {
    let strong = min(classes, DirectScores<V>.mostStrong) &+ 1
    let entries = mostEntries(classes)
    let row = V.quadrature.mostNodes &* 8
    return DirectScores<V>.bytes &+ BulkGrid<V>.bytes &+ 2 &* mostRank &* row
      &+ mostRank &* 64 &+ entries &* (2 &* row &+ 8) &+ strong &* (8 &+ 64 &* (mostRank &+ 2))
  }

  /// Nil where the scores are too crowded for it.
  ///
  /// - Parameter bulk: about how many scores are further than `weak` below the region.
  @inline(never)
  init?(
    _ source: ScoreSource<V>, rank: Int, region: ActiveRegion, nodes: QuadratureNodes<V>, bulk: Int,
    memory: UnsafeMutableRawPointer
  ) {
    let precision = V.quadrature
    // The odds of a large rank must be smaller.
    let strongest = region.low - 0.07 * Double(max(0, rank &- 6))
    let bottom = V.Scalar(region.low - precision.margin)
    let top = V.Scalar(region.low - precision.weak)
    let hasGrid = bulk > 2 &* BulkGrid<V>.size
    guard
      let direct = DirectScores(
        source, rank: rank, weakest: hasGrid ? top : bottom, strongest: V.Scalar(strongest),
        sure: V.Scalar(region.high + precision.margin), memory: memory)
    else { return nil }
    self.direct = direct
    self.source = source
    self.nodes = nodes
    self.rank = direct.rank
    var next = memory + DirectScores<V>.bytes
    func take(_ bytes: Int) -> UnsafeMutableRawPointer {
      defer { next += bytes }
      return next
    }
    let row = nodes.count &* V.scalarBytes
    let gridMemory = take(BulkGrid<V>.bytes)
    grid =
      hasGrid
      ? BulkGrid(
        source, bottom: bottom, top: top, tilt: Self.tilt(region), memory: gridMemory) : nil
    entries = direct.mediumCount &+ (hasGrid ? BulkGrid<V>.size : 0)
    weak = take(direct.rank &* row)
    product = take(direct.rank &* row)
    suffix = take(Self.mostRank &* 64)
    odds = take(entries &* row)
    densities = take(entries &* row)
    strongShares = take(8 &* direct.strongCount).assumingMemoryBound(to: Double.self)
    prefixes = take(64 &* direct.strongCount &* (direct.rank &+ 2))
    // Whole vectors of them are read.
    shares = next.assumingMemoryBound(to: V.Scalar.self)
  }

  /// Where the weight of the bulk has its peak: a threshold in the lower part of the region, where the bulk matters.
  private static func tilt(_ region: ActiveRegion) -> Double {
    region.low + min(1.5, (region.high - region.low) / 4)
  }

  /// Where a table keeps a power's coefficients for nodes from `node` on.
  @inline(__always)
  func at(_ power: Int, _ node: Int) -> Int { power &* nodes.count &+ node }

  /// Finds the coefficients, and returns the integral of P( at most r − 1 scores are above t ) over the nodes.
  @inline(never)
  func integral() -> Double {
    var sum = 0.0
    var node = 0
    while node < nodes.count {
      expandWeak(node)
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

  /// The coefficients of all but the strong scores. Instructions an entry: about 45.
  @inline(never)
  private func expandWeak(_ node: Int) {
    let threshold = V.load(nodes.thresholds, node)
    var sums = PowerSums<V>(rank: rank, memory: suffix)
    var absence = V.splat(1)
    // What rounding took from the factors, relative: scores that are equal round alike, and it adds up.
    var rounding = V.zero
    var entry = 0
    while entry < direct.mediumCount {
      // Sums of few: what rounding takes from those of many equal numbers would add up too.
      let end = min(direct.mediumCount, entry &+ 16)
      var blockAbsence = V.splat(1)
      while entry < end {
        let tail = NormalTail(threshold - V.splat(direct.medium[entry]))
        let absent = V.splat(1) - tail.probability
        let odds = store(tail, absent, entry, node)
        sums.add(odds)
        blockAbsence = blockAbsence * absent
        rounding = V.multiplyAdd(
          (V.splat(1) - absent) - tail.probability, V.splat(1) + odds, rounding)
        entry &+= 1
      }
      absence = absence * blockAbsence
      sums.endBlock()
    }
    if let grid {
      var exponent = V.zero
      var k = 0
      while k < BulkGrid<V>.size {
        let tail = NormalTail(threshold - V.splat(grid.positions[k]))
        let odds = store(tail, V.splat(1) - tail.probability, entry, node)
        let times = V.splat(grid.multiplicities[k])
        sums.add(odds, times: times)
        exponent = V.multiplyAdd(times, V.logarithmOfOnePlus(odds), exponent)
        entry &+= 1
        k &+= 1
      }
      absence = absence * V.exponential(V.zero - exponent)
    }
    absence = V.multiplyAdd(absence, rounding, absence)
    sums.endBlock()
    V.store(absence, weak, at(0, node))
    var power = 1
    while power < rank {
      var sum = V.zero
      var i = 1
      while i <= power {
        let term = sums.total(i) * V.load(weak, at(power &- i, node))
        sum = i & 1 == 1 ? sum + term : sum - term
        i &+= 1
      }
      V.store(sum * V.splat(V.Scalar(1 / Double(power))), weak, at(power, node))
      power &+= 1
    }
  }

  /// Keeps what an entry's share needs, and returns its odds.
  @inline(__always)
  private func store(_ tail: NormalTail<V>, _ absent: V, _ entry: Int, _ node: Int) -> V {
    let inverse = V.quotient(V.splat(1), absent)
    let odds = tail.probability * inverse
    V.store(odds, self.odds, at(entry, node))
    V.store(tail.density * inverse, densities, at(entry, node))
    return odds
  }

  /// Multiplies the strong scores' factors on, at a vector of nodes; if `keeping`, every product on the way is kept, with
  /// the score's p and density behind it.
  @inline(never)
  func multiplyStrong(_ node: Int, keeping: Bool) {
    var power = 0
    while power < rank {
      V.store(V.load(weak, at(power, node)), product, at(power, node))
      power &+= 1
    }
    let threshold = V.load(nodes.thresholds, node)
    var score = 0
    while score < direct.strongCount {
      let normal = NormalLanes(V.splat(direct.strong[score]) - threshold)
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
}
