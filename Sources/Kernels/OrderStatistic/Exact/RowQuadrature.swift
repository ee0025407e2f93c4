import CKernels
import CSystem

/// What the quadrature needs to know of a row, from a histogram of its scores: for ranks small enough and noise that is not
/// too fine for the scores' own type.
struct RowQuadrature<V: ProcessorLanes> {
  let source: ScoreSource<V>
  let region: ActiveRegion
  /// Of the scores that are not surely above.
  let rank: Int
  /// About how many scores crowd the lower end of the region; 0 if those below it can be expected to put less than three
  /// above it.
  let contenders: Int
  /// About how many scores are of the bulk.
  let bulk: Int

  /// Bytes of working memory.
  static var bytes: Int { ScoreHistogram<V>.bytes &+ ChernoffBounds.bytes }

  /// Whether rows are worked on without a list of their scores, whatever these are: ranks that are small enough, and
  /// noise far from the limits of either arithmetic type.
  static func suits(rank: Int, classes: Int, epsilon: Double) -> Bool {
    rank <= GeneratingPolynomial<V>.mostRank && 2 &* rank <= classes &+ 1
      && epsilon > 1e-30 && epsilon < 1e30
  }

  /// - Parameters:
  ///   - anchor: the score at the rank, or one at most ε / 8 above it; nil for where that is not known. It is not needed
  ///     unless the largest scores are far above it, or noise is so fine that scores a fraction of ε apart are one.
  ///   - label: if the mass counts as far as that is above it; its score relative to the anchor, or to the largest score.
  ///   - known: the largest score, if it is known.
  ///   - memory: `bytes` of it.
  @inline(never)
  init?(
    _ row: NoisedTopKRow, around anchor: V.Scalar?, label: LabelTail? = nil,
    top known: V.Scalar? = nil,
    memory: UnsafeMutableRawPointer
  ) {
    let precision = V.quadrature
    let classes = Int(truncatingIfNeeded: row.classes)
    var rank = Int(truncatingIfNeeded: row.rank)
    let unit = row.epsilon
    guard Self.suits(rank: rank, classes: classes, epsilon: unit) else { return nil }
    var top = known ?? largestScore(row.logits, classes, V.self)
    if let anchor {
      // Scores above that are surely above the order statistic, and only counted.
      // With a label the mass is halfway down to it, or above that.
      let lower = max(0, min(12, -(label?.score ?? 0) / 2))
      top = min(top, Self.highest(anchor, plus: (14 - lower) * unit))
      rank &-= countAbove(row.logits, classes, top, V.self)
    } else {
      guard abs(Double(top)) < 1e30 && unit > 8 * Double(top.ulp) else { return nil }
    }
    let histogram = ScoreHistogram<V>(row.logits, classes, top: top, epsilon: unit, memory: memory)
    let shifted = label.map {
      LabelTail(
        score: $0.score + (anchor.map { (Double($0) - Double(top)) / unit } ?? 0),
        negligible: $0.negligible, rank: $0.rank)
    }
    if let shifted, let center = histogram.bin(ofRank: rank) {
      let distance =
        -shifted.score - Double(center &+ 1) / Double(ScoreHistogram<V>.binsPerUnit)
      let least = shifted.exponent(distance: distance)
      if least > shifted.negligible {
        region = ActiveRegion(low: 0, high: 0, least: least)
        (self.rank, contenders, bulk) = (rank, 0, 0)
        source = ScoreSource(memory: row.logits, count: classes, center: top, inverse: 1)
        return
      }
    }
    let bounds = ChernoffBounds(
      few: precision.few, many: precision.many, binsPerUnit: ScoreHistogram<V>.binsPerUnit,
      memory: memory + ScoreHistogram<V>.bytes)
    guard
      let below = ActiveRegion(
        histogram, bounds, rank: rank, neglected: -log(precision.neglected),
        label: shifted)
    else { return nil }
    let center = anchor ?? V.Scalar(Double(top) + unit * (below.low + below.high) / 2)
    let shift = (Double(top) - Double(center)) / unit
    region = ActiveRegion(
      low: below.low + shift, high: below.high + shift, least: below.least)
    self.rank = rank
    source = ScoreSource(
      memory: row.logits, count: classes, center: center, inverse: V.Scalar(1 / unit))
    // The bin so far below the region, which begins at most `reach` above the top or `deepest` bins and `reach` below it.
    func bin(_ distance: Double) -> Int {
      Int(Double(ScoreHistogram<V>.binsPerUnit) * max(-10, min(100, distance - below.low)))
    }
    let crowd = bounds.crowd(below: bin(0.25), histogram)
    // A crowd may be as far below as its size can reach: five ε for a million.
    contenders = crowd < 3 ? 0 : Int(histogram.count(0, bin(5.25)))
    bulk = Int(histogram.count(bin(precision.weak), bin(precision.margin)))
  }

  /// The distribution of the count, and its nodes; nil where the scores are too crowded for it.
  ///
  /// - Parameter rank: of all scores.
  @inline(never)
  func polynomial(
    rank: Int, nodeMemory: UnsafeMutableRawPointer, memory: UnsafeMutableRawPointer
  ) -> GeneratingPolynomial<V>? {
    let nodes = QuadratureNodes<V>(
      region, rank: self.rank, scores: contenders, memory: nodeMemory)
    return GeneratingPolynomial(
      source, rank: rank, region: region, nodes: nodes, bulk: bulk, memory: memory)
  }

  /// The highest number of the type that is not further above another than a distance, by their exact difference.
  private static func highest(_ anchor: V.Scalar, plus distance: Double) -> V.Scalar {
    let sum = V.Scalar(Double(anchor) + distance)
    return Double(sum) - Double(anchor) > distance ? sum.nextDown : sum
  }
}
