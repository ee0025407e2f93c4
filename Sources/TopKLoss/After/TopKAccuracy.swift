import CKernels
import CTopKLoss

/// The share of labels that rank among the K highest scores, over rows or over classes.
func topKAccuracy(
  _ batch: Batch, _ options: topkloss_topk_accuracy_options
) throws(Failure) -> Double {
  let average = try Average(options.average)
  let bins = try topKBins(batch, k: options.k, ignoring: options.ignore_index)
  return bins.accuracy(average) ?? 0
}

/// In how many rows of each class its label ranks among the K highest scores.
func topKBins(_ batch: Batch, k: Int64, ignoring ignored: Int64) throws(Failure) -> AccuracyBins {
  guard k >= 1 else {
    throw Failure(TOPKLOSS_ERROR_OPTION, "options.k is \(k): it must be 1 or more")
  }
  try batch.labels.check(classes: batch.classes, ignoring: ignored)
  try Memory.requireSome()
  let workspace = try Workspace(
    batch, PassNeeds(nanosecondsPerRow: 20 + 0.3 * Double(batch.classes), hasRowNumbers: true))
  defer { workspace.giveBack() }
  let bins = try AccuracyBins(batch)
  try workspace.run(
    RankPass(batch: batch, ignoredLabel: ignored, classesBefore: workspace.rowNumbers))
  for row in 0..<batch.rows {
    guard let label = batch.labels.classIndex(row, batch.classes, ignored) else { continue }
    bins.count(label: label, isHit: workspace.rowNumbers[row] < Double(k))
  }
  return bins
}

/// Finds how many classes rank before each row's label.
private struct RankPass: RowPass {
  static var task: topkloss_task { { RankPass.run($0, $1) } }

  let batch: Batch
  let ignoredLabel: Int64
  let classesBefore: UnsafeMutablePointer<Double>

  func work(on piece: Piece) {
    let classes = Int64(batch.classes)
    for row in piece.rows {
      guard let label = batch.labels.classIndex(row, batch.classes, ignoredLabel) else { continue }
      classesBefore[row] = Double(
        batch.kernels.classes_before(
          batch.numbers(row, in: piece), classes, Int64(label)))
    }
  }
}
