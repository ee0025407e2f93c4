import CSystem

/// Where the distribution of the order statistic is: below `low` and above `high` it has next to no mass. In units
/// of ε, as the scores of the list.
///
/// X, the r-th largest score with noise, is at most t where at most r − 1 are above t. How many are is a sum of
/// independent indicators, and Bennett's inequality bounds its tails by its mean μ(t) and variance v(t):
/// P( |N − μ| >= x, to one side ) <= exp(−v h(x / v)), h(a) = (1 + a) log(1 + a) − a.
struct ActiveRegion {
  private(set) var low: Double
  private(set) var high: Double

  init(low: Double, high: Double) {
    (self.low, self.high) = (low, high)
  }

  /// - Parameters:
  ///   - reach: no mass that matters is further than this from the centre.
  ///   - neglected: −log of the mass that does not matter at either end.
  @inline(never)
  init<V: Lanes>(_ list: ScoreList<V>, reach: Double, neglected: Double) {
    // Bisection from both ends at once: every evaluation says something of both.
    low = -reach
    high = reach
    var (lowBeyond, highBeyond) = (reach, -reach)
    let enough = neglected * 1.25
    var isSearchingLow = true
    var isSearchingHigh = true
    var steps = 0
    while (isSearchingLow || isSearchingHigh) && steps < 40 {
      let middle =
        isSearchingLow ? (low + min(lowBeyond, high)) / 2 : (high + max(highBeyond, low)) / 2
      let (mean, variance) = list.moments(above: middle)
      let below = Self.exponent(mean - Double(list.rank &- 1), variance)
      let above = Self.exponent(Double(list.rank) - mean, variance)
      if below >= neglected {
        low = max(low, middle)
        if below < enough { isSearchingLow = false }
      } else {
        lowBeyond = min(lowBeyond, middle)
      }
      if above >= neglected {
        high = min(high, middle)
        if above < enough { isSearchingHigh = false }
      } else {
        highBeyond = max(highBeyond, middle)
      }
      if min(lowBeyond, high) - low < 1e-4 { isSearchingLow = false }
      if high - max(highBeyond, low) < 1e-4 { isSearchingHigh = false }
      steps &+= 1
    }
    // Scores that differ by less than their type can tell: a region all the same.
    if !(high > low) { high = low + 1e-3 }
  }

  /// v h(x / v); 0 on the other side of the mean.
  static func exponent(_ x: Double, _ variance: Double) -> Double {
    if !(x > 0) { return 0 }
    let v = max(variance, 1e-300)
    return (v + x) * log1p(x / v) - x
  }
}
