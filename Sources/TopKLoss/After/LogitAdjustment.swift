import CKernels
import CSystem
import CTopKLoss

/// Post-hoc logit adjustment, z_j − τ log π_j for every row (Menon et al., ICLR 2021).
func logitAdjust(
  _ batch: Batch, _ options: topkloss_logit_adjust_options, _ adjusted: UnsafeMutableRawPointer?,
  _ stride: Int64
) throws(Failure) {
  let counts = try ClassCounts(
    options.class_counts, classes: options.classes, smoothing: options.count_smoothing)
  try checkOption(options.tau, "options.tau")
  guard batch.classes == counts.count else {
    throw Failure(
      TOPKLOSS_ERROR_SIZE,
      "batch.classes is \(batch.classes) and options.classes is \(counts.count)")
  }
  if batch.rows == 0 { return }
  guard let adjusted else { throw .nullPointer("adjusted") }
  let output = try Output(adjusted, "adjusted", stride: stride, for: batch)
  try output.checkLogitsOverlap(with: batch, "adjusted")
  try Memory.requireSome()
  let offset = try ClassNumbers(count: counts.count) {
    -options.tau * (log(counts[$0]) - log(counts.total))
  }
  let workspace = try Workspace(
    rows: 0, pieces: 1, scratchBytes: 0, widenedBytes: batch.widenedBytes)
  defer { workspace.giveBack() }
  let widened = workspace.widened(of: 0)
  for row in 0..<batch.rows {
    guard let adjustedRow = output.row(row) else { return }
    let sums = batch.conversion == nil ? adjustedRow : widened
    batch.kernels.add_offset(
      batch.numbers(row, in: widened), offset.pointer(for: batch.element), sums,
      Int64(batch.classes))
    batch.conversion?.narrow(UnsafeRawPointer(sums), adjustedRow, Int64(batch.classes))
  }
}
