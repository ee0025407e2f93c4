import CTopKLoss

/// The threshold with which the average size of a row's set is K, over rows that all count.
func averageKThreshold(
  _ k: Double, _ batch: Batch, into threshold: inout topkloss_threshold
) throws(Failure) {
  try AverageKSelection.checkK(k, classes: batch.classes, "k")
  let rows = ScoreRows(batch: batch, ignoredLabel: 0, normalization: nil)
  let selection = try AverageKSelection(k: k, of: rows)
  let value = selection.midpoint()
  threshold.value = value
  // Where no score of these rows equals it, other rows' that do are kept. Rounded, the midpoint may be the next score.
  threshold.ties =
    value == selection.score ? Int64(selection.ties) : value == selection.next ? 0 : -1
  threshold.classes = 0
  threshold.class_values = nil
}

extension AverageKSelection {
  /// A selection in memory of its own.
  init(k: Double, of rows: ScoreRows) throws(Failure) {
    let workspace = try Workspace(rows.batch, Self.needs(rows.batch))
    defer { workspace.giveBack() }
    try self.init(k: k, of: rows, in: workspace)
  }
}
