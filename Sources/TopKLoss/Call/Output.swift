import CSystem
import CTopKLoss

/// Where an evaluation's rows go, once checked.
struct Output {
  let rowValues: UnsafeMutableRawPointer?
  private(set) var gradient: UnsafeMutableRawPointer?
  private(set) var layout: MatrixLayout
  /// The gradient's name in messages.
  let name: StaticString

  init(_ raw: topkloss_result, for batch: Batch) throws(Failure) {
    try self.init(
      raw.gradient, "result.gradient",
      Strides(
        row: raw.gradient_row_stride, classes: raw.gradient_class_stride,
        group: raw.gradient_group_stride),
      for: batch, rowValues: raw.row_values)
  }

  /// A matrix that takes the batch's shape, if it is wanted.
  init(
    _ pointer: UnsafeMutableRawPointer?, _ name: StaticString, _ strides: Strides,
    for batch: Batch, rowValues: UnsafeMutableRawPointer? = nil
  ) throws(Failure) {
    self.rowValues = rowValues
    gradient = pointer
    self.name = name
    layout = try MatrixLayout(
      name, rows: batch.rows, rowsPerGroup: batch.rowsPerGroup, columns: batch.classes, strides,
      elementBytes: batch.element.byteCount, mayOverlap: pointer == nil)
  }

  @inline(__always)
  func row(_ index: Int) -> UnsafeMutableRawPointer? {
    guard let gradient else { return nil }
    return gradient + layout.offset(ofRow: index)
  }

  /// Whether the gradient is wanted where kernels cannot write it.
  var isTurned: Bool { gradient != nil && !layout.isPlain }

  /// The same output with some of its rows in a tile, from where `RowTile.write` puts them in their places.
  func turned(_ rows: Range<Int>, onto tile: RowTile, holdsLogits: Bool) -> Output {
    guard isTurned else { return self }
    if !holdsLogits { tile.place(rows) }
    var output = self
    output.gradient = tile.base
    output.layout = layout.plain
    return output
  }

  /// A row of zeros. Its elements lie one after another.
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
        "\(name) overlaps batch.\(batch.name) without having the same address and strides")
    }
  }

  /// Memory that an evaluation reads besides the logits.
  struct Inputs {
    let labels: MemorySpan
    let sampleWeight: MemorySpan?
    let upstream: MemorySpan?
    /// What a loss reads besides.
    var noise: MemorySpan?
    /// Of a shard.
    var states: MemorySpan?

    func refuse(_ span: MemorySpan, _ name: StaticString) throws(Failure) {
      try refuseOverlap(span, name, overlapping: labels, "batch.labels")
      try refuseOverlap(span, name, overlapping: sampleWeight, "batch.sample_weight")
      try refuseOverlap(span, name, overlapping: upstream, "batch.upstream")
      try refuseOverlap(span, name, overlapping: noise, "batch.noise")
      try refuseOverlap(span, name, overlapping: states, "shard.states")
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
