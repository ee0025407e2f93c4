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
  let batch = try Batch(batchPointer, for: loss.needsLabels ? .everything : .scoresAndWeights)
  let resultPointer = try required(resultPointer, "result")
  var result = try readStruct(UnsafePointer(resultPointer), "result")
  let head = Head(batch: batch, output: try Output(result, for: batch))
  let multiLabel = try loss.hasMultiLabelHead ? Head(multiLabelOf: batch, result) : nil
  try checkValues(loss, batch)
  let upstreamCount = loss.common.reduction == .none ? batch.rows : 1
  let inputs = Output.Inputs(
    labels: batch.labels.span, sampleWeight: batch.sampleWeight.span(count: batch.rows),
    upstream: batch.upstream.span(count: upstreamCount), noise: try loss.noiseSpan(batch))
  try head.output.checkOverlap(with: batch, inputs: inputs)
  try multiLabel?.checkOverlap(besides: head, inputs: inputs)

  let scratchBytes = try loss.scratchBytes(batch)
  let plan = batch.executor.plan(
    rows: batch.rows, nanosecondsPerRow: loss.nanosecondsPerRow(batch),
    scratchBytes: scratchBytes)
  // Rows that are widened here are so one by one, in the same place; those of two heads as well.
  let isAlone = batch.conversion != nil && !loss.convertsRows || multiLabel != nil
  let rowsAtOnce = isAlone ? 1 : loss.rowsAtOnce(batch)
  let workspace = try Workspace(
    rows: batch.rows, rowsAtOnce: rowsAtOnce, pieces: plan.pieces,
    scratchBytes: scratchBytes,
    widenedBytes: batch.widenedBytes &* (multiLabel == nil ? rowsAtOnce : 2),
    callBytes: try loss.callBytes(batch))
  defer { workspace.giveBack() }
  var work = EvaluationWork(
    loss: Unmanaged.passUnretained(loss), head: head, multiLabel: multiLabel ?? head,
    hasMultiLabel: multiLabel != nil,
    call: Call(
      batch: batch, multiLabel: multiLabel?.batch, plan: plan, workspace: workspace,
      isPerRow: loss.common.reduction == .none))
  if loss.common.checkFinite { try work.checkRowsAreFinite() }

  let totalWeight = work.totalWeight()
  guard totalWeight.isFinite else {
    throw Failure(TOPKLOSS_ERROR_NOT_FINITE, "the weights of all rows together are infinite")
  }
  if loss.common.reduction == .mean { work.call.divisor = totalWeight }
  try loss.prepare(work.call, &result)
  try work.run(evaluatePiece)

  var sum = 0.0
  for row in 0..<batch.rows { sum += workspace.rowLosses[row] }
  if loss.common.reduction == .mean { sum = totalWeight == 0 ? 0 : sum / totalWeight }
  result.value = sum
  result.total_weight = totalWeight
  writeStruct(result, resultPointer)
  if let rowValues = head.output.rowValues {
    batch.element.store(workspace.rowLosses, rowValues, batch.rows)
  }
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
  let head: Head
  /// The other head, if there is one. No optional: its copies would cost every row time.
  let multiLabel: Head
  let hasMultiLabel: Bool
  var call: Call

  init(
    loss: Unmanaged<Loss>, head: Head, multiLabel: Head, hasMultiLabel: Bool, call: Call
  ) {
    self.loss = loss
    self.head = head
    self.multiLabel = multiLabel
    self.hasMultiLabel = hasMultiLabel
    self.call = call
  }

  var batch: Batch { head.batch }
  var workspace: Workspace { call.workspace }

  /// Runs a task for every piece, with this work as its context.
  mutating func run(_ task: topkloss_task) throws(Failure) {
    let call = call
    try withUnsafeMutablePointer(to: &self) { work throws(Failure) in
      try call.workspace.run(task, work, call.plan)
    }
  }

  mutating func checkRowsAreFinite() throws(Failure) {
    try run(checkPiece)
    for piece in 0..<workspace.pieces {
      let (row, widened) = (workspace.states[piece].badRow, workspace.widened(of: piece))
      if row < 0 { continue }
      if let failure = batch.notFinite(row: row, in: widened) { throw failure }
      if let failure = multiLabel.batch.notFinite(row: row, in: widened) { throw failure }
    }
  }

  /// Whether a row of either head has a NaN or +∞.
  func isBad(_ row: Int, in widened: UnsafeMutableRawPointer) -> Bool {
    batch.badClass(row: row, in: widened) >= 0
      || hasMultiLabel && multiLabel.batch.badClass(row: row, in: widened) >= 0
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

  func evaluate(piece: Int) {
    guard loss._withUnsafeGuaranteedRef({ $0.flushesSubnormals }) else {
      return evaluateRows(of: piece)
    }
    let environment = lanes_flush_subnormals()
    evaluateRows(of: piece)
    lanes_restore(environment)
  }

  @inline(never)
  private func evaluateRows(of piece: Int) {
    loss._withUnsafeGuaranteedRef { loss in
      // Each read once: what `self` has is copied whenever it is looked at.
      let (batch, output, rows) = (head.batch, head.output, workspace.rows(of: piece))
      let (scratch, widened) = (workspace.scratch(of: piece), workspace.widened(of: piece))
      let multiLabelWidened = widened + batch.widenedBytes
      let (group, rowsAtOnce) = (workspace.group(of: piece), workspace.rowsAtOnce)
      let (rowLosses, shared) = (workspace.rowLosses, workspace.call)
      let ignored = loss.common.ignoredLabel
      let isStored = batch.conversion != nil && loss.convertsRows
      var start = rows.lowerBound
      while start < rows.upperBound {
        let end = min(start &+ rowsAtOnce, rows.upperBound)
        var count = 0
        for index in start..<end {
          guard let label = batch.labels.classIndex(index, batch.classes, ignored) else {
            rowLosses[index] = 0
            output.clear(index)
            if hasMultiLabel { multiLabel.output.clear(index) }
            continue
          }
          let row =
            isStored
            ? head.room(in: widened + count &* batch.widenedBytes)
            : head.open(index, in: widened)
          let next = min(index &+ rowsAtOnce, rows.upperBound &- 1)
          group[count] = Row(
            index: index, logits: row.logits, gradient: row.gradient, label: label,
            stored: isStored
              ? HeadRow(logits: batch.row(index), gradient: output.row(index)) : nil,
            weight: batch.sampleWeight[index], gradientScale: call.gradientScale(index),
            nextLogits: batch.row(next), nextGradient: output.row(next), scratch: scratch,
            call: shared,
            multiLabel: hasMultiLabel ? multiLabel.open(index, in: multiLabelWidened) : nil,
            loss: 0)
          count &+= 1
        }
        if count > 0 { loss.evaluate(group, count: count, of: batch) }
        for place in 0..<count {
          let (index, weight, value) = (group[place].index, group[place].weight, group[place].loss)
          if !isStored { head.close(index, from: widened) }
          if hasMultiLabel { multiLabel.close(index, from: multiLabelWidened) }
          rowLosses[index] = weight == 0 && value.isInfinite ? 0 : weight * value
        }
        start = end
      }
    }
  }
}

/// The task of an evaluation: the rows of one piece.
private func evaluatePiece(_ context: UnsafeMutableRawPointer?, _ piece: Int64) {
  guard let work = context?.assumingMemoryBound(to: EvaluationWork.self) else { return }
  work.pointee.workspace.perform(piece) { work.pointee.evaluate(piece: $0) }
}

/// The task of `check_finite`: the first bad row of one piece.
private func checkPiece(_ context: UnsafeMutableRawPointer?, _ piece: Int64) {
  guard let work = context?.assumingMemoryBound(to: EvaluationWork.self) else { return }
  let workspace = work.pointee.workspace
  workspace.perform(piece) { piece in
    let widened = workspace.widened(of: piece)
    for row in workspace.rows(of: piece) where work.pointee.isBad(row, in: widened) {
      workspace.states[piece].badRow = row
      return
    }
  }
}
