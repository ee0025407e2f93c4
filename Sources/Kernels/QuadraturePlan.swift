import CKernels
import CSystem

/// The quadrature of one row's order statistic: its scores, its nodes, and how the count is distributed at them.
struct QuadraturePlan<V: Lanes> {
  private(set) var list: ScoreList<V>
  private let nodes: QuadratureNodes<V>
  /// Nil where the rank is too large for it: then characteristic functions.
  private let polynomial: CountPolynomial<V>?
  /// Turned upside down: the order statistic of the negated scores.
  private let isMirrored: Bool
  private let densities: UnsafeMutablePointer<Double>
  private let probabilities: UnsafeMutablePointer<Double>
  private let others: UnsafeMutablePointer<Double>
  private let working: UnsafeMutableRawPointer

  /// Bytes of scratch, or −1 if that overflows.
  static func bytes(classes: Int) -> Int {
    let list = ScoreList<V>.bytes(classes: classes)
    // Three float64 numbers a class besides, as many as the list takes.
    let (both, overflows) = list.addingReportingOverflow(list)
    let working =
      QuadratureNodes<V>.bytes
      &+ max(CountPolynomial<V>.bytes(classes: classes), CountCharacteristic.bytes)
    let (all, allOverflow) = both.addingReportingOverflow(working &+ 128)
    return list < 0 || overflows || allOverflow ? -1 : all
  }

  @inline(never)
  init(_ row: NoisedTopKRow, center: V.Scalar) {
    let precision = V.quadrature
    let classes = Int(truncatingIfNeeded: row.classes)
    let memory = row.scratch
    let listBytes = ScoreList<V>.bytes(classes: classes)
    let numbers = classes &+ V.width
    densities = (memory + listBytes).assumingMemoryBound(to: Double.self)
    probabilities = densities + numbers
    others = probabilities + numbers
    let nodeMemory = UnsafeMutableRawPointer(others + numbers)
    working = nodeMemory + QuadratureNodes<V>.bytes

    var list = ScoreList<V>(
      row, center: center, reach: precision.reach + precision.margin, memory: memory)
    isMirrored = list.rank > (list.count &+ 1) / 2
    if isMirrored { list.mirror() }
    let region = ActiveRegion(
      list, reach: precision.reach, neglected: -log(precision.neglected))
    let strong = list.partition(
      strong: region.low - precision.strong, weakest: region.low - precision.margin,
      sure: region.high + precision.margin)
    nodes = QuadratureNodes(region, scores: list.count, memory: nodeMemory)
    polynomial =
      CountPolynomial<V>.suits(rank: list.rank, strong: strong)
      ? CountPolynomial(list, strong: strong, nodes: nodes, memory: working) : nil
    self.list = list
  }

  /// (T − centre) / ε.
  func relativeValue() -> Double {
    let integral = polynomial?.integral() ?? characteristicIntegral()
    let value = nodes.low + nodes.step * Double(nodes.count &- 1) - integral
    return isMirrored ? -value : value
  }

  /// Fills in the list's shares.
  func findShares() {
    if let polynomial { polynomial.findShares() } else { findCharacteristicShares() }
  }

  /// ∫ P(N(t) <= r − 1) dt.
  private func characteristicIntegral() -> Double {
    var sum = 0.0
    var node = 0
    while node < nodes.count {
      sum += count(at: node).probabilityBelow()
      node &+= 1
    }
    return nodes.step * (sum - 0.5)
  }

  @inline(never)
  private func findCharacteristicShares() {
    var index = 0
    while index < list.count {
      list.shares[index] = 0
      index &+= 1
    }
    var node = 0
    while node < nodes.count {
      count(at: node).probabilities(withoutEach: list.rank &- 1, into: others)
      index = 0
      while index < list.count {
        list.shares[index] += nodes.step * densities[index] * others[index]
        index &+= 1
      }
      node &+= 1
    }
  }

  /// The distribution of N at a node. Fills in every score's probability of being above it, and its density there.
  private func count(at node: Int) -> CountCharacteristic {
    let threshold = DoubleLanes.splat(Double(nodes[node]))
    var index = 0
    while index < list.count {
      let normal = NormalLanes(V.doubles(UnsafeRawPointer(list.scores), index) - threshold)
      DoubleLanes.store(normal.density, densities, index)
      DoubleLanes.store(normal.below, probabilities, index)
      index &+= DoubleLanes.width
    }
    return CountCharacteristic(
      probabilities: UnsafePointer(probabilities), count: list.count, near: list.rank,
      memory: working)
  }
}
