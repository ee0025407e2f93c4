import CTopKLoss

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
    let wanted = Self.wanted(k, rows: rows.count)
    if wanted == 0 {
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
