import CSystem

/// The round(B K) highest of a batch's B C scores, by row and then by class where they are equal: those above `score`, and
/// of those that equal it the ones before a place in the batch.
struct AverageKSelection {
  /// The last score that is kept; +∞ if none is, −∞ if all are.
  let score: Double
  /// The first score that is not kept; −∞ if all are.
  let next: Double
  /// How many scores that equal `score` are kept; negative: all.
  let ties: Int
  /// The first place whose score equals `score` and is not kept.
  let end: Place

  /// A row and a class of it.
  struct Place {
    let row: Int
    let classIndex: Int

    /// Behind every row.
    static var none: Place { Place(row: Int.max, classIndex: 0) }
  }

  /// No score at all.
  static var none: AverageKSelection {
    AverageKSelection(
      score: .infinity, next: .infinity, ties: 0, end: Place(row: 0, classIndex: 0))
  }

  /// Every score from one on.
  static func from(_ score: Double) -> AverageKSelection {
    AverageKSelection(score: score, next: -.infinity, ties: -1, end: .none)
  }

  /// Of a row's classes whose score equals `score`, those below this one are kept.
  func tiesEnd(row: Int, classes: Int) -> Int {
    row < end.row ? classes : row == end.row ? end.classIndex : 0
  }

  /// The number halfway between the last score that is kept and the first that is not, which `transform` may give
  /// another scale.
  func midpoint(_ transform: (Double) -> Double = { $0 }) -> Double {
    let (last, next) = (transform(score), transform(next))
    if last == next { return last }
    if last == .infinity && next == -.infinity { return 0 }
    let sum = last + next
    return sum.isFinite ? sum / 2 : last / 2 + next / 2
  }
}

extension AverageKSelection {
  /// round(B K), halves rounded to even.
  static func wanted(_ k: Double, rows: Int) -> Int {
    // There are fewer scores than 2^62, beyond which a number of float64 might be none of Int.
    Int(min((Double(rows) * k).rounded(.toNearestOrEven), 0x1p62))
  }

  /// The lowest log-probability whose exponential is not below a threshold. Its logarithm is beside it: the two functions
  /// are not each other's inverse to the last bit.
  static func lowestScore(ofProbability threshold: Double) -> Double {
    // The average of thresholds that are next to nothing may come to 0, which every probability reaches.
    if threshold == 0 { return -.infinity }
    let near = log(threshold)
    let doubt = 1e-15 * max(1, abs(near))
    var (below, atOrAbove) = (near - doubt, near + doubt)
    while true {
      let middle = below + (atOrAbove - below) / 2
      if !(middle > below && middle < atOrAbove) { return atOrAbove }
      if exp(middle) >= threshold { atOrAbove = middle } else { below = middle }
    }
  }
}
