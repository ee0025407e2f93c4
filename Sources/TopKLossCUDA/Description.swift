import CDevice
import CTopKLoss

extension TopkDeviceDescription {
  /// Of a loss by itself.
  init(of loss: OpaquePointer?) throws(Fault) {
    guard loss != nil else { throw .nullPointer("loss") }
    try self.init(describing: loss, nil, nil)
  }

  /// Of a call.
  init(
    _ loss: OpaquePointer?, _ batch: UnsafePointer<topkloss_batch>?,
    _ result: UnsafePointer<topkloss_result>?
  ) throws(Fault) {
    guard loss != nil else { throw .nullPointer("loss") }
    guard batch != nil else { throw .nullPointer("batch") }
    guard result != nil else { throw .nullPointer("result") }
    try self.init(describing: loss, batch, result)
  }

  /// Of scores, and whether labels are among the K highest of a row.
  init(topKHitsOf batch: UnsafePointer<topkloss_batch>?, k: Int64) throws(Fault) {
    try self.init(scoresOf: batch)
    (call.family, call.smooth_topk_svm.k, call.is_mean) = (Int64(RowKernel.topKHits), k, 1)
  }

  /// Of scores, with labels and weights.
  init(scoresOf batch: UnsafePointer<topkloss_batch>?) throws(Fault) {
    guard batch != nil else { throw .nullPointer("batch") }
    try self.init(describing: nil, batch, nil)
  }

  private init(
    describing loss: OpaquePointer?, _ batch: UnsafePointer<topkloss_batch>?,
    _ result: UnsafePointer<topkloss_result>?
  ) throws(Fault) {
    self.init()
    let status = try Host.library().describe(
      loss, batch, result, &self, Int64(MemoryLayout<TopkDeviceDescription>.size))
    guard status == TOPKLOSS_OK else { throw Fault(said: status) }
  }
}

extension TopkDeviceDescription {
  /// Kernels load whole elements.
  func checkAlignment() throws(Fault) {
    let bytes = call.dtype == TOPK_DEVICE_FLOAT32 ? 4 : 2
    try check(call.logits.elements, bytes, "batch.logits")
    try check(call.gradient.elements, bytes, "result.gradient")
    try check(call.second.elements, bytes, "batch.soft_labels or multi_label_logits")
    try check(call.second_gradient.elements, bytes, "result.multi_label_gradient")
    try check(call.row_values, bytes, "result.row_values")
    try check(call.labels, call.labels_are_int32 != 0 ? 4 : 8, "batch.labels")
    try check(call.sample_weight, 8, "batch.sample_weight")
    try check(call.upstream, 8, "batch.upstream")
    try check(call.noised_topk.noise, 4, "batch.noise")
  }

  private func check(
    _ pointer: UnsafeRawPointer?, _ bytes: Int, _ name: StaticString
  ) throws(Fault) {
    if let pointer { try TopKLossCUDA.checkAlignment(pointer, bytes, name) }
  }
}

func checkSize<Struct>(
  _ size: Int, of: Struct.Type, _ name: StaticString
) throws(Fault) {
  guard size == MemoryLayout<Struct>.size else {
    throw Fault(
      TOPKLOSS_ERROR_STRUCT_SIZE, "%s.struct_size is %lld, and must be %lld", name.cString, size,
      MemoryLayout<Struct>.size)
  }
}

func checkAlignment(
  _ pointer: UnsafeRawPointer, _ alignment: Int, _ name: StaticString
) throws(Fault) {
  guard Int(bitPattern: pointer) % alignment == 0 else {
    throw Fault(
      TOPKLOSS_ERROR_SIZE, "%s must be a multiple of %lld", name.cString, alignment)
  }
}
