import CTopKLoss

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
  /// What the passes of a selection take.
  static func needs(_ batch: Batch) -> PassNeeds {
    PassNeeds(
      nanosecondsPerRow: 2 * Double(batch.classes), scratchBytes: DigitPass.tableBytes)
  }

  /// Selects the round(B K) highest scores, halves rounded to even, B the number of rows that take part. NaN is not
  /// kept.
  ///
  /// - Parameter workspace: has at least the scratch of `needs`.
  init(k: Double, of rows: ScoreRows, in workspace: Workspace) throws(Failure) {
    let wanted = (Double(rows.count) * k).rounded(.toNearestOrEven)
    // There are fewer scores than 2^62, beyond which a number of float64 might be none of Int.
    guard wanted >= 1, let wanted = Int(exactly: min(wanted, 0x1p62)) else {
      self = .none
      return
    }
    var search = AverageKSearch(rows: rows, workspace: workspace)
    self = try search.select(wanted)
  }

  /// Checks K, which is the caller's.
  static func checkK(_ k: Double, classes: Int, _ name: StaticString) throws(Failure) {
    guard k > 0 && k < Double(classes) else {
      throw Failure(
        TOPKLOSS_ERROR_OPTION,
        "\(name) is \(text(k)): K is above 0 and below the number of classes, \(classes)")
    }
  }
}
