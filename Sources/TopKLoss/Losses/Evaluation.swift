import CKernels
import CSystem
import CTopKLoss

// One evaluation: check everything, split the rows among threads, put the rows' losses together.
//
// A row's loss goes into a table of float64, and the table is summed from its first row to its last, so that the
// result does not depend on who computed which row.

/// Checks a call and does it.
func evaluate(
  _ loss: Loss, _ batchPointer: UnsafePointer<topkloss_batch>?,
  _ resultPointer: UnsafeMutablePointer<topkloss_result>?
) throws(Failure) {
  let batch = try Batch(batchPointer, needsLabels: true)
  let resultPointer = try required(resultPointer, "result")
  let output = try Output(UnsafePointer(resultPointer), for: batch)
  try checkValues(loss, batch)
  let upstreamCount = loss.common.reduction == .none ? batch.rows : 1
  try output.checkOverlap(
    with: batch,
    inputs: Output.Inputs(
      labels: batch.labels.span, sampleWeight: batch.sampleWeight.span(count: batch.rows),
      upstream: batch.upstream.span(count: upstreamCount), noise: try loss.noiseSpan(batch)))

  let scratchBytes = try loss.scratchBytes(batch)
  let plan = batch.executor.plan(
    rows: batch.rows, nanosecondsPerRow: loss.nanosecondsPerRow(batch),
    scratchBytes: scratchBytes)
  let workspace = try Workspace(
    rows: batch.rows, pieces: plan.pieces, scratchBytes: scratchBytes)
  defer { workspace.giveBack() }
  var work = EvaluationWork(
    loss: Unmanaged.passUnretained(loss), batch: batch, output: output, plan: plan,
    workspace: workspace)
  if loss.common.checkFinite { try work.checkRowsAreFinite() }

  let totalWeight = work.totalWeight()
  if loss.common.reduction == .mean { work.divisor = totalWeight }
  try work.run(evaluatePiece)

  if let rowValues = output.rowValues {
    batch.kernels.store(work.workspace.rowLosses, rowValues, Int64(batch.rows))
  }
  var sum = 0.0
  for row in 0..<batch.rows { sum += work.workspace.rowLosses[row] }
  if loss.common.reduction == .mean { sum = totalWeight == 0 ? 0 : sum / totalWeight }
  resultPointer.pointee.value = sum
  resultPointer.pointee.total_weight = totalWeight
}

/// Labels, weights and upstream values, and what the loss itself asks for.
private func checkValues(_ loss: Loss, _ batch: Batch) throws(Failure) {
  if let classes = loss.classes, classes != batch.classes {
    throw Failure(
      TOPKLOSS_ERROR_SIZE,
      "batch.classes is \(batch.classes): the loss was created for \(classes) classes")
  }
  try loss.check(batch)
  try batch.labels.check(classes: batch.classes, ignoring: loss.common.ignoredLabel)
  try batch.sampleWeight.checkFinite("batch.sample_weight", count: batch.rows)
  try batch.upstream.checkFinite(
    "batch.upstream", count: loss.common.reduction == .none ? batch.rows : 1)
}

/// What the pieces of one evaluation share. It lives on the calling thread's stack while they run.
private struct EvaluationWork {
  let loss: Unmanaged<Loss>
  let batch: Batch
  let output: Output
  let plan: Executor.Plan
  let workspace: Workspace
  /// What row gradients are divided by: the total weight for the mean, else 1.
  var divisor = 1.0

  init(
    loss: Unmanaged<Loss>, batch: Batch, output: Output, plan: Executor.Plan,
    workspace: Workspace
  ) {
    self.loss = loss
    self.batch = batch
    self.output = output
    self.plan = plan
    self.workspace = workspace
  }

  /// Runs a task for every piece and sees that the executor left none out.
  mutating func run(_ task: topkloss_task) throws(Failure) {
    workspace.clear()
    let (plan, pieces) = (plan, workspace.pieces)
    withUnsafeMutablePointer(to: &self) { plan.run(task, $0) }
    for piece in 0..<pieces where !workspace.states[piece].isDone {
      throw Failure(
        TOPKLOSS_ERROR_EXECUTOR,
        "executor.parallel_for returned without having run task \(piece) of \(pieces)")
    }
  }

  mutating func checkRowsAreFinite() throws(Failure) {
    try run(checkPiece)
    for piece in 0..<workspace.pieces {
      let row = workspace.states[piece].badRow
      if row >= 0, let failure = batch.notFinite(row: row) { throw failure }
    }
  }

  /// Σ v_i w_{y_i} over the rows that are not ignored.
  func totalWeight() -> Double {
    loss._withUnsafeGuaranteedRef { loss in
      var total = 0.0
      for row in 0..<batch.rows {
        if let label = batch.labels.classIndex(row, batch.classes, loss.common.ignoredLabel) {
          total += batch.sampleWeight[row] * loss.weight(label: label)
        }
      }
      return total
    }
  }

  func evaluate(rows: Range<Int>, scratch: UnsafeMutableRawPointer) {
    loss._withUnsafeGuaranteedRef { loss in
      let isPerRow = loss.common.reduction == .none
      for index in rows {
        let gradient = output.row(index)
        guard let label = batch.labels.classIndex(index, batch.classes, loss.common.ignoredLabel)
        else {
          workspace.rowLosses[index] = 0
          if let gradient { memset(gradient, 0, batch.classes &* batch.element.byteCount) }
          continue
        }
        let weight = batch.sampleWeight[index]
        let scale =
          divisor == 0 ? 0 : batch.upstream[isPerRow ? index : 0] * weight / divisor
        let value = loss.evaluate(
          Row(
            index: index, logits: batch.row(index), gradient: gradient, label: label,
            gradientScale: scale, nextLogits: batch.row(min(index &+ 1, rows.upperBound &- 1)),
            nextGradient: output.row(min(index &+ 1, rows.upperBound &- 1)), scratch: scratch),
          of: batch)
        workspace.rowLosses[index] = weight == 0 && value.isInfinite ? 0 : weight * value
      }
    }
  }
}

/// The task of an evaluation: the rows of one piece.
private func evaluatePiece(_ context: UnsafeMutableRawPointer?, _ piece: Int64) {
  forPiece(context, piece) { work, piece in
    work.evaluate(
      rows: work.workspace.rows(of: piece), scratch: work.workspace.scratch(of: piece))
  }
}

/// The task of `check_finite`: the first bad row of one piece.
private func checkPiece(_ context: UnsafeMutableRawPointer?, _ piece: Int64) {
  forPiece(context, piece) { work, piece in
    for row in work.workspace.rows(of: piece) where work.batch.badClass(row: row) >= 0 {
      work.workspace.states[piece].badRow = row
      return
    }
  }
}

@inline(__always)
private func forPiece(
  _ context: UnsafeMutableRawPointer?, _ piece: Int64,
  _ body: (borrowing EvaluationWork, Int) -> Void
) {
  guard let context else { return }
  let work = context.assumingMemoryBound(to: EvaluationWork.self)
  guard let piece = Int(exactly: piece), piece >= 0, piece < work.pointee.workspace.pieces else {
    return
  }
  body(work.pointee, piece)
  work.pointee.workspace.states[piece].isDone = true
}
