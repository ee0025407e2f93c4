import CKernels
import CTopKLoss

/// A caller's batch, once checked: every row in it can be reached without further checks.
struct Batch {
  let rows: Int
  let classes: Int
  /// What labels are classes of: more than the rows have, where these are a shard.
  var allClasses: Int
  /// Rows of a group; 0: all are one.
  let rowsPerGroup: Int
  let element: ElementType
  private let arithmetic: UnsafePointer<ArithmeticKernels>
  /// Nil for float32 and float64, whose rows the kernels read where they are.
  let conversion: HalfConversion?
  private(set) var logits: UnsafeRawPointer
  private(set) var layout: MatrixLayout
  /// Which of the batch's members the logits are.
  private(set) var name: StaticString = "logits"
  let labels: Labels
  let sampleWeight: RowNumbers
  let upstream: RowNumbers
  let executor: Executor
  let noise: BatchNoise
  private let multiLabelLogits: UnsafeRawPointer?
  private let multiLabelStrides: Strides
  private let softLabels: UnsafeRawPointer?
  private let softLabelStrides: Strides
  /// Which of a piece's tiles the rows are turned into.
  private(set) var tile = 0

  /// What a function looks at besides the scores.
  enum Use {
    case scores
    case scoresAndLabels
    case scoresAndWeights
    case scoresLabelsAndWeights
    case everything
    case everythingOrSoftLabels
    case everythingOfTwoHeads

    var hasLabels: Bool { self != .scores && self != .scoresAndWeights }

    var hasWeights: Bool { self != .scores && self != .scoresAndLabels }

    var hasMultiLabelHead: Bool { self == .everythingOfTwoHeads }
  }

  /// Checks everything but the values of labels and numbers.
  init(_ pointer: UnsafePointer<topkloss_batch>?, for use: Use) throws(Failure) {
    let pointer: UnsafePointer<topkloss_batch> = try required(pointer, "batch")
    let raw = try readStruct(pointer, "batch")
    // An empty batch may have NULL for what it has none of; this stands for it and is never read.
    let nowhere = UnsafeRawPointer(pointer)
    rows = try checkedSize(raw.rows, "batch.rows", atLeast: 0)
    classes = try checkedSize(raw.classes, "batch.classes", atLeast: 1)
    allClasses = classes
    element = try ElementType(raw.dtype)
    arithmetic = element.kernels
    conversion = element.conversion
    rowsPerGroup = try checkedSize(raw.rows_per_group, "batch.rows_per_group", atLeast: 0)
    guard rowsPerGroup == 0 || rows % rowsPerGroup == 0 else {
      throw Failure(
        TOPKLOSS_ERROR_SIZE,
        "batch.rows_per_group is \(rowsPerGroup) and batch.rows is \(rows): groups must be whole")
    }
    layout = try MatrixLayout(
      "batch.logits", rows: rows, rowsPerGroup: rowsPerGroup, columns: classes,
      Strides(
        row: raw.logits_row_stride, classes: raw.logits_class_stride, group: raw.logits_group_stride
      ),
      elementBytes: element.byteCount, mayOverlap: true)
    logits = try rows == 0 ? raw.logits ?? nowhere : required(raw.logits, "batch.logits")
    guard raw.soft_labels == nil || use == .scores || use == .everythingOrSoftLabels else {
      throw Failure(
        TOPKLOSS_ERROR_OPTION,
        "batch.soft_labels: only losses with label_smoothing, but for seesaw, take soft labels; elsewhere, for mixup, call "
          + "with each of the two labels and add up the weighted values and gradients")
    }
    softLabels = use == .everythingOrSoftLabels ? raw.soft_labels : nil
    softLabelStrides = Strides(
      row: raw.soft_labels_row_stride, classes: raw.soft_labels_class_stride,
      group: raw.soft_labels_group_stride)
    labels =
      try use.hasLabels && softLabels == nil
      ? Labels(raw, rows: rows, orElse: nowhere) : Labels(none: nowhere)
    sampleWeight = RowNumbers(use.hasWeights ? raw.sample_weight : nil)
    upstream = RowNumbers(use.hasWeights ? raw.upstream : nil)
    executor =
      try raw.executor.map { pointer throws(Failure) in try Executor(pointer) } ?? Executor()
    noise = BatchNoise(raw)
    multiLabelLogits = raw.multi_label_logits
    multiLabelStrides = Strides(
      row: raw.multi_label_row_stride, classes: raw.multi_label_class_stride,
      group: raw.multi_label_group_stride)
  }

