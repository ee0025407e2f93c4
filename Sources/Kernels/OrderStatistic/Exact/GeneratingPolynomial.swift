import CKernels
import CSystem

// How many scores with noise are above t, at many t at once: the coefficients of Π_j (1 − p_j + p_j x), p_j the
// probability that score j is above t, up to x^(r−1); the algebra is TruncatedPolynomial's.
//
// Strong scores are multiplied on one by one. The others, p_j at most ½, enter through the power sums of their odds
// ρ_j = p_j / (1 − p_j). Newton's identities have terms of both signs, but of the size of (ρ / log(1 + ρ))^k / √(2πk) at the
// most, ρ the largest of the odds: next to nothing is lost. The bulk of them, far below, is represented by the nodes of a
// grid.
//
// Without score j the coefficients are, for a strong one, sums over the products of those before and those behind it; for
// another, division by 1 + ρ_j x: Σ_i (−ρ_j)^i c_{k−i}, all of them.
//
// Lanes are values of t.

/// The distribution of the count at the nodes of a quadrature.
struct GeneratingPolynomial<V: ProcessorLanes> {
  /// The largest rank that this is made for.
  static var mostRank: Int { 20 }

  let source: ScoreSource<V>
  let direct: DirectScores<V>
  let grid: ChebyshevGrid<V>?
  let nodes: QuadratureNodes<V>
  /// The number of coefficients.
  let rank: Int
  /// Scores of middle strength, then the grid's nodes.
  let entries: Int
  /// Coefficients of all but the strong scores, and of all: a row of nodes for every power of x.
  let weak: UnsafeMutableRawPointer
  let product: UnsafeMutableRawPointer
  /// Power sums; then the product of the strong scores behind one.
  let working: TruncatedPolynomial<V>
  /// A row of nodes for every entry: ρ, and φ(t − z) / (1 − p).
  let odds: UnsafeMutableRawPointer
  let densities: UnsafeMutableRawPointer
  /// ∂T/∂z for every entry.
  let shares: UnsafeMutablePointer<V.Scalar>
  let strongShares: UnsafeMutablePointer<Double>
  let prefixes: UnsafeMutableRawPointer
  /// What a node's share counts: 1, or the density of a label's score there; and its probability to be above the node,
  /// relative to that.
  let weights: UnsafeMutableRawPointer
  let ratios: UnsafeMutableRawPointer

  private static func mostEntries(_ classes: Int) -> Int {
    min(classes, DirectScores<V>.mostMedium) &+ ChebyshevGrid<V>.size &+ V.width
  }

  /// Bytes of working memory for rows of so many classes.
  static func bytes(classes: Int) -> Int {
    let strong = min(classes, DirectScores<V>.mostStrong) &+ 1
    let entries = mostEntries(classes)
    let row = V.quadrature.mostNodes &* 8
    return DirectScores<V>.bytes &+ ChebyshevGrid<V>.bytes &+ 2 &* (mostRank &+ 1) &* row
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
    var hasGrid = bulk > 2 &* ChebyshevGrid<V>.size
    func direct(from weakest: V.Scalar) -> DirectScores<V>? {
      DirectScores(
        source, rank: rank, weakest: weakest, strongest: V.Scalar(strongest),
        sure: V.Scalar(region.high + precision.margin), memory: memory)
    }
    var found = direct(from: hasGrid ? top : bottom)
    if found == nil && !hasGrid {
      // There were many more of the bulk than thought: a crowd at its lower end.
      hasGrid = true
      found = direct(from: top)
    }
    guard let direct = found else { return nil }
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
    let gridMemory = take(ChebyshevGrid<V>.bytes)
    grid =
      hasGrid
      ? ChebyshevGrid(
        source, bottom: bottom, top: top, tilt: Self.tilt(region), memory: gridMemory) : nil
    entries = direct.mediumCount &+ (hasGrid ? ChebyshevGrid<V>.size : 0)
    weak = take(direct.rank &* row)
    product = take(direct.rank &* row)
    working = TruncatedPolynomial(take(Self.mostRank &* 64))
    odds = take(entries &* row)
    densities = take(entries &* row)
    strongShares = take(8 &* direct.strongCount).assumingMemoryBound(to: Double.self)
    weights = take(row)
    ratios = take(row)
    prefixes = take(64 &* (direct.strongCount &+ 1) &* (direct.rank &+ 2))
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

  /// The coefficients that a table has for the nodes from `node` on.
  @inline(__always)
  func polynomial(_ table: UnsafeMutableRawPointer, _ node: Int) -> TruncatedPolynomial<V> {
    TruncatedPolynomial(
      table + node &* V.scalarBytes, stride: nodes.count &* V.scalarBytes)
  }

  /// Finds the coefficients, and returns the integral of P( at most r − 1 scores are above t ) over the nodes.
  @inline(never)
  func integral() -> Double {
    var sum = 0.0
    var node = 0
    while node < nodes.count {
      expandWeak(node)
      let product = polynomial(self.product, node)
      multiplyStrong(node, into: product)
      var total = V.zero
      var power = 0
      while power < rank {
        total = total + product[power]
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
    working.fill(0, then: 0, count: rank)
    var sums = PowerSums<V>(count: rank, memory: working)
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
      sums.endBlock(LaneTotals(totals: working))
    }
    if let grid {
      var exponent = V.zero
      var k = 0
      while k < ChebyshevGrid<V>.size {
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
    sums.endBlock(LaneTotals(totals: working))
    polynomial(weak, node).expand(working, times: absence, count: rank)
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

  /// The product of all factors, at a vector of nodes.
  @inline(never)
  private func multiplyStrong(_ node: Int, into product: TruncatedPolynomial<V>) {
    let weak = polynomial(weak, node)
    var power = 0
    while power < rank {
      product[power] = weak[power]
      power &+= 1
    }
    let threshold = V.load(nodes.thresholds, node)
    var score = 0
    while score < direct.strongCount {
      let normal = NormalLanes(V.splat(direct.strong[score]) - threshold)
      product.multiply(normal.above, normal.below, count: rank, into: product)
      score &+= 1
    }
  }
}
