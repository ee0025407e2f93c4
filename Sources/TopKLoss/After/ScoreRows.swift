import CKernels

/// The rows that take part in a selection, and their scores.
struct ScoreRows {
  let batch: Batch
  /// Label of rows to leave out.
  let ignoredLabel: Int64
  /// How the rows' softmax is normalised, where scores are log-probabilities; nil where they are the logits.
  let normalization: UnsafePointer<SoftmaxNormalization>?

  /// Whether a row takes part.
  func includes(_ row: Int) -> Bool {
    batch.labels.classIndex(row, batch.classes, ignoredLabel) != nil
      && normalization?[row].isNumber != false
  }

  /// The scores of a row, turned and widened in the piece's memory if need be.
  func scores(_ row: Int, in piece: Piece) -> ScoreRow {
    scores(row, of: batch.numbers(row, in: piece))
  }

  /// The scores of a row whose numbers are at hand.
  func scores(_ row: Int, of numbers: UnsafeRawPointer) -> ScoreRow {
    ScoreRow(
      logits: numbers, classes: Int64(batch.classes), peak: normalization?[row].peak ?? 0,
      log_sum: normalization?[row].logSum ?? 0)
  }

  /// How many rows take part.
  var count: Int {
    var count = 0
    for row in 0..<batch.rows where includes(row) { count &+= 1 }
    return count
  }
}
