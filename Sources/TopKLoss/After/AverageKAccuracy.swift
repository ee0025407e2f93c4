import CKernels
import CTopKLoss

/// The share of labels that are in their rows' sets, which have K classes on average, over rows or over classes.
func averageKAccuracy(
  _ batch: Batch, _ options: topkloss_average_k_accuracy_options
) throws(Failure) -> Double {
  let average = try Average(options.average)
  try AverageKSelection.checkK(options.k, classes: batch.classes, "options.k")
  try batch.checkForMetric(ignoring: options.ignore_index)
  try Memory.requireSome()
  let rows = ScoreRows(batch: batch, ignoredLabel: options.ignore_index, normalization: nil)
  let selection = try AverageKSelection(k: options.k, of: rows)
  let found = try BatchTally(batch, byClass: average == .macro)
  batch.eachLabel(ignoring: options.ignore_index) { row, label in
    let score = batch.number(row, label)
    let isHit =
      score > selection.score
      || score == selection.score && label < selection.tiesEnd(row: row, classes: batch.classes)
    found.add(Hit(label: label, weight: batch.sampleWeight[row], isHit: isHit))
  }
  return found.tally.mean(average) ?? 0
}
