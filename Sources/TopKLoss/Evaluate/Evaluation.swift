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
  try evaluate(loss, Batch(batchPointer, for: loss.use), .whole, resultPointer)
}

/// Checks the rest of a call and does it, with whole rows or with a shard of them.
func evaluate(
  _ loss: Loss, _ batch: Batch, _ shard: Shard,
  _ resultPointer: UnsafeMutablePointer<topkloss_result>?
) throws(Failure) {
  let resultPointer = try required(resultPointer, "result")
  var result = try readStruct(UnsafePointer(resultPointer), "result")
  let head = Head(batch: batch, output: try Output(result, for: batch))
  let second =
    try loss.use.hasMultiLabelHead
    ? Head(multiLabelOf: batch, result) : Head(softLabelsOf: batch)
  var inputs = try checkedInputs(loss, batch, isReadable: true)
  inputs.states = shard.span
  try head.output.checkOverlap(with: batch, inputs: inputs)
  try second?.checkOverlap(besides: head, inputs: inputs)

  var needs = try shard.isPart ? loss.completionNeeds(batch) : loss.needs(batch)
  // Rows that are widened here are so one by one, in the same place.
  if batch.conversion != nil && !needs.convertsRows { needs.rowsAtOnce = 1 }
  // Of classes just few enough, a kernel's scratch may be all but as large as a number can say.
  let (scratchBytes, overflows) = needs.groupBytes.addingReportingOverflow(needs.scratchBytes)
  guard !overflows else { throw .outOfMemory(bytes: Int.max) }
  let workspace = try Workspace(
    batch,
    PassNeeds(
      nanosecondsPerRow: needs.nanosecondsPerRow,
      scratchBytes: scratchBytes, sharedBytes: needs.sharedBytes, hasRowNumbers: true,
      widenedRows: needs.rowsAtOnce + needs.otherWidenedRows,
      turnedMatrices: head.isTurned || second?.isTurned == true ? 2 : 0))
  defer { workspace.giveBack() }
  var call = Call(
    head: head, second: second ?? head, hasSecond: second != nil, needs: needs,
    workspace: workspace, isPerRow: loss.common.reduction == .none,
    ignoredLabel: loss.common.ignoredLabel, shard: shard)
  if loss.common.checkFinite {
    if shard.isPart { try shard.checkRowsAreFinite() } else { try checkRowsAreFinite(call) }
  }

  let totalWeight = totalWeight(loss, call)
  guard totalWeight.isFinite else { throw .infiniteWeights }
  if loss.common.reduction == .mean { call.divisor = totalWeight }
  try loss.prepare(call, &result)
  try withUnsafePointer(to: call) { call throws(Failure) in
    try workspace.run(EvaluationPass(loss: Unmanaged.passUnretained(loss), call: call))
  }

  var sum = 0.0
  for row in 0..<batch.rows { sum += workspace.rowNumbers[row] }
  if loss.common.reduction == .mean { sum = totalWeight == 0 ? 0 : sum / totalWeight }
  result.value = sum
  result.total_weight = totalWeight
  writeStruct(result, resultPointer)
  if let rowValues = head.output.rowValues {
    batch.element.store(workspace.rowNumbers, rowValues, batch.rows)
  }
}

/// Checks labels, weights and upstream values, and what the loss itself asks for. Returns what is read besides the logits.
///
/// - Parameter isReadable: whether what labels and numbers are can be looked at; not in a device's memory.
func checkedInputs(
  _ loss: Loss, _ batch: Batch, isReadable: Bool
) throws(Failure) -> Output.Inputs {
  if let classes = loss.classes, classes != batch.allClasses {
    throw Failure(
      TOPKLOSS_ERROR_SIZE,
      "\(batch.nameOfAllClasses) is \(batch.allClasses): the loss was created for \(classes) classes"
    )
  }
  let upstreamCount = loss.common.reduction == .none ? batch.rows : 1
  var inputs = Output.Inputs(
    labels: batch.labels.span, sampleWeight: batch.sampleWeight.span(count: batch.rows),
    upstream: batch.upstream.span(count: upstreamCount), noise: nil)
  try loss.check(batch, reading: &inputs)
  if !isReadable { return inputs }
  try batch.labels.check(classes: batch.allClasses, ignoring: loss.common.ignoredLabel)
  try batch.sampleWeight.checkFinite("batch.sample_weight", count: batch.rows)
  try batch.upstream.checkFinite("batch.upstream", count: upstreamCount)
  return inputs
}

