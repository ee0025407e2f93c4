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
  /// The u of the bounds on few and on many scores above a threshold: four each for how many there are beside the sure
  /// ones, from many to one.
  let few: SIMD4<Float>
  let many: SIMD4<Float>
  /// Scores further than this below the region are the bulk, and many of them are put on a grid.
  let weak: Double
  /// The grid's nodes.
  let gridSize: Int
  /// Greatest distance of two nodes, in units of the smallest scale that the distribution has.
  let step: Double
  let fewestNodes: Int
  let mostNodes: Int

  @inline(__always)
  static var float32: QuadraturePrecision {
    QuadraturePrecision(
      reach: 8, margin: 6, neglected: 3e-7, few: SIMD4(0.25, 0.06, 0.004, 1e-7),
      many: SIMD4(8, 40, 1000, 1e7), weak: 1, gridSize: 16, step: 0.6,
      fewestNodes: 16, mostNodes: 64)
  }

  @inline(__always)
  static var float64: QuadraturePrecision {
    QuadraturePrecision(
      reach: 9.5, margin: 8.3, neglected: 1e-13, few: SIMD4(0.25, 0.06, 1e-4, 3e-14),
      many: SIMD4(16, 300, 1e5, 4e13), weak: 1, gridSize: 32, step: 0.36,
      fewestNodes: 64, mostNodes: 160)
  }
}
