import CKernels
import CSystem
import CTopKLoss

/// Post-hoc logit adjustment, z_j − τ log π_j + log π'_j for every row (Menon et al., ICLR 2021).
func logitAdjust(
  _ batch: Batch, _ options: topkloss_logit_adjust_options, _ adjusted: UnsafeMutableRawPointer?,
  _ stride: Int64
) throws(Failure) {
  let counts = try ClassCounts(
    options.class_counts, classes: options.classes, smoothing: options.count_smoothing)
  try checkOption(options.tau, "options.tau")
  let target = try TargetPrior(options.target_prior, classes: counts.count)
  try batch.requireClasses(options.classes, "options.classes")
  if batch.rows == 0 { return }
  guard let adjusted else { throw .nullPointer("adjusted") }
  let output = try Output(
    adjusted, "adjusted",
    Strides(
      row: stride, classes: options.adjusted_class_stride, group: options.adjusted_group_stride),
    for: batch)
  try output.checkLogitsOverlap(with: batch, "adjusted")
  try Memory.requireSome()
  let offset = try ClassNumbers(count: counts.count) {
    -options.tau * (log(counts[$0]) - log(counts.total)) + target.logarithm($0)
  }
  let workspace = try Workspace(
    batch,
    PassNeeds(
      nanosecondsPerRow: 20 + 0.3 * Double(batch.classes),
      turnedMatrices: output.isTurned ? 1 : 0))
  defer { workspace.giveBack() }
  try workspace.run(
    AdjustmentPass(
      head: Head(batch: batch, output: output), offset: offset.pointer(for: batch.element)))
}

/// Adds an offset to every row.
private struct AdjustmentPass: RowPass {
  static var task: topkloss_task { { AdjustmentPass.run($0, $1) } }

  let head: Head
  let offset: UnsafeRawPointer

  func work(on piece: Piece) {
    piece.inTiles(of: head, where: head.isTurned) { rows in
      adjust(rows, head.isTurned ? head.turned(rows, in: piece) : head, piece)
      head.write(from: piece)
    }
  }

  private func adjust(_ rows: Range<Int>, _ head: Head, _ piece: Piece) {
    let classes = Int64(head.batch.classes)
    for index in rows {
      let row = head.open(index, in: piece)
      guard let adjusted = row.gradient else { return }
      head.batch.kernels.add_offset(row.logits, offset, adjusted, classes)
      head.close(index, in: piece)
    }
  }
}

/// The prior π' of the rows to be predicted, if one is given.
private struct TargetPrior {
  private let numbers: RowNumbers?
  private let total: Double

  init(_ given: UnsafePointer<Double>?, classes: Int) throws(Failure) {
    guard let given else {
      (numbers, total) = (nil, 1)
      return
    }
    let numbers = RowNumbers(given)
    var total = 0.0
    for index in 0..<classes {
      try OptionRange.weight.check(numbers[index], "target_prior", index)
      total += numbers[index]
    }
    guard total > 0 && total.isFinite else {
      throw .number("the sum of target_prior", total, mustBe: "finite and above 0")
    }
    (self.numbers, self.total) = (numbers, total)
  }

  /// log π'_j, or 0 without a prior.
  func logarithm(_ classIndex: Int) -> Double {
    guard let numbers else { return 0 }
    return log(numbers[classIndex]) - log(total)
  }
}
