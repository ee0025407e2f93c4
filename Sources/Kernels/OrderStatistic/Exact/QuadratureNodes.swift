import CSystem

/// Equally spaced nodes over the active region: the trapezoid rule, which for the smooth bumps that are integrated
/// here converges faster than any power of the step.
struct QuadratureNodes<V: ProcessorLanes> {
  let low: Double
  let step: Double
  let count: Int
  let thresholds: UnsafeMutableRawPointer

  static var bytes: Int { V.quadrature.mostNodes &* 8 }

  /// Nodes close enough for scores as many as these. The distribution of an order statistic varies on a scale of ε, except
  /// near the top of m like scores, where its density rises and falls by 1 / √(2 log m). Without a crowd of like scores the
  /// region is as wide as ten standard deviations of a bump no steeper than a Gaussian, or more: the fewest nodes
  /// will do (tried: 16 over the region of float32 are good for 1e-7).
  ///
  /// The density of the few largest is steep on one side of a region that is wide for its other side.
  ///
  /// - Parameter scores: m; 0 where there is no crowd.
  init(_ region: ActiveRegion, rank: Int, scores: Int, memory: UnsafeMutableRawPointer) {
    let precision = V.quadrature
    let scale = 1 / (2 * log(Double(max(scores, 3)))).squareRoot()
    let width = region.high - region.low
    let wanted = max(
      0, scores == 0 ? 0 : width / (precision.step * (rank <= 3 ? 0.8 : 1) * scale) + 1)
    let vectors = wanted < Double(precision.mostNodes) ? Int(wanted) / V.width &+ 1 : Int.max
    count = max(
      precision.fewestNodes, min(precision.mostNodes, vectors == .max ? .max : vectors &* V.width))
    low = region.low
    step = width / Double(count &- 1)
    thresholds = memory
    var node = 0
    while node < count {
      V.storeScalar(V.Scalar(low + step * Double(node)), memory, node)
      node &+= 1
    }
  }

  subscript(node: Int) -> V.Scalar { V.loadScalar(thresholds, node) }
}
