import CTopKLoss

/// Where an evaluation's rows go, once checked.
struct Output {
  let rowValues: UnsafeMutableRawPointer?
  private let gradient: UnsafeMutableRawPointer?
  private let layout: MatrixLayout

  init(_ pointer: UnsafePointer<topkloss_result>, for batch: Batch) throws(Failure) {
    let raw = try readStruct(pointer, "result")
    rowValues = raw.row_values
    gradient = raw.gradient
    layout = try MatrixLayout(
      "result.gradient", rows: batch.rows, columns: batch.classes,
      stride: raw.gradient_row_stride, elementBytes: batch.element.byteCount,
      mayOverlap: raw.gradient == nil)
  }

  /// A matrix that takes the batch's shape.
  init(
    _ pointer: UnsafeMutableRawPointer, _ name: StaticString, stride: Int64, for batch: Batch
  ) throws(Failure) {
    rowValues = nil
    gradient = pointer
    layout = try MatrixLayout(
      name, rows: batch.rows, columns: batch.classes, stride: stride,
      elementBytes: batch.element.byteCount, mayOverlap: false)
  }

  @inline(__always)
  func row(_ index: Int) -> UnsafeMutableRawPointer? {
    guard let gradient else { return nil }
    return gradient + index &* layout.stride &* layout.elementBytes
  }

  /// Output must not share memory with input: what is written would be read again. Only the logits may be
  /// written over, row by row.
  func checkOverlap(with batch: Batch, noise: MemorySpan?) throws(Failure) {
    try checkLogitsOverlap(with: batch)
    if let gradient {
      try checkOverlap(
        of: layout.span(at: gradient), "result.gradient", with: batch, noise: noise)
    }
    if let rowValues {
      let span = MemorySpan(
        at: rowValues, byteCount: batch.rows &* batch.element.byteCount)
      try refuse(
        span, "result.row_values", overlapping: batch.layout.span(at: batch.logits),
        "batch.logits")
      if let gradient {
        try refuse(
          span, "result.row_values", overlapping: layout.span(at: gradient), "result.gradient")
      }
      try checkOverlap(of: span, "result.row_values", with: batch, noise: noise)
    }
  }

  /// The output may be the logits, but not lie askew over them.
  func checkLogitsOverlap(with batch: Batch) throws(Failure) {
    guard let gradient else { return }
    if layout.conflicts(writing: gradient, whileReading: batch.layout, at: batch.logits) {
      throw Failure(
        TOPKLOSS_ERROR_ALIASING,
        "the output matrix overlaps batch.logits without having the same address and row stride")
    }
  }

  private func checkOverlap(
    of span: MemorySpan, _ name: StaticString, with batch: Batch, noise: MemorySpan?
  ) throws(Failure) {
    try refuse(span, name, overlapping: batch.labels.span, "batch.labels")
    try refuse(
      span, name, overlapping: batch.sampleWeight.span(count: batch.rows), "batch.sample_weight")
    try refuse(
      span, name, overlapping: batch.upstream.span(count: batch.rows), "batch.upstream")
    try refuse(span, name, overlapping: noise, "batch.noise")
  }

  private func refuse(
    _ span: MemorySpan, _ name: StaticString, overlapping other: MemorySpan?,
    _ otherName: StaticString
  ) throws(Failure) {
    if let other, span.overlaps(other) {
      throw Failure(TOPKLOSS_ERROR_ALIASING, "\(name) overlaps \(otherName)")
    }
  }
}
