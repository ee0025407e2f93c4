import CSystem

/// Bounds from the mean μ and the variance v of how many scores of a list are above a threshold (Bennett's inequality):
/// P( |N − μ| >= x, to one side ) <= exp(−v h(x / v)), h(a) = (1 + a) log(1 + a) − a. Good for ranks of any size.
struct BennettBounds<V: ProcessorLanes>: TailBounds {
  let list: ScoreList<V>
  let enough: Double

  @inline(never)
  func exponents(above threshold: Double, ofFew: Bool) -> (few: Double?, many: Double?) {
    let (mean, variance) = list.moments(above: threshold)
    return (
      Self.exponent(mean - Double(list.rank &- 1), variance),
      Self.exponent(Double(list.rank) - mean, variance)
    )
  }

  func middle(_ low: Double, _ high: Double) -> Double? {
    high - low < 1e-4 ? nil : (low + high) / 2
  }

  /// v h(x / v); 0 on the other side of the mean.
  private static func exponent(_ x: Double, _ variance: Double) -> Double {
    if !(x > 0) { return 0 }
    let v = max(variance, 1e-300)
    return (v + x) * log1p(x / v) - x
  }
}

extension ActiveRegion {
  /// - Parameters:
  ///   - reach: no mass that matters is further than this from the centre.
  ///   - neglected: −log of the mass that does not matter at either end.
  init<V: ProcessorLanes>(_ list: ScoreList<V>, reach: Double, neglected: Double) {
    let search = RegionSearch(
      BennettBounds(list: list, enough: neglected * 1.25), lowest: -reach, highest: reach,
      neglected: neglected)
    let (low, high) = (search.low.outside.threshold, search.high.outside.threshold)
    // Scores that differ by less than their type can tell: a region all the same.
    self.init(low: low, high: high > low ? high : low + 1e-3)
  }
}
