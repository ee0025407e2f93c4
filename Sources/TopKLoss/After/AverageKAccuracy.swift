import CKernels
import CTopKLoss

/// The share of labels that are in their rows' sets, which have K classes on average, over rows or over classes.
func averageKAccuracy(
  _ batch: Batch, _ options: topkloss_average_k_accuracy_options
) throws(Failure) -> Double {
  let average = try Average(options.average)
  try AverageKSelection.checkK(options.k, classes: batch.classes, "options.k")
  try batch.labels.check(classes: batch.classes, ignoring: options.ignore_index)
  try Memory.requireSome()
  let rows = ScoreRows(batch: batch, ignoredLabel: options.ignore_index, normalization: nil)
  let selection = try AverageKSelection(k: options.k, of: rows)
  let bins = try AccuracyBins(batch)
  for row in 0..<batch.rows {
    guard let label = batch.labels.classIndex(row, batch.classes, options.ignore_index) else {
      continue
    }
    let score = batch.number(row, label)
    let isHit =
      score > selection.score
      || score == selection.score && label < selection.tiesEnd(row: row, classes: batch.classes)
    bins.count(label: label, isHit: isHit)
  }
  return bins.accuracy(average) ?? 0
}