  /// Of the rows' arithmetic type.
  @inline(__always)
  var kernels: ArithmeticKernels { arithmetic.pointee }

  var hasSoftLabels: Bool { softLabels != nil }

  /// What a caller has them from.
  var nameOfAllClasses: StaticString {
    allClasses == classes ? "batch.classes" : "shard.all_classes"
  }

  /// The same rows with the multi-label head's logits in the place of the others.
  func multiLabelHead() throws(Failure) -> Batch {
    try with(
      rows == 0
        ? multiLabelLogits ?? logits : required(multiLabelLogits, "batch.multi_label_logits"),
      "multi_label_logits", "batch.multi_label_logits", multiLabelStrides)
  }

  /// The same rows with soft labels in the place of the logits, if there are some.
  func softLabelRows() throws(Failure) -> Batch? {
    guard let softLabels else { return nil }
    return try with(softLabels, "soft_labels", "batch.soft_labels", softLabelStrides)
  }

  private func with(
    _ matrix: UnsafeRawPointer, _ name: StaticString, _ fullName: StaticString, _ strides: Strides
  ) throws(Failure) -> Batch {
    var other = self
    other.name = name
    other.tile = 1
    other.layout = try MatrixLayout(
      fullName, rows: rows, rowsPerGroup: rowsPerGroup, columns: classes, strides,
      elementBytes: element.byteCount, mayOverlap: true)
    other.logits = matrix
    return other
  }

  /// Where a row begins.
  @inline(__always)
  func row(_ index: Int) -> UnsafeRawPointer { logits + layout.offset(ofRow: index) }

  /// Bytes that `numbers` needs: a row of float32, for rows of 16-bit elements.
  var widenedBytes: Int { conversion == nil ? 0 : classes &* 4 }

  /// A row as the kernels read it: where it is; or turned, if its elements do not lie one after another; or widened into
  /// one of the piece's places for that.
  @inline(__always)
  func numbers(_ index: Int, in piece: Piece, place: Int = 0) -> UnsafeRawPointer {
    let row = layout.isPlain ? row(index) : turned(index, in: piece)
    guard let conversion else { return row }
    let memory = piece.widened + place &* widenedBytes
    conversion.widen(row, memory, Int64(classes))
    return UnsafeRawPointer(memory)
  }

  @inline(never)
  private func turned(_ index: Int, in piece: Piece) -> UnsafeRawPointer {
    let tile = RowTile(piece, tile, layout)
    if !tile.holds(index) { tile.fill(index..<piece.rows.upperBound, logits, layout) }
    return UnsafeRawPointer(tile.row(index))
  }

  /// The same batch with some of its rows where a tile has them, for losses to read and to write over.
  func turned(_ rows: Range<Int>, in piece: Piece) -> Batch {
    if layout.isPlain { return self }
    let tile = RowTile(piece, tile, layout)
    tile.fill(rows, logits, layout)
    var batch = self
    batch.logits = UnsafeRawPointer(tile.base)
    batch.layout = layout.plain
    return batch
  }

  /// One number of a row.
  func number(_ row: Int, _ classIndex: Int) -> Double {
    let place = self.row(row) + classIndex &* layout.columnStride &* layout.elementBytes
    if element == .float64 { return place.loadUnaligned(as: Double.self) }
    guard let conversion else { return Double(place.loadUnaligned(as: Float.self)) }
    var number: Float = 0
    conversion.widen(place, &number, 1)
    return Double(number)
  }

  /// Index of the first NaN or +∞ of a row, or −1.
  func badClass(row index: Int, in piece: Piece) -> Int64 {
    kernels.first_not_finite(numbers(index, in: piece), Int64(classes))
  }

  /// The same as a failure, if there is one.
  func notFinite(row index: Int, in piece: Piece) -> Failure? {
    let classIndex = badClass(row: index, in: piece)
    if classIndex < 0 { return nil }
    return .notFinite(name, index, classIndex)
  }
}

/// The noise of a batch, for the losses that have some: what the caller passes in, and what the library's own is a function
/// of besides the seed.
struct BatchNoise {
  let given: UnsafeRawPointer?
  let rowStride: Int64
  let sampleStride: Int64
  let step: UInt64
  let firstRow: Int64

  fileprivate init(_ raw: topkloss_batch) {
    given = raw.noise
    (rowStride, sampleStride) = (raw.noise_row_stride, raw.noise_sample_stride)
    (step, firstRow) = (raw.step, raw.first_row)
  }
}
