import CKernels
import CTopKLoss

/// A matrix of logits, and where its gradient goes. Most batches have one; those of two-head losses have a multi-label
/// head besides.
struct Head {
  let batch: Batch
  let output: Output
}

/// A row of logits as the kernels read it, and where they put its gradient.
struct HeadRow {
  let logits: UnsafeRawPointer
  let gradient: UnsafeMutableRawPointer?
}

extension Head {
  /// The multi-label head of a batch.
  init(multiLabelOf batch: Batch, _ result: topkloss_result) throws(Failure) {
    self.batch = try batch.multiLabelHead()
    output = try Output(
      result.multi_label_gradient, "result.multi_label_gradient",
      stride: result.multi_label_gradient_row_stride, for: batch)
  }

  /// A row, widened into `memory` if its elements have 16 bits; its gradient is then to be put there.
  @inline(__always)
  func open(_ index: Int, in memory: UnsafeMutableRawPointer) -> HeadRow {
    let gradient = output.row(index)
    return HeadRow(
      logits: batch.numbers(index, in: memory),
      gradient: batch.conversion == nil || gradient == nil ? gradient : memory)
  }

  /// Room for a row of 16-bit elements in float32, for losses that fill it themselves.
  @inline(__always)
  func room(in memory: UnsafeMutableRawPointer) -> HeadRow {
    HeadRow(
      logits: UnsafeRawPointer(memory), gradient: output.gradient == nil ? nil : memory)
  }

  /// Puts the gradient of a row of 16-bit elements from `memory` where it belongs.
  @inline(__always)
  func close(_ index: Int, from memory: UnsafeMutableRawPointer) {
    if let conversion = batch.conversion, let gradient = output.row(index) {
      conversion.narrow(UnsafeRawPointer(memory), gradient, Int64(batch.classes))
    }
  }

  /// Neither of two heads may write over what the other reads or writes.
  ///
  /// - Parameter inputs: memory that is read besides the logits.
  func checkOverlap(besides other: Head, inputs: Output.Inputs) throws(Failure) {
    try output.checkOverlap(with: batch, inputs: inputs)
    try output.refuseSharing(other.batch.layout, other.batch.logits, "batch.logits")
    try other.output.refuseSharing(batch.layout, batch.logits, "batch.multi_label_logits")
    if let gradient = output.gradient {
      try other.output.refuseSharing(output.layout, gradient, output.name)
    }
  }
}

extension Output {
  /// Neither the gradient nor the row values may lie over any of a matrix.
  fileprivate func refuseSharing(
    _ matrix: MatrixLayout, _ pointer: UnsafeRawPointer, _ matrixName: StaticString
  ) throws(Failure) {
    if let gradient, layout.sharesMemory(at: gradient, with: matrix, at: pointer) {
      throw Failure(TOPKLOSS_ERROR_ALIASING, "\(name) overlaps \(matrixName)")
    }
    if let rowValues {
      try refuseOverlap(
        MemorySpan(at: rowValues, byteCount: layout.rows &* layout.elementBytes),
        "result.row_values", overlapping: matrix.span(at: pointer), matrixName)
    }
  }
}
