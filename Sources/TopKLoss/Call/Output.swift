import CSystem
import CTopKLoss

/// Where an evaluation's rows go, once checked.
struct Output {
  let rowValues: UnsafeMutableRawPointer?
  let gradient: UnsafeMutableRawPointer?
  let layout: MatrixLayout
  /// The gradient's name in messages.
  let name: StaticString

  init(_ raw: topkloss_result, for batch: Batch) throws(Failure) {
    rowValues = raw.row_values
    gradient = raw.gradient
    name = "result.gradient"
    layout = try MatrixLayout(
      "result.gradient", rows: batch.rows, columns: batch.classes,
      stride: raw.gradient_row_stride, elementBytes: batch.element.byteCount,
      mayOverlap: raw.gradient == nil)
  }

  /// A matrix that takes the batch's shape, if it is wanted.
  init(
    _ pointer: UnsafeMutableRawPointer?, _ name: StaticString, stride: Int64, for batch: Batch
  ) throws(Failure) {
    rowValues = nil
    gradient = pointer
    self.name = name
    layout = try MatrixLayout(
      name, rows: batch.rows, columns: batch.classes, stride: stride,
      elementBytes: batch.element.byteCount, mayOverlap: pointer == nil)
  }

  @inline(__always)
  func row(_ index: Int) -> UnsafeMutableRawPointer? {
    guard let gradient else { return nil }
    return gradient + index &* layout.stride &* layout.elementBytes
  }

  /// A row of zeros.
  func clear(_ index: Int) {
    if let row = row(index) { memset(row, 0, layout.columns &* layout.elementBytes) }
  }

  /// Output must not share memory with input: what is written would be read again. Only the logits may be
  /// written over, row by row.
  ///
  /// - Parameter inputs: memory that is read besides the logits.
  func checkOverlap(with batch: Batch, inputs: Inputs) throws(Failure) {
    try checkLogitsOverlap(with: batch, name)
    if let gradient {
      try inputs.refuse(layout.span(at: gradient), name)
    }
    if let rowValues {
      let span = MemorySpan(
        at: rowValues, byteCount: batch.rows &* batch.element.byteCount)
      try refuseOverlap(
        span, "result.row_values", overlapping: batch.layout.span(at: batch.logits),
        "batch.logits")
      if let gradient {
        try refuseOverlap(
          span, "result.row_values", overlapping: layout.span(at: gradient), name)
      }
      try inputs.refuse(span, "result.row_values")
    }
  }

  /// The output may be the logits, but not lie askew over them.
  func checkLogitsOverlap(with batch: Batch, _ name: StaticString) throws(Failure) {
    guard let gradient else { return }
    if layout.conflicts(writing: gradient, whileReading: batch.layout, at: batch.logits) {
      throw Failure(
        TOPKLOSS_ERROR_ALIASING,
        "\(name) overlaps batch.\(batch.name) without having the same address and row stride")
    }
  }

  /// Memory that an evaluation reads besides the logits.
  struct Inputs {
    let labels: MemorySpan
    let sampleWeight: MemorySpan?
    let upstream: MemorySpan?
    /// What a loss reads besides.
    var noise: MemorySpan?

    func refuse(_ span: MemorySpan, _ name: StaticString) throws(Failure) {
      try refuseOverlap(span, name, overlapping: labels, "batch.labels")
      try refuseOverlap(span, name, overlapping: sampleWeight, "batch.sample_weight")
      try refuseOverlap(span, name, overlapping: upstream, "batch.upstream")
      try refuseOverlap(span, name, overlapping: noise, "batch.noise")
    }
  }
}

/// Two pieces of memory that must have nothing in common.
func refuseOverlap(
  _ span: MemorySpan, _ name: StaticString, overlapping other: MemorySpan?,
  _ otherName: StaticString
) throws(Failure) {
  if let other, span.overlaps(other) {
    throw Failure(TOPKLOSS_ERROR_ALIASING, "\(name) overlaps \(otherName)")
  }
}
