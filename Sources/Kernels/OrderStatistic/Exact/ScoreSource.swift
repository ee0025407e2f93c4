import CKernels

/// Scores as they lie in memory, and the map that takes them to units of ε around a centre.
struct ScoreSource<V: ProcessorLanes> {
  let memory: UnsafeRawPointer
  let count: Int
  let center: V.Scalar
  /// 1 / ε.
  let inverse: V.Scalar

  /// (z − centre) / ε. Always the same operations: whether a score is above a bound must not depend on who asks.
  @inline(__always)
  func relative(_ scores: V) -> V {
    (scores - V.splat(center)) * V.splat(inverse)
  }

  /// The scores from `index` on, relative; −∞ where there are none.
  @inline(__always)
  func load(_ index: Int) -> V {
    let rest = count &- index
    if rest >= V.width { return relative(V.load(memory, index)) }
    if rest <= 0 { return V.minusInfinity }
    return relative(V.load(memory, index, count: rest, filler: -.infinity))
  }
}
