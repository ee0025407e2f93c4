import CKernels
import CSystem

/// The quadrature of one row's order statistic: its scores, its nodes, and how the count is distributed at them.
///
/// Small ranks are worked on by polynomials of the row itself. For others the scores that matter are listed first, upside down
/// if the rank is nearer to the last than to the first, and where the rank is then too large for a polynomial
/// characteristic functions take its place.
struct QuadraturePlan<V: ProcessorLanes> {
  private let nodes: QuadratureNodes<V>
  /// Nil where the rank is too large for it.
  private let polynomial: GeneratingPolynomial<V>?
  /// What the region is relative to.
  private let center: Double
  /// Nil where the row itself is worked on.
  private var list: ScoreList<V>?
  /// Turned upside down: the order statistic of the negated scores.
  private let isMirrored: Bool
  /// Three float64 numbers a class.
  private let densities: UnsafeMutablePointer<Double>
  private let probabilities: UnsafeMutablePointer<Double>
  private let others: UnsafeMutablePointer<Double>
  private let working: UnsafeMutableRawPointer

  /// How many scores there is room for in the list: none of the long rows that do not need it.
  private static func listCapacity(rank: Int, classes: Int, epsilon: Double) -> Int {
    let isShort = classes <= 16_384
    return !isShort && RowQuadrature<V>.suits(rank: rank, classes: classes, epsilon: epsilon)
      ? 0 : classes
  }

  /// Bytes of scratch, or −1 if that overflows.
  static func bytes(rank: Int, classes: Int, epsilon: Double) -> Int {
    let list = ScoreList<V>.bytes(
      capacity: listCapacity(rank: rank, classes: classes, epsilon: epsilon))
    // Three float64 numbers a class besides, as many as the list takes.
    let (both, overflows) = list.addingReportingOverflow(list)
    let working =
      QuadratureNodes<V>.bytes
      &+ max(
        RowQuadrature<V>.bytes,
        max(GeneratingPolynomial<V>.bytes(classes: classes), CharacteristicFunction.bytes))
    let (all, allOverflow) = both.addingReportingOverflow(working &+ 128)
    return list < 0 || overflows || allOverflow ? -1 : all
  }

  /// Nil where no unmasked score has the rank.
  @inline(never)
  init?(_ row: NoisedTopKRow) {
    let precision = V.quadrature
    let classes = Int(truncatingIfNeeded: row.classes)
    let capacity = Self.listCapacity(
      rank: Int(truncatingIfNeeded: row.rank), classes: classes, epsilon: row.epsilon)
    let numbers = capacity &+ V.width
    let listMemory = row.scratch
    densities = (listMemory + ScoreList<V>.bytes(capacity: capacity))
      .assumingMemoryBound(to: Double.self)
    probabilities = densities + numbers
    others = probabilities + numbers
    let nodeMemory = UnsafeMutableRawPointer(others + numbers)
    working = nodeMemory + QuadratureNodes<V>.bytes

    if let polynomial = Self.polynomial(row, around: nil, nodeMemory, working) {
      (nodes, self.polynomial) = (polynomial.nodes, polynomial)
      center = Double(polynomial.source.center)
      (isMirrored, list) = (false, nil)
      return
    }
    guard
      let center = scoreAtRank(
        row.logits, classes, rank: Int(truncatingIfNeeded: row.rank),
        tolerance: row.epsilon / 8, V.self)
    else { return nil }
    if let polynomial = Self.polynomial(row, around: center, nodeMemory, working) {
      (nodes, self.polynomial, self.center) = (polynomial.nodes, polynomial, Double(center))
      (isMirrored, list) = (false, nil)
      return
    }
    // There is room unless the row needs no list.
    if capacity < classes { return nil }
    self.center = Double(center)
    var list = ScoreList<V>(
      row, center: center, reach: precision.reach + precision.margin, capacity: capacity,
      memory: listMemory)
    isMirrored = list.rank > (list.count &+ 1) / 2
    if isMirrored { list.mirror() }
    let region = ActiveRegion(
      list, reach: precision.reach, neglected: -log(precision.neglected))
    list.keep(from: region.low - precision.margin, to: region.high + precision.margin)
    nodes = QuadratureNodes(region, rank: list.rank, scores: list.count, memory: nodeMemory)
    polynomial = Self.polynomial(list, region, nodes, working)
    self.list = list
  }

