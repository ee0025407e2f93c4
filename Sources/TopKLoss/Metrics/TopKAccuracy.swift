import CKernels
import CSystem
import CTopKLoss

/// The share of labels that rank among the K highest scores, over rows or over classes.
func topKAccuracy(
  _ batch: Batch, _ options: topkloss_topk_accuracy_options
) throws(Failure) -> Double {
  guard options.k >= 1 else {
    throw Failure(TOPKLOSS_ERROR_OPTION, "options.k is \(options.k): it must be 1 or more")
  }
  let isMacro: Bool
  switch Int(options.average) {
  case TOPKLOSS_MICRO: isMacro = false
  case TOPKLOSS_MACRO: isMacro = true
  default:
    throw Failure(
      TOPKLOSS_ERROR_ENUMERATOR,
      "options.average is \(options.average): it must be TOPKLOSS_MICRO or TOPKLOSS_MACRO")
  }
  try batch.labels.check(classes: batch.classes, ignoring: options.ignore_index)
  if batch.rows == 0 { return 0 }
  try Memory.requireSome()
  // One bin for all rows, or one for each class.
  let bins = isMacro ? batch.classes : 1
  let hits = try ClassVector<Int>(count: bins)
  let rows = try ClassVector<Int>(count: bins)
  memset(hits.numbers, 0, bins &* MemoryLayout<Int>.stride)
  memset(rows.numbers, 0, bins &* MemoryLayout<Int>.stride)
  for row in 0..<batch.rows {
    guard let label = batch.labels.classIndex(row, batch.classes, options.ignore_index) else {
      continue
    }
    let before = batch.kernels.classes_before(
      batch.row(row), Int64(batch.classes), Int64(label))
    let bin = isMacro ? label : 0
    rows.numbers[bin] &+= 1
    if before < options.k { hits.numbers[bin] &+= 1 }
  }
  var (sum, binsWithRows) = (0.0, 0.0)
  for bin in 0..<bins where rows.numbers[bin] > 0 {
    sum += Double(hits.numbers[bin]) / Double(rows.numbers[bin])
    binsWithRows += 1
  }
  return binsWithRows == 0 ? 0 : sum / binsWithRows
}
