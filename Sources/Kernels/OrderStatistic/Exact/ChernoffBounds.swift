import CKernels
import CSystem

// Bounds on how many scores with noise are above t: with N the sum of independent indicators and any u (Chernoff),
//
//   P(N <= k) <= u^−k Π_j (1 − p_j + p_j u) for u < 1,    P(N >= k) the same for u > 1.
//
// The best u depends on the scores and on t, but not sensitively: the best of four, far apart, comes within a small factor
// of the truth, in rows of all kinds that were tried. The logarithms of the factors are tabulated for scores in bins.

/// −log of bounds on the probability that few or many scores are above a threshold.
struct ChernoffBounds {
  /// Beyond this many bins a score with noise is surely on its own side of a threshold.
  static var reach: Int { 32 }
  private static var length: Int { 2 &* reach }

  /// A table for every u: log(1 − p + p u) for a score q bins below the threshold, from q = −reach on.
  private let tables: UnsafeMutablePointer<Float>

  /// Bytes of working memory.
  static var bytes: Int { 4 &* 8 &* length }

  /// - Parameters:
  ///   - few: the u < 1.
  ///   - many: the u > 1.
  ///   - binsPerUnit: bins to ε.
  ///   - memory: `bytes` of it.
  @inline(never)
  init(
    few: SIMD4<Float>, many: SIMD4<Float>, binsPerUnit: Int, memory: UnsafeMutableRawPointer
  ) {
    tables = memory.assumingMemoryBound(to: Float.self)
    var q = 0
    while q < Self.length {
      tables[q] = Float(Int32(truncatingIfNeeded: q &- Self.reach))
      q &+= 1
    }
    q = 0
    while q < Self.length {
      let unit = FloatLanes.splat(-1 / Float(Int32(truncatingIfNeeded: binsPerUnit)))
      let normal = NormalLanes(FloatLanes.load(tables, q) * unit)
      tabulate(0, few.x, q, normal)
      tabulate(1, few.y, q, normal)
      tabulate(2, few.z, q, normal)
      tabulate(3, few.w, q, normal)
      tabulate(4, many.x, q, normal)
      tabulate(5, many.y, q, normal)
      tabulate(6, many.z, q, normal)
      tabulate(7, many.w, q, normal)
      q &+= FloatLanes.width
    }
  }

  @inline(__always)
  private func tabulate(_ table: Int, _ u: Float, _ q: Int, _ normal: NormalLanes<FloatLanes>) {
    let factor = FloatLanes.multiplyAdd(normal.below, .splat(u), normal.above)
    FloatLanes.store(roughLogarithm(factor), tables, table &* Self.length &+ q)
  }

  /// −log of a bound on P( at most k scores are above the middle of a bin ).
  @inline(never)
  func exponent<V: ProcessorLanes>(
    atMost k: Int, above bin: Int, _ histogram: ScoreHistogram<V>
  ) -> Double {
    best(0, k, bin, histogram)
  }

  /// −log of a bound on P( at least k scores are above the middle of a bin ).
  @inline(never)
  func exponent<V: ProcessorLanes>(
    atLeast k: Int, above bin: Int, _ histogram: ScoreHistogram<V>
  ) -> Double {
    best(4, k, bin, histogram)
  }

  /// About how many of the scores below the middle of a bin are above it with noise: −Σ log(1 − p).
  @inline(never)
  func crowd<V: ProcessorLanes>(below bin: Int, _ histogram: ScoreHistogram<V>) -> Double {
    let numbers = UnsafeRawPointer(histogram.slice(around: bin))
    // For the smallest u.
    let logarithms = UnsafeRawPointer(tables + 3 &* Self.length)
    var sum = FloatLanes.splat(0)
    var q = Self.reach
    while q < Self.length {
      sum = FloatLanes.multiplyAdd(
        FloatLanes.load(numbers, q), FloatLanes.load(logarithms, q), sum)
      q &+= FloatLanes.width
    }
    return -sum.wideSum
  }

