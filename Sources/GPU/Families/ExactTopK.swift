import CDevice
import CGPU

// Noised top-K with the expectation itself (Sources/Kernels/OrderStatistic/Exact), a block a row, for any element type:
//
//   T = t_hi − ∫ P(N(t) <= r − 1) dt,   ∂T/∂z_j = ∫ φ((t − z_j) / ε) / ε · P(N_{−j}(t) = r − 1) dt
//
// by the trapezoid rule, N(t) as RankQuadrature has it. A first, coarse round of nodes finds where P(N(t) <= r − 1) is neither
// 0 nor 1: in [−6.8, 8] ε around the score at the rank, as one of r <= 16 scores falls so far with probability 10^-10, and
// one of a million rises so far with 10^-9.
//
// Shared memory: TOPK_DEVICE_REDUCTION_BYTES + 128, whatever the threads. Scratch: NodeTables.bytes = 133,632, behind rows that
// are widened.

@c(topk_exact_topk)
public func exactTopK(_ call: UnsafePointer<TopkDeviceCall>) {
  let loss = call.pointee.noised_topk
  evaluateWidenedRows(call) { row in
    let (classes, rank) = (call.classCount, Int(loss.rank))
    let label = loss.has_label != 0 ? row.label : -1
    // Before its place is written to.
    let labelScore = label < 0 ? 0 : Double(row.logits[label])
    let strongest = StrongestClasses(
      row.logits, classes, except: -1, count: rank, gpu_shared() + Block.reductionBytes)
    let quadrature = RankQuadrature(
      logits: row.logits, classes: classes, label: -1, rank: rank, strongest: strongest,
      tables: NodeTables(call.scratch), perUnit: min(1 / loss.epsilon, 1e300))
    let isMasked = strongest.score(rank &- 1) == -.infinity
    var nodes = NodeRange(low: -6.8, high: 8, count: 32)
    var statistic = strongest.isBad ? Double.nan : -.infinity
    if !strongest.isBad && !isMasked {
      statistic = quadrature.center + loss.epsilon * quadrature.orderStatistic(&nodes)
    }
    let hinge = NoisedTopKHinge(
      loss, statistic: statistic, label: label, labelScore: labelScore, scale: row.gradientScale)
    guard let gradient = row.gradient else { return hinge.value }
    guard let weight = hinge.weight, !strongest.isBad else {
      clear(gradient, classes, to: Float(hinge.value))
      return hinge.value
    }
    func write(_ index: Int, _ share: Double) {
      gradient[index] = Float(weight * (index == label ? share - 1 : share))
    }
    if isMasked {
      // The rank is held by a class that is masked out: the first of them, as in a sample.
      var place = 0
      while strongest.score(place) > -.infinity { place &+= 1 }
      let first = strongest.classAt(place)
      var index = Block.place
      while index < classes {
        write(index, index == first ? 1 : 0)
        index &+= Block.width
      }
    } else {
      quadrature.writeShares(nodes, { _ in PlainThreshold() }, write: write)
    }
    return hinge.value
  }
}

extension RankQuadrature {
  /// (T − centre) / ε, and the nodes that it has been found at.
  @inline(__always)
  fileprivate func orderStatistic(_ nodes: inout NodeRange) -> Double {
    let neglected = 1e-9
    var isCoarse = true
    while true {
      fill(
        nodes, { _ in PlainThreshold() },
        keep: { node, _, _ in
          var (sum, power) = (0.0, 0)
          while power < rank {
            sum += tables.all(node)[power]
            power &+= 1
          }
          tables.value(node).pointee = sum
          tables.weight(node).pointee = nodes.step
        })
      if !isCoarse { break }
      var (first, last) = (0, nodes.count &- 1)
      while tables.value(first &+ 1).pointee < neglected { first &+= 1 }
      while tables.value(last &- 1).pointee > 1 - neglected { last &-= 1 }
      (nodes.low, nodes.high) = (nodes[first], nodes[last])
      nodes.refine(rank: rank, amongLikeScores: scores(near: nodes.low))
      isCoarse = false
      // Before tables are filled anew.
      Block.barrier()
    }
    var (sum, node) = (0.0, 0)
    while node < nodes.count {
      sum += tables.value(node).pointee
      node &+= 1
    }
    let ends = tables.value(0).pointee + tables.value(nodes.count &- 1).pointee
    return nodes.high - nodes.step * (sum - 0.5 * ends)
  }
}
