/// How finely the exact order statistic is computed: one set of numbers for float32, whose result is good to about
/// 1e-6, one for float64, good to about 1e-11. Distances are in units of ε.
struct QuadraturePrecision {
  /// How far from the score at the rank the order statistic can be, with probability 1 − `neglected`, among a
  /// million scores.
  let reach: Double
  /// How far below the region a score with noise never gets above its lower end.
  let margin: Double
  /// The mass left out at either end of the region.
  let neglected: Double
  /// Scores whose probability of being above the region's lower end is at least Φ(−strong) are multiplied out one by
  /// one, those below are summed up.
  let strong: Double
  /// Terms of the series in which they are.
  let terms: Int
  /// Greatest distance of two nodes, in units of the smallest scale that the distribution has.
  let step: Double
  let fewestNodes: Int
  let mostNodes: Int

  @inline(__always)
  static var float32: QuadraturePrecision {
    QuadraturePrecision(
      reach: 8, margin: 6, neglected: 1e-7, strong: 1.28, terms: 4, step: 0.7,
      fewestNodes: 32, mostNodes: 64)
  }

  @inline(__always)
  static var float64: QuadraturePrecision {
    QuadraturePrecision(
      reach: 9.5, margin: 8.3, neglected: 1e-13, strong: 1.645, terms: 8, step: 0.36,
      fewestNodes: 64, mostNodes: 160)
  }
}