/// Σ v_i w_{y_i} over the rows that are not ignored; of soft labels Σ v_i.
private func totalWeight(_ loss: Loss, _ call: Call) -> Double {
  var total = 0.0
  for row in 0..<call.head.batch.rows {
    if let label = call.label(row) {
      total +=
        call.head.batch.sampleWeight[row]
        * (call.head.batch.hasSoftLabels ? 1 : loss.weight(label: label))
    }
  }
  return total
}

// MARK: The rows' losses

private struct EvaluationPass: RowPass {
  static var task: topkloss_task { { EvaluationPass.run($0, $1) } }

  let loss: Unmanaged<Loss>
  let call: UnsafePointer<Call>

  func work(on piece: Piece) {
    guard call.pointee.needs.flushesSubnormals else { return evaluateAll(of: piece) }
    let environment = lanes_flush_subnormals()
    evaluateAll(of: piece)
    lanes_restore(environment)
  }

  private func evaluateAll(of piece: Piece) {
    if !call.pointee.isTurned { return evaluateRows(of: piece, call) }
    piece.inTiles(of: call.pointee.head, where: true) { rows in
      var turned = call.pointee.turned(rows, in: piece)
      evaluateRows(of: piece.with(rows: rows), &turned)
      call.pointee.write(from: piece)
    }
  }

  @inline(never)
  private func evaluateRows(of piece: Piece, _ call: UnsafePointer<Call>) {
    loss._withUnsafeGuaranteedRef { loss in
      // Each read once: what is large is copied whenever it is looked at.
      let call = call.pointee
      let (batch, output, widened) = (call.head.batch, call.head.output, piece.widened)
      let (needs, rowLosses) = (call.needs, call.workspace.rowNumbers)
      let group = piece.scratch.assumingMemoryBound(to: Row.self)
      let lossPiece = piece.with(scratch: piece.scratch + needs.groupBytes)
      let isStored = batch.conversion != nil && needs.convertsRows
      let end = piece.rows.upperBound
      var start = piece.rows.lowerBound
      while start < end {
        let groupEnd = min(start &+ needs.rowsAtOnce, end)
        var count = 0
        for index in start..<groupEnd {
          guard let label = batch.labels.classIndex(index, batch.allClasses, call.ignoredLabel)
          else {
            rowLosses[index] = 0
            output.clear(index)
            if call.hasSecond { call.second.output.clear(index) }
            continue
          }
          let row =
            isStored
            ? call.head.room(in: widened + count &* batch.widenedBytes)
            : call.head.open(index, in: piece)
          group[count] = Row(
            index: index, label: label, logits: row.logits, gradient: row.gradient,
            gradientScale: call.gradientScale(index), loss: 0)
          count &+= 1
        }
        if call.shard.isPart {
          for place in 0..<count { loss.complete(group + place, in: lossPiece, of: call) }
        } else if count > 0 {
          loss.evaluate(group, count: count, in: lossPiece, of: call)
        }
        for place in 0..<count {
          let (index, value) = (group[place].index, group[place].loss)
          if !isStored { call.head.close(index, in: piece) }
          let weight = batch.sampleWeight[index]
          rowLosses[index] = weight == 0 && value.isInfinite ? 0 : weight * value
        }
        start = groupEnd
      }
    }
  }
}

// MARK: check_finite

private func checkRowsAreFinite(_ call: Call) throws(Failure) {
  let workspace = call.workspace
  try workspace.run(FinitePass(call: call))
  for number in 0..<workspace.pieces {
    let piece = workspace.piece(number)
    let row = piece.found.load(as: Int.self)
    if row < 0 { continue }
    if let failure = call.head.batch.notFinite(row: row, in: piece) { throw failure }
    if let failure = call.second.batch.notFinite(row: row, in: piece) { throw failure }
  }
}

/// Finds the first row of every piece with a NaN or +∞ in either matrix; −1 if there is none.
private struct FinitePass: RowPass {
  static var task: topkloss_task { { FinitePass.run($0, $1) } }

  let call: Call

  func work(on piece: Piece) {
    piece.found.storeBytes(of: -1, as: Int.self)
    for row in piece.rows where isBad(row, in: piece) {
      piece.found.storeBytes(of: row, as: Int.self)
      return
    }
  }

  private func isBad(_ row: Int, in piece: Piece) -> Bool {
    call.head.batch.badClass(row: row, in: piece) >= 0
      || call.hasSecond && call.second.batch.badClass(row: row, in: piece) >= 0
  }
}
