import CDevice
import CTopKLoss

/// A kernel that reads or writes a number at an address that is no multiple of its size ends the context, and with it whatever
/// else the process does on the device.
func checkAlignment(
  _ pointer: UnsafeRawPointer?, _ alignment: Int, _ name: StaticString
) throws(Fault) {
  guard Int(bitPattern: pointer) % alignment == 0 else {
    throw Fault(
      TOPKLOSS_ERROR_SIZE, "%s must be a multiple of %lld", name.cString, alignment)
  }
}

extension TopkDeviceDescription {
  /// Of what a call's kernels read and write of the caller's.
  func checkAlignment() throws(Fault) {
    let element = call.dtype == TOPK_DEVICE_FLOAT32 ? 4 : 2
    try check(call.logits.elements, element, "batch.logits")
    try check(call.gradient.elements, element, "result.gradient")
    try check(call.second.elements, element, "batch.multi_label_logits or batch.soft_labels")
    try check(call.second_gradient.elements, element, "result.multi_label_gradient")
    try check(call.row_values, element, "result.row_values")
    try check(call.labels, call.labels_are_int32 == 1 ? 4 : 8, "batch.labels")
    try check(call.sample_weight, 8, "batch.sample_weight")
    try check(call.upstream, 8, "batch.upstream")
    try check(call.noised_topk.noise, 4, "batch.noise")
  }

  private func check(
    _ pointer: UnsafeRawPointer?, _ alignment: Int, _ name: StaticString
  ) throws(Fault) {
    try TopKLossCUDA.checkAlignment(pointer, alignment, name)
  }
}