  /// Nil where the row itself cannot be worked on.
  private static func polynomial(
    _ row: NoisedTopKRow, around anchor: V.Scalar?, _ nodeMemory: UnsafeMutableRawPointer,
    _ memory: UnsafeMutableRawPointer
  ) -> GeneratingPolynomial<V>? {
    RowQuadrature<V>(row, around: anchor, memory: memory)?.polynomial(
      rank: Int(truncatingIfNeeded: row.rank), nodeMemory: nodeMemory, memory: memory)
  }

  private static func polynomial(
    _ list: ScoreList<V>, _ region: ActiveRegion, _ nodes: QuadratureNodes<V>,
    _ memory: UnsafeMutableRawPointer
  ) -> GeneratingPolynomial<V>? {
    if list.rank > GeneratingPolynomial<V>.mostRank { return nil }
    let scores = UnsafeRawPointer(list.scores)
    let above = countAbove(
      scores, list.count, V.Scalar(region.low - V.quadrature.weak), V.self)
    return GeneratingPolynomial(
      ScoreSource(memory: scores, count: list.count, center: 0, inverse: 1), rank: list.rank,
      region: region, nodes: nodes, bulk: list.count &- above, memory: memory)
  }

  /// (T − centre) / ε.
  private func relativeValue() -> Double {
    let integral = polynomial?.integral() ?? characteristicIntegral()
    let value = nodes.low + nodes.step * Double(nodes.count &- 1) - integral
    return isMirrored ? -value : value
  }

  /// T.
  func value(epsilon: Double) -> Double { center + epsilon * relativeValue() }

  /// Writes `weight` times ∂T/∂z_j for every class.
  @inline(never)
  func writeShares(_ classes: Int, weight: Double, to gradient: UnsafeMutableRawPointer) {
    guard let list else {
      polynomial?.writeShares(weight: weight, to: gradient)
      return
    }
    if let polynomial {
      let shares = UnsafeMutableRawPointer(densities)
      polynomial.writeShares(weight: 1, to: shares)
      var index = 0
      while index < list.count {
        list.shares[index] = Double(V.loadScalar(shares, index))
        index &+= 1
      }
    } else {
      findCharacteristicShares(list)
    }
    // The list holds what is needed of the logits, over which the gradient may be written.
    fill(gradient, with: 0, classes, V.self)
    var index = 0
    while index < list.count {
      // The smallest shares may come out just below 0.
      V.storeScalar(
        V.Scalar(weight * max(0, list.shares[index])), gradient, list.classes[index])
      index &+= 1
    }
  }

  /// ∫ P(N(t) <= r − 1) dt.
  private func characteristicIntegral() -> Double {
    guard let list else { return 0 }
    var sum = 0.0
    var node = 0
    while node < nodes.count {
      sum += count(list, at: node).probabilityBelow()
      node &+= 1
    }
    return nodes.step * (sum - 0.5)
  }

  @inline(never)
  private func findCharacteristicShares(_ list: ScoreList<V>) {
    var index = 0
    while index < list.count {
      list.shares[index] = 0
      index &+= 1
    }
    var node = 0
    while node < nodes.count {
      count(list, at: node).probabilities(withoutEach: list.rank &- 1, into: others)
      index = 0
      while index < list.count {
        list.shares[index] += nodes.step * densities[index] * others[index]
        index &+= 1
      }
      node &+= 1
    }
  }

  /// The distribution of N at a node. Fills in every score's probability of being above it, and its density there.
  private func count(_ list: ScoreList<V>, at node: Int) -> CharacteristicFunction {
    let threshold = DoubleLanes.splat(Double(nodes[node]))
    var index = 0
    while index < list.count {
      let normal = NormalLanes(V.doubles(UnsafeRawPointer(list.scores), index) - threshold)
      DoubleLanes.store(normal.density, densities, index)
      DoubleLanes.store(normal.below, probabilities, index)
      index &+= DoubleLanes.width
    }
    return CharacteristicFunction(
      probabilities: UnsafePointer(probabilities), count: list.count, near: list.rank,
      memory: working)
  }
}