  @inline(__always)
  private func best<V: ProcessorLanes>(
    _ table: Int, _ k: Int, _ bin: Int, _ histogram: ScoreHistogram<V>
  ) -> Double {
    let numbers = UnsafeRawPointer(histogram.slice(around: bin))
    let logarithms = UnsafeRawPointer(tables + table &* Self.length)
    var (a, b, c, d) = (
      FloatLanes.splat(0), FloatLanes.splat(0), FloatLanes.splat(0), FloatLanes.splat(0)
    )
    var q = 0
    while q < Self.length {
      let number = FloatLanes.load(numbers, q)
      let length = Self.length
      a = FloatLanes.multiplyAdd(number, FloatLanes.load(logarithms, q), a)
      b = FloatLanes.multiplyAdd(number, FloatLanes.load(logarithms, q &+ length), b)
      c = FloatLanes.multiplyAdd(number, FloatLanes.load(logarithms, q &+ 2 &* length), c)
      d = FloatLanes.multiplyAdd(number, FloatLanes.load(logarithms, q &+ 3 &* length), d)
      q &+= FloatLanes.width
    }
    // Those further up are above in all probability.
    let sure: Float = bin > Self.reach ? histogram.count(0, bin &- Self.reach) : 0
    let rest = Double(k) - Double(sure)
    // log u is what the table has for p = 1.
    let length = Self.length
    let first = rest * Double(tables[table &* length]) - a.wideSum
    let second = rest * Double(tables[(table &+ 1) &* length]) - b.wideSum
    let third = rest * Double(tables[(table &+ 2) &* length]) - c.wideSum
    let fourth = rest * Double(tables[(table &+ 3) &* length]) - d.wideSum
    return max(max(first, second), max(third, fourth))
  }
}

/// log x within a part in a thousand, near x = 1 too, for positive numbers that are normal. With x = 2^e m and y = m − 1
/// from 0 to 1, log m = y log 2 + y (1 − y) g(y): exact at both ends, where the logarithms of many numbers near 1 are
/// added up.
@inline(__always)
private func roughLogarithm(_ x: FloatLanes) -> FloatLanes {
  let bits = Bits(of: x)
  let exponent = ((bits >> 23) | Bits(0x4B00_0000)).asFloat - FloatLanes.splat(8_388_608 + 127)
  let y = ((bits & Bits(0x7F_FFFF)) | Bits(0x3F80_0000)).asFloat - FloatLanes.splat(1)
  var g = FloatLanes.splat(-0.030_732)
  g = fusedIfAvailable(g, y, FloatLanes.splat(0.103_755))
  g = fusedIfAvailable(g, y, FloatLanes.splat(-0.186_617))
  g = fusedIfAvailable(g, y, FloatLanes.splat(0.306_645))
  let bend = (y - y * y) * g
  return fusedIfAvailable(exponent + y, FloatLanes.splat(0.693_147_18), bend)
}

/// Those bounds for the scores of a histogram and one rank. Thresholds are the middles of bins, which are counted
/// downwards: −1 times the bin.
///
/// With a label the bounds are on the mass as far as the label is above it: relative to the largest, on either side of where
/// that is. As the exponents are convex, there is one such place.
private struct HistogramBounds<V: ProcessorLanes>: TailBounds {
  let histogram: ScoreHistogram<V>
  let bounds: ChernoffBounds
  let rank: Int
  let label: LabelTail?
  private(set) var leastBin = 0
  private(set) var least = 0.0
  var enough: Double { -.infinity }

  init(
    _ histogram: ScoreHistogram<V>, _ bounds: ChernoffBounds, rank: Int, label: LabelTail?
  ) {
    (self.histogram, self.bounds, self.rank, self.label) = (histogram, bounds, rank, label)
  }

