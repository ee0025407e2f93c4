import CDevice
import CGPU
import CKernels

/// Soft labels with margins.
@c(topk_softmax_margin_soft_margins)
public func softmaxMarginSoftMargins(_ call: UnsafePointer<TopkDeviceCall>) {
  var family = SoftmaxMarginFamily(call)
  family.margin = nil
  evaluateWidenedRows(call) { row in
    var kernelRow = SoftmaxMarginRow(row, call, &family)
    kernelRow.take(softLabelsOf: row, call)
    softLabelsWithMargins(&kernelRow, TeamLanes<Block, Float>.self)
    return kernelRow.loss
  }
}
