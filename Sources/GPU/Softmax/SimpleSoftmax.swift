import CDevice
import CGPU
import CKernels

// Members without smoothing, focal factor, class scales or a strongest rival's margin have kernels of their own, a third as
// long, for every element type.

@inline(__always)
func simpleSoftmax<T: SoftmaxMarginTransform, E: Element>(
  _ call: UnsafePointer<TopkDeviceCall>, _: T.Type, _: E.Type
) {
  var family = SoftmaxMarginFamily(call)
  // One of the two at the most.
  if T.isRounded { family.margin = nil } else { family.offset = nil }
  (family.class_scale, family.smoothing, family.lambda) = (nil, nil, 0)
  (family.focal_gamma, family.smoothing_sum) = (0, 0)
  evaluateRows(call, E.self) { row in
    var kernelRow = SoftmaxMarginRow(row, call, &family)
    softmaxMargin(&kernelRow, 1, T.self, TeamLanes<Block, E>.self)
    return kernelRow.loss
  }
}
