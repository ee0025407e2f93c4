import CDevice
import CGPU

// Puts the losses of a batch's rows together: one block.

@c(topk_end)
public func end(_ call: UnsafePointer<TopkDeviceCall>) {
  let summary = BatchSummary(call)
  let losses = call.pointee.row_losses.unsafelyUnwrapped
  let type = StoredType(call)
  let rows = Int(call.pointee.rows)
  var (sum, firstNaN, row) = (0.0, noRow, Block.place)
  while row < rows {
    let loss = losses[row]
    sum += loss
    if loss.isNaN { firstNaN = Warp.lesser(firstNaN, Int64(row)) }
    if let values = call.pointee.row_values { type.store(Float(loss), values, row) }
    row &+= Block.width
  }
  let total = Block.sum(sum)
  let notFinite = Block.least(firstNaN)
  let bad = summary.firstBadRows()
  if Block.place != 0 { return }
  guard let outcome = call.pointee.outcome else { return }
  outcome.pointee.total_weight = summary.totalWeight
  outcome.pointee.value =
    call.pointee.is_mean == 0 || summary.isBad
    ? total : summary.totalWeight == 0 ? 0 : total / summary.totalWeight
  outcome.pointee.fault = Int64(TOPK_DEVICE_NO_FAULT)
  outcome.pointee.row = -1
  outcome.pointee.label = 0
  if call.pointee.check_finite != 0 && notFinite != noRow {
    outcome.pointee.fail(TOPK_DEVICE_NOT_FINITE, row: notFinite)
  }
  if !summary.totalWeight.isFinite { outcome.pointee.fail(TOPK_DEVICE_INFINITE_WEIGHTS, row: -1) }
  if bad.upstream != noRow {
    outcome.pointee.fail(TOPK_DEVICE_BAD_UPSTREAM, row: bad.upstream)
  }
  if bad.weight != noRow {
    outcome.pointee.fail(TOPK_DEVICE_BAD_SAMPLE_WEIGHT, row: bad.weight)
  }
  if bad.label != noRow {
    outcome.pointee.fail(TOPK_DEVICE_BAD_LABEL, row: bad.label)
    outcome.pointee.label = call.storedLabel(Int(bad.label)) ?? 0
  }
}

extension DeviceOutcome {
  @inline(__always)
  fileprivate mutating func fail(_ fault: Int, row: Int64) {
    (self.fault, self.row) = (Int64(fault), row)
  }
}
