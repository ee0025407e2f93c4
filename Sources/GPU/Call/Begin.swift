import CDevice
import CGPU

/// Looks at labels and weights: the total weight, and the first of each that cannot be. A block of TOPK_DEVICE_PARTIALS, each
/// with the rows from one place to another; what they find, every block of the next kernel puts together.
@c(topk_begin)
public func begin(_ call: UnsafePointer<TopkDeviceCall>) {
  let rows = Int(call.pointee.rows)
  let share = (rows &+ Int(TOPK_DEVICE_PARTIALS) &- 1) / Int(TOPK_DEVICE_PARTIALS)
  let end = min(rows, (Int(gpu_block()) &+ 1) &* share)
  var row = Int(gpu_block()) &* share &+ Block.place
  var weight = 0.0
  var (badLabel, badWeight, badUpstream) = (noRow, noRow, noRow)
  while row < end {
    let label = call.label(row)
    if label < 0 && call.storedLabel(row) != call.pointee.ignored_label {
      badLabel = Warp.lesser(badLabel, Int64(row))
    }
    let sampleWeight = call.sampleWeight(row)
    if !sampleWeight.isFinite { badWeight = Warp.lesser(badWeight, Int64(row)) }
    if call.pointee.upstream_is_per_row != 0 || row == 0 {
      if !call.upstream(row).isFinite { badUpstream = Warp.lesser(badUpstream, Int64(row)) }
    }
    if label >= 0 { weight += sampleWeight * call.classWeight(label) }
    row &+= Block.width
  }
  let partial = DevicePartial(
    total_weight: Block.sum(weight), bad_label: Block.least(badLabel),
    bad_weight: Block.least(badWeight), bad_upstream: Block.least(badUpstream))
  if Block.place == 0 { call.pointee.partials.unsafelyUnwrapped[Int(gpu_block())] = partial }
}
