import CTopKLoss

/// Adds to a tally how the sets of a batch cover its labels, and how large they are if that is wanted. Only the labels'
/// own scores are read otherwise.
func tallySets(
  _ batch: Batch, _ threshold: SetThreshold, ignoring ignored: Int64, hits: ClassSums,
  sizes: ClassSums?, weights: ClassSums
) throws(Failure) {
  try batch.checkForMetric(ignoring: ignored)
  let workspace = try Workspace(
    batch,
    PassNeeds(
      nanosecondsPerRow: sizes == nil ? 0 : 20 + 0.3 * Double(batch.classes),
      hasRowNumbers: sizes != nil))
  defer { workspace.giveBack() }
  if sizes != nil {
    try workspace.run(
      SizePass(batch: batch, threshold: threshold, sizes: workspace.rowNumbers))
  }
  batch.eachLabel(ignoring: ignored) { row, label in
    let weight = batch.sampleWeight[row]
    if batch.number(row, label) >= threshold[label] { hits.add(weight, to: label) }
    sizes?.add(weight * workspace.rowNumbers[row], to: label)
    weights.add(weight, to: label)
  }
}

/// Finds how large each row's set is.
private struct SizePass: RowPass {
  static var task: topkloss_task { { SizePass.run($0, $1) } }

  let batch: Batch
  let threshold: SetThreshold
  let sizes: UnsafeMutablePointer<Double>

  func work(on piece: Piece) {
    for row in piece.rows {
      var ties = Int64.max
      sizes[row] = Double(
        threshold.choose(batch.numbers(row, in: piece), of: batch, &ties, nil, room: 0))
    }
  }
}
