import CKernels
import CTopKLoss

/// A matrix of logits, and where its gradient goes. Most batches have one; those of two-head losses have a multi-label
/// head besides, and others a matrix of soft labels, which has no gradient.
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
      Strides(
        row: result.multi_label_gradient_row_stride,
        classes: result.multi_label_gradient_class_stride,
        group: result.multi_label_gradient_group_stride),
      for: batch)
  }

  /// The soft labels of a batch; nil if it has none.
  init?(softLabelsOf batch: Batch) throws(Failure) {
    guard let rows = try batch.softLabelRows() else { return nil }
    self.batch = rows
    output = try Output(nil, "", Strides(), for: batch)
  }

  /// Whether its rows are worked on in a tile.
  var isTurned: Bool { !batch.layout.isPlain || output.isTurned }

  /// The same with some rows, not more than a tile has room for, where kernels can read them and write their gradients.
  @inline(never)
  func turned(_ rows: Range<Int>, in piece: Piece) -> Head {
    Head(
      batch: batch.turned(rows, in: piece),
      output: output.turned(rows, onto: tile(of: piece), holdsLogits: !batch.layout.isPlain))
  }

  /// Puts the gradients of those rows in their places.
  @inline(never)
  func write(from piece: Piece) {
    if let gradient = output.gradient, output.isTurned {
      tile(of: piece).write(to: gradient, output.layout)
    }
  }

  private func tile(of piece: Piece) -> RowTile { RowTile(piece, batch.tile, batch.layout) }

  /// A row, widened in one of the piece's places for that if its elements have 16 bits; its gradient is then to be put
  /// there.
  @inline(__always)
  func open(_ index: Int, in piece: Piece, place: Int = 0) -> HeadRow {
    let gradient = output.row(index)
    return HeadRow(
      logits: batch.numbers(index, in: piece, place: place),
      gradient: batch.conversion == nil || gradient == nil
        ? gradient : piece.widened + place &* batch.widenedBytes)
  }

  /// Room for a row of 16-bit elements in float32, for losses that fill it themselves.
  @inline(__always)
  func room(in memory: UnsafeMutableRawPointer) -> HeadRow {
    HeadRow(
      logits: UnsafeRawPointer(memory), gradient: output.gradient == nil ? nil : memory)
  }

  /// Puts the gradient of a row of 16-bit elements from there where it belongs.
  @inline(__always)
  func close(_ index: Int, in piece: Piece, place: Int = 0) {
    if let conversion = batch.conversion, let gradient = output.row(index) {
      let memory = piece.widened + place &* batch.widenedBytes
      conversion.narrow(UnsafeRawPointer(memory), gradient, Int64(batch.classes))
    }
  }

  /// Neither of two matrices may write over what the other reads or writes.
  ///
  /// - Parameter inputs: memory that is read besides the logits.
  func checkOverlap(besides other: Head, inputs: Output.Inputs) throws(Failure) {
    try output.checkOverlap(with: batch, inputs: inputs)
    try output.refuseSharing(other.batch.layout, other.batch.logits, "batch.logits")
    try other.output.refuseSharing(
      batch.layout, batch.logits,
      batch.hasSoftLabels ? "batch.soft_labels" : "batch.multi_label_logits")
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

extension Piece {
  /// Its rows at once, or as many at a time as a tile has room for.
  @inline(__always)
  func inTiles(of head: Head, where areTurned: Bool, _ body: (Range<Int>) -> Void) {
    let most =
      areTurned
      ? RowTile.rows(classes: head.batch.classes, elementBytes: head.batch.element.byteCount)
      : rows.count
    var start = rows.lowerBound
    while start < rows.upperBound {
      let end = min(start &+ most, rows.upperBound)
      body(start..<end)
      start = end
    }
  }
}
