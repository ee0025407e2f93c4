import CSystem

/// Where the distribution of the order statistic is: below `low` and above `high` it has next to no mass. In units
/// of ε, as the scores.
///
/// X, the r-th largest score with noise, is at most t where at most r − 1 are above t, and above t where at least r are.
///
/// Where it is asked how likely a label's score with noise is to be above X, the mass counts as much as that.
struct ActiveRegion {
  let low: Double
  let high: Double
  /// −log of a bound on what the mass comes to; 0 where all of it counts.
  var least = 0.0
}

/// Bounds on how many scores with noise are above a threshold.
protocol TailBounds {
  associatedtype Threshold: Comparable

  /// −log of a bound on P( at most r − 1 are above ), and of one on P( at least r are above ): of the one that is asked
  /// for, and of the other where it costs nothing more.
  func exponents(above threshold: Threshold, ofFew: Bool) -> (few: Double?, many: Double?)

  /// The middle between two thresholds; nil where they are so close that it does not matter.
  func middle(_ low: Threshold, _ high: Threshold) -> Threshold?

  /// Up to which exponent a threshold is good enough for an end of the region.
  var enough: Double { get }
}

/// The ends of the region, by bisection: the lower one first, and what a bound says of the other besides is kept.
struct RegionSearch<Bounds: TailBounds> {
  /// Below the region, and within it.
  private(set) var low: (outside: End, inside: End)
  /// Above the region, and within it.
  private(set) var high: (outside: End, inside: End)

  /// A threshold, and the exponent of the bound there, if that is known.
  struct End {
    let threshold: Bounds.Threshold
    var exponent = -Double.infinity
  }

  /// - Parameters:
  ///   - lowest: no mass that matters is below it.
  ///   - highest: nor above it.
  ///   - neglected: −log of the mass that does not matter at either end.
  @inline(never)
  init(
    _ bounds: Bounds, lowest: Bounds.Threshold, highest: Bounds.Threshold, neglected: Double
  ) {
    low = (End(threshold: lowest), End(threshold: highest))
    high = (low.inside, low.outside)
    while true {
      let lowMiddle = lowMiddle(bounds, neglected)
      guard let middle = lowMiddle ?? highMiddle(bounds, neglected) else { return }
      let (few, many) = bounds.exponents(above: middle, ofFew: lowMiddle != nil)
      if let few {
        let end = End(threshold: middle, exponent: few)
        if few >= neglected {
          if middle > low.outside.threshold { low.outside = end }
        } else if middle < low.inside.threshold {
          low.inside = end
        }
      }
      if let many {
        let end = End(threshold: middle, exponent: many)
        if many >= neglected {
          if middle < high.outside.threshold { high.outside = end }
        } else if middle > high.inside.threshold {
          high.inside = end
        }
      }
    }
  }

  /// Nil where the end is found.
  private func lowMiddle(_ bounds: Bounds, _ neglected: Double) -> Bounds.Threshold? {
    if low.outside.exponent >= neglected && low.outside.exponent < bounds.enough { return nil }
    return bounds.middle(
      low.outside.threshold, min(low.inside.threshold, high.outside.threshold))
  }

  private func highMiddle(_ bounds: Bounds, _ neglected: Double) -> Bounds.Threshold? {
    if high.outside.exponent >= neglected && high.outside.exponent < bounds.enough { return nil }
    return bounds.middle(
      max(high.inside.threshold, low.outside.threshold), high.outside.threshold)
  }
}
