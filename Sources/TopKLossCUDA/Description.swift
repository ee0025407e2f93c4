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
  /// What the batch and the result point to, with the size of its elements, which kernels load whole.
  func eachPointer(
    _ check: (UnsafeRawPointer, Int, StaticString) throws(Fault) -> Void
  ) throws(Fault) {
    func visit(
      _ pointer: UnsafeRawPointer?, _ bytes: Int, _ name: StaticString
    ) throws(Fault) {
      if let pointer { try check(pointer, bytes, name) }
    }
    let bytes = call.dtype == TOPK_DEVICE_FLOAT32 ? 4 : 2
    try visit(call.logits.elements, bytes, "batch.logits")
    try visit(call.gradient.elements, bytes, "result.gradient")
    try visit(call.second.elements, bytes, "batch.soft_labels or multi_label_logits")
    try visit(call.second_gradient.elements, bytes, "result.multi_label_gradient")
    try visit(call.row_values, bytes, "result.row_values")
    try visit(call.labels, call.labels_are_int32 != 0 ? 4 : 8, "batch.labels")
    try visit(call.sample_weight, 8, "batch.sample_weight")
    try visit(call.upstream, 8, "batch.upstream")
    try visit(call.noised_topk.noise, 4, "batch.noise")
  }

  /// A kernel that reads what a device cannot would be the end of the device's context, and of all that the host has there.
  func checkMemory(_ driver: Driver) throws(Fault) {
    try eachPointer { pointer, _, name throws(Fault) in
      _ = try Device.ordinal(driver, of: pointer, name)
    }
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
