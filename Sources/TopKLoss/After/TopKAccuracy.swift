import CKernels
import CTopKLoss

/// The share of labels that rank among the K highest scores, over rows or over classes.
func topKAccuracy(
  _ batch: Batch, _ options: topkloss_topk_accuracy_options
) throws(Failure) -> Double {
  let average = try Average(options.average)
  try checkTopK(batch, options.k, ignoring: options.ignore_index)
  let found = try BatchTally(batch, byClass: average == .macro)
  try eachTopKHit(batch, options.k, ignoring: options.ignore_index) { found.add($0) }
  return found.tally.mean(average) ?? 0
}

/// Checks what all that looks for labels among the K highest scores is given.
func checkTopK(_ batch: Batch, _ k: Int64, ignoring ignored: Int64) throws(Failure) {
  guard k >= 1 else {
    throw Failure(TOPKLOSS_ERROR_OPTION, "options.k is \(k): it must be 1 or more")
  }
  try batch.checkForMetric(ignoring: ignored)
  try Memory.requireSome()
}

/// Finds whether each row's label ranks among the K highest scores. To be checked before.
func eachTopKHit(
  _ batch: Batch, _ k: Int64, ignoring ignored: Int64, _ body: (Hit) -> Void
) throws(Failure) {
  let workspace = try Workspace(
    batch, PassNeeds(nanosecondsPerRow: 20 + 0.3 * Double(batch.classes), hasRowNumbers: true))
  defer { workspace.giveBack() }
  try workspace.run(
    RankPass(batch: batch, ignoredLabel: ignored, classesBefore: workspace.rowNumbers))
  batch.eachLabel(ignoring: ignored) { row, label in
    body(
      Hit(
        label: label, weight: batch.sampleWeight[row],
        isHit: workspace.rowNumbers[row] < Double(k)))
  }
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
