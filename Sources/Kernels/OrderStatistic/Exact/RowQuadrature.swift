import CKernels
import CSystem

/// What the quadrature needs to know of a row, from a histogram of its scores: for ranks small enough and noise that is not
/// too fine for the scores' own type.
struct RowQuadrature<V: Lanes> {
  let source: ScoreSource<V>
  let region: ActiveRegion
  /// About how many scores crowd the lower end of the region; 0 if those below it can be expected to put less than three
  /// above it.
  let contenders: Int
  /// About how many scores are of the bulk.
  let bulk: Int

  /// Bytes of working memory.
  static var bytes: Int { ScoreHistogram<V>.bytes &+ CountBounds.bytes }

  /// - Parameter memory: `bytes` of it.
  @inline(never)
  init?(_ row: NoisedTopKRow, memory: UnsafeMutableRawPointer) {
    let precision = V.quadrature
    let classes = Int(truncatingIfNeeded: row.classes)
    let rank = Int(truncatingIfNeeded: row.rank)
    guard rank <= CountPolynomial<V>.mostRank && 2 &* rank <= classes &+ 1 else { return nil }
    let top = largestScore(row.logits, classes, V.self)
    // Far from the limits of the arithmetic type, and far from where scores a fraction of ε apart are one.
    let unit = row.epsilon
    guard unit > 1e-30 && unit < 1e30 && abs(Double(top)) < 1e30 else { return nil }
    guard unit > 8 * Double(top.ulp) else { return nil }
    let histogram = ScoreHistogram<V>(row.logits, classes, top: top, epsilon: unit, memory: memory)
    let bounds = CountBounds(
      few: precision.few, many: precision.many, binsPerUnit: ScoreHistogram<V>.binsPerUnit,
      memory: memory + ScoreHistogram<V>.bytes)
    guard
      let below = ActiveRegion(
        histogram, bounds, rank: rank, neglected: -log(precision.neglected))
    else { return nil }
    let center = V.Scalar(Double(top) + unit * (below.low + below.high) / 2)
    let shift = (Double(top) - Double(center)) / unit
    region = ActiveRegion(low: below.low + shift, high: below.high + shift)
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
}
