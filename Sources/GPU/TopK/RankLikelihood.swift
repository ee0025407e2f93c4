import CGPU

// q_k = P( y is among the k largest of z + ε Z ), and how it changes with the other scores:
//
//   q_k = ∫ φ(t − y) P(N(t) <= k − 1) dt,   −ε ∂q_k/∂z_j = ∫ φ(t − y) φ(t − z_j) P(N_{−j}(t) = k − 1) dt,
//
// N(t) the rivals above t, t and scores in units of ε. In logarithms: with W = Π_j (q_j + p_j u) and P' of TiltedThreshold,
//
//   P(N <= k − 1) = W u^(1 − k) Σ_{i < k} u^(k − 1 − i) P'(N = i),
//   φ_j P(N_{−j} = k − 1) = W u^(1 − k) φ_j / (q_j + p_j u) P'(N_{−j} = k − 1).
//
// The integrand is a bump around its greatest value, which rounds of nodes close in on: what is below e^−23 of it is left out,
// but for the bumps that the derivatives of a q_k next to 1 have below it.

/// Of a label that may be among the k largest and may not be.
struct RankLikelihood {
  /// log q_k.
  let logarithm: Double
  private let nodes: NodeRange
  private let perShare: Double

  /// Beyond this lead over the k-th rival the label is above it, whatever the noise.
  static var sure: Double { 17 }

  /// How many times the noise a label is looked at with that is more than 10^5 ε below: log q_k grows with the square of
  /// distances in units of ε, next to exactly so out there, and distances stay what float32 can hold.
  static func stretch(lead: Double) -> Double { max(1, -lead / 1e5) }

  /// - Parameters:
  ///   - quadrature: of the rivals, in units of ε times `stretch`.
  ///   - lead: how far the label is above the k-th of the strongest rivals, in units of ε.
  @inline(__always)
  init(_ quadrature: RankQuadrature, lead: Double) {
    let (tables, k, stretch) = (quadrature.tables, quadrature.rank, Self.stretch(lead: lead))
    let label = lead / stretch
    var nodes = NodeRange(low: min(label, 0) - 12, high: max(label, 0) + 8, count: 32)
    let logClasses = ceilingLog2(Double(quadrature.classes))
    // Halfway between the label and the k-th rival, where the derivatives are, both have fallen by so much together.
    let below = 23 + 0.25 * max(label, 0) * max(label, 0)
    var rounds = 0
    var largest = 0.0
    while true {
      quadrature.fill(
        nodes, { TiltedThreshold(distance: -$0, logClasses: logClasses) },
        keep: { node, threshold, logarithm in
          let (tilt, all) = (tables.tilt(node), tables.all(node))
          (tilt[0], tilt[1]) = (threshold.logTilt, threshold.tilt)
          var (sum, power) = (0.0, 0)
          while power < k {
            sum = gpu_fma_f64(sum, threshold.tilt, all[power])
            power &+= 1
          }
          let distance = nodes[node] - label
          let weight = logarithm - Double(k &- 1) * threshold.logTilt - 0.5 * distance * distance
          tables.weight(node).pointee = weight
          tables.sum(node).pointee = sum
          tables.value(node).pointee = weight + log(sum)
        })
      largest = tables.value(0).pointee
      var node = 1
      while node < nodes.count {
        largest = max(largest, tables.value(node).pointee)
        node &+= 1
      }
      if rounds < 0 { break }
      var (first, last) = (0, nodes.count &- 1)
      while tables.value(first).pointee < largest - below { first &+= 1 }
      while tables.value(last).pointee < largest - 23 { last &-= 1 }
      (nodes.low, nodes.high) = (nodes[max(0, first &- 1)], nodes[min(nodes.count, last &+ 2) &- 1])
      rounds &+= 1
      if last &- first > 11 || rounds == 12 {
        rounds = -1
        nodes.refine(rank: k, amongLikeScores: quadrature.scores(near: nodes.low))
      }
      // Before tables are filled anew.
      Block.barrier()
    }
    var node = Block.place
    while node < nodes.count {
      let weight = tables.weight(node)
      weight.pointee = exp(weight.pointee - largest)
      node &+= Block.width
    }
    Block.barrier()
    var total = 0.0
    node = 0
    while node < nodes.count {
      total = gpu_fma_f64(tables.weight(node).pointee, tables.sum(node).pointee, total)
      node &+= 1
    }
    let logRootOfTwoPi = 0.918_938_533_204_672_8
    // Of a label that is above for sure, rounding may leave a little more than 1.
    logarithm = min(
      0, (largest + log(total * nodes.step) - logRootOfTwoPi) * stretch * stretch)
    (self.nodes, perShare) = (nodes, stretch / total)
  }

  /// Writes −ε ∂ log q_k / ∂z_j of every class but the label, as RankQuadrature does.
  @inline(__always)
  func writeShares(_ quadrature: RankQuadrature, write: (Int, Double) -> Void) {
    let tables = quadrature.tables
    quadrature.writeShares(
      nodes,
      { TiltedThreshold(tilt: tables.tilt($0)) },
      write: { write($0, $1 * perShare) })
  }
}
