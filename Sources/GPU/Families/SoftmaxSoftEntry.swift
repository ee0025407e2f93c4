import CDevice
import CGPU
import CKernels

/// Soft labels without margins.
@c(topk_softmax_margin_soft)
public func softmaxMarginSoft(_ call: UnsafePointer<TopkDeviceCall>) {
  var family = SoftmaxMarginFamily(call)
  (family.margin, family.lambda, family.focal_gamma) = (nil, 0, 0)
  evaluateWidenedRows(call) { row in
    var kernelRow = SoftmaxMarginRow(row, call, &family)
    kernelRow.take(softLabelsOf: row, call)
    softmaxMargin(&kernelRow, 1, AnyTransform.self, TeamLanes<Block, Float>.self)
    return kernelRow.loss
  }
}
