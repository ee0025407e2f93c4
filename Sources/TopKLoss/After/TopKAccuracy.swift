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
    rows: 0, pieces: 1, scratchBytes: 0, widenedBytes: batch.widenedBytes)
  defer { workspace.giveBack() }
  let bins = try AccuracyBins(batch)
  for row in 0..<batch.rows {
    guard let label = batch.labels.classIndex(row, batch.classes, ignored) else { continue }
    let before = batch.kernels.classes_before(
      batch.numbers(row, in: workspace.widened(of: 0)), Int64(batch.classes), Int64(label))
    bins.count(label: label, isHit: before < k)
  }
  return bins
}