  /// Finds where the mass is largest, around the rank's bin: above it as far as a crowd of scores reaches, and below it
  /// not beyond the label. False if the last bin is too near.
  @inline(never)
  mutating func findLeast(around center: Int, last: Int, neglected: Double) -> Bool {
    let labelBin = Double(ScoreHistogram<V>.binsPerUnit) * -(label?.score ?? 0)
    var (low, high) = (
      max(-32, center &- 22), max(center &+ 6, Int(min(Double(last), labelBin + 2)))
    )
    while high &- low > 1 {
      let middle = (low &+ high) >> 1
      if exponent(middle &+ 1) > exponent(middle) + 0.02 { high = middle } else { low = middle }
    }
    (leastBin, least) = (low, exponent(low))
    return exponent(last) - least >= neglected
  }

  private func exponent(_ bin: Int) -> Double {
    max(0, bounds.exponent(atMost: rank &- 1, above: bin, histogram)) + labelExponent(bin)
  }

  private func labelExponent(_ bin: Int) -> Double {
    label?.exponent(above: Double(0 &- bin) / Double(ScoreHistogram<V>.binsPerUnit)) ?? 0
  }

  func exponents(above threshold: Int, ofFew: Bool) -> (few: Double?, many: Double?) {
    let bin = 0 &- threshold
    var exponent =
      ofFew
      ? bounds.exponent(atMost: rank &- 1, above: bin, histogram)
      : bounds.exponent(atLeast: rank, above: bin, histogram)
    if label != nil {
      let isBeyond = ofFew ? bin > leastBin : bin < leastBin
      exponent = isBeyond ? max(0, exponent) + labelExponent(bin) - least : 0
    }
    return ofFew ? (exponent, nil) : (nil, exponent)
  }

  func middle(_ low: Int, _ high: Int) -> Int? {
    high &- low > 1 ? (low &+ high &+ 1) >> 1 : nil
  }
}

extension RegionSearch where Bounds.Threshold == Int {
  /// Between two bins, where the exponent is what is neglected. Exponents are convex, steeply so above a crowd of
  /// like scores: a straight line would then cut off what is not to be neglected.
  fileprivate static func position(_ ends: (outside: End, inside: End), _ neglected: Double)
    -> Double
  {
    let (outside, inside) = (ends.outside.exponent, ends.inside.exponent)
    let bin = Double(0 &- ends.outside.threshold)
    let areNeighbours =
      ends.inside.threshold &- ends.outside.threshold == 1
      || ends.outside.threshold &- ends.inside.threshold == 1
    let isGentle = outside >= neglected && outside <= 2 * neglected && inside >= neglected / 2
    if !isGentle || !areNeighbours { return bin }
    let share = (outside - neglected) / (outside - inside)
    return bin + share * Double(ends.outside.threshold &- ends.inside.threshold)
  }
}

extension ActiveRegion {
  /// The region from a histogram, below its top; nil where it cannot tell. Between two bins the exponents are taken for
  /// linear where they differ by little.
  @inline(never)
  init?<V: ProcessorLanes>(
    _ histogram: ScoreHistogram<V>, _ bounds: ChernoffBounds, rank: Int, neglected: Double,
    label: LabelTail?
  ) {
    guard let center = histogram.bin(ofRank: rank) else { return nil }
    // As far as the order statistic can be from the score at the rank.
    let widest = 34
    // Below it the histogram does not know all scores that matter.
    let last = ScoreHistogram<V>.deepest &+ widest
    // A label above all that is seen to be above whatever X is.
    let unit = -1 / Double(ScoreHistogram<V>.binsPerUnit)
    let isSeen = label.map { $0.exponent(above: unit * Double(center &- widest)) > 0 } ?? false
    var bounds = HistogramBounds(histogram, bounds, rank: rank, label: isSeen ? label : nil)
    if isSeen {
      guard
        bounds.findLeast(around: center, last: last, neglected: neglected)
      else { return nil }
    }
    let search = RegionSearch(
      bounds, lowest: 0 &- (isSeen ? last : center &+ widest), highest: widest &- center,
      neglected: neglected)
    self.init(
      low: unit * RegionSearch<HistogramBounds<V>>.position(search.low, neglected),
      high: unit * RegionSearch<HistogramBounds<V>>.position(search.high, neglected),
      least: bounds.least)
  }
}
