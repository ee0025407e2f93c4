import CDevice
import CGPU
import CKernels

/// Any member.
@c(topk_softmax_margin_any)
public func softmaxMarginAny(_ call: UnsafePointer<TopkDeviceCall>) {
  let loss = call.pointee.softmax_margin
  var family = SoftmaxMarginFamily(call)
  let offsets = loss.mitigation.numbers == nil ? nil : call.scratch
  if let offsets { family.offset = UnsafeRawPointer(offsets) }
  evaluateWidenedRows(call) { row in
    if let offsets, let mitigation = loss.mitigation.numbers {
      // The seesaw loss, whose offsets are each row's own.
      seesawOffsets(
        SeesawRow(
          logits: row.logits, mitigation: mitigation, offsets: offsets,
          compensation: loss.compensation, classes: call.pointee.classes, label: Int64(row.label)),
        TeamLanes<Block, Float>.self)
      Block.barrier()
    }
    var kernelRow = SoftmaxMarginRow(row, call, &family)
    softmaxMargin(&kernelRow, 1, AnyTransform.self, TeamLanes<Block, Float>.self)
    return kernelRow.loss
  }
}
