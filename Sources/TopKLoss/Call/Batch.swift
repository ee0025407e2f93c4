import CKernels
import CTopKLoss

/// A caller's batch, once checked: every row in it can be reached without further checks.
struct Batch {
  let rows: Int
  let classes: Int
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
  private let multiLabelStride: Int64

  /// What a function looks at besides the scores.
  enum Use {
    case scores
    case scoresAndLabels
    case scoresAndWeights
    case everything
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
    element = try ElementType(raw.dtype)
    arithmetic = element.kernels
    conversion = element.conversion
    layout = try MatrixLayout(
      "batch.logits", rows: rows, columns: classes, stride: raw.logits_row_stride,
      elementBytes: element.byteCount, mayOverlap: true)
    logits = try rows == 0 ? raw.logits ?? nowhere : required(raw.logits, "batch.logits")
    labels = try use.hasLabels ? Labels(raw, rows: rows, orElse: nowhere) : Labels(none: nowhere)
    sampleWeight = RowNumbers(use.hasWeights ? raw.sample_weight : nil)
    upstream = RowNumbers(use.hasWeights ? raw.upstream : nil)
    executor =
      try raw.executor.map { pointer throws(Failure) in try Executor(pointer) } ?? Executor()
    noise = BatchNoise(raw)
    multiLabelLogits = raw.multi_label_logits
    multiLabelStride = raw.multi_label_row_stride
  }

  /// Of the rows' arithmetic type.
  @inline(__always)
  var kernels: ArithmeticKernels { arithmetic.pointee }

  /// The same rows with the multi-label head's logits in the place of the others.
  func multiLabelHead() throws(Failure) -> Batch {
    var head = self
    head.name = "multi_label_logits"
    head.layout = try MatrixLayout(
      "batch.multi_label_logits", rows: rows, columns: classes, stride: multiLabelStride,
      elementBytes: element.byteCount, mayOverlap: true)
    head.logits =
      try rows == 0
      ? multiLabelLogits ?? logits : required(multiLabelLogits, "batch.multi_label_logits")
    return head
  }

  @inline(__always)
  func row(_ index: Int) -> UnsafeRawPointer {
    logits + index &* layout.stride &* layout.elementBytes
  }

  /// Bytes that `numbers` needs: a row of float32, for rows of 16-bit elements.
  var widenedBytes: Int { conversion == nil ? 0 : classes &* 4 }

  /// A row as the kernels read it: where it is, or widened into `memory`, which has room for `widenedBytes`.
  @inline(__always)
  func numbers(_ index: Int, in memory: UnsafeMutableRawPointer) -> UnsafeRawPointer {
    guard let conversion else { return row(index) }
    conversion.widen(row(index), memory, Int64(classes))
    return UnsafeRawPointer(memory)
  }

  /// One number of a row.
  func number(_ row: Int, _ classIndex: Int) -> Double {
    let place = self.row(row) + classIndex &* layout.elementBytes
    if element == .float64 { return place.loadUnaligned(as: Double.self) }
    guard let conversion else { return Double(place.loadUnaligned(as: Float.self)) }
    var number: Float = 0
    conversion.widen(place, &number, 1)
    return Double(number)
  }

  /// Index of the first NaN or +∞ of a row, or −1.
  func badClass(row index: Int, in memory: UnsafeMutableRawPointer) -> Int64 {
    kernels.first_not_finite(numbers(index, in: memory), Int64(classes))
  }

  /// The same as a failure, if there is one.
  func notFinite(row index: Int, in memory: UnsafeMutableRawPointer) -> Failure? {
    let classIndex = badClass(row: index, in: memory)
    if classIndex < 0 { return nil }
    return Failure(
      TOPKLOSS_ERROR_NOT_FINITE, "\(name)[\(index), \(classIndex)] is NaN or +infinity")
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

/// Float64 numbers, one a row, or 1 for every row.
struct RowNumbers {
  private let pointer: UnsafeRawPointer?

  init(_ pointer: UnsafePointer<Double>?) {
    self.pointer = UnsafeRawPointer(pointer)
  }

  @inline(__always)
  subscript(row: Int) -> Double {
    pointer?.loadUnaligned(fromByteOffset: row &* 8, as: Double.self) ?? 1
  }

  func span(count: Int) -> MemorySpan? {
    guard let pointer else { return nil }
    return MemorySpan(at: pointer, byteCount: count &* 8)
  }

  func checkFinite(_ name: StaticString, count: Int) throws(Failure) {
    if pointer == nil { return }
    for row in 0..<count where !self[row].isFinite {
      throw Failure(
        TOPKLOSS_ERROR_NOT_FINITE, "\(name)[\(row)] is \(text(self[row])): it must be finite")
    }
  }
}

/// The labels of a batch.
struct Labels {
  private let pointer: UnsafeRawPointer
  private let areNarrow: Bool
  private let areNone: Bool
  private let count: Int

  /// None: every row counts, as if of class 0.
  init(none nowhere: UnsafeRawPointer) {
    pointer = nowhere
    areNarrow = false
    areNone = true
    count = 0
  }

  init(
    _ raw: topkloss_batch, rows: Int, orElse nowhere: UnsafeRawPointer
  ) throws(Failure) {
    switch Int(raw.label_type) {
    case TOPKLOSS_INT64: areNarrow = false
    case TOPKLOSS_INT32: areNarrow = true
    default:
      throw Failure(
        TOPKLOSS_ERROR_ENUMERATOR,
        "batch.label_type is \(raw.label_type): it must be TOPKLOSS_INT64 or TOPKLOSS_INT32")
    }
    areNone = false
    pointer = try rows == 0 ? raw.labels ?? nowhere : required(raw.labels, "batch.labels")
    count = rows
  }

  @inline(__always)
  private subscript(row: Int) -> Int64 {
    areNarrow
      ? Int64(pointer.loadUnaligned(fromByteOffset: row &* 4, as: Int32.self))
      : pointer.loadUnaligned(fromByteOffset: row &* 8, as: Int64.self)
  }

  /// The class that a row is labelled with, or nil if the row is to be ignored. Range-checked once more, so that
  /// labels which change during a call cannot lead outside a row.
  @inline(__always)
  func classIndex(_ row: Int, _ classes: Int, _ ignored: Int64) -> Int? {
    if areNone { return 0 }
    let label = self[row]
    return label == ignored || label < 0 || label >= Int64(classes)
      ? nil : Int(truncatingIfNeeded: label)
  }

  var span: MemorySpan { MemorySpan(at: pointer, byteCount: count &* (areNarrow ? 4 : 8)) }

  /// Every label a class, or the ignored one.
  func check(classes: Int, ignoring ignored: Int64) throws(Failure) {
    var row = 0
    while row < count {
      let label = self[row]
      if (label < 0 || label >= Int64(classes)) && label != ignored {
        throw Failure(
          TOPKLOSS_ERROR_LABEL,
          "labels[\(row)] is \(label): a label is 0 to \(classes - 1) for \(classes) classes, or "
            + "\(ignored) for a row to ignore")
      }
      row &+= 1
    }
  }
}

/// Element types, each with its kernels.
enum ElementType {
  case float32
  case float64
  case float16
  case bfloat16

  init(_ dtype: topkloss_dtype) throws(Failure) {
    switch Int(dtype) {
    case TOPKLOSS_FLOAT32: self = .float32
    case TOPKLOSS_FLOAT64: self = .float64
    case TOPKLOSS_FLOAT16: self = .float16
    case TOPKLOSS_BFLOAT16: self = .bfloat16
    default:
      throw Failure(
        TOPKLOSS_ERROR_ENUMERATOR,
        "batch.dtype is \(dtype): it must be one of TOPKLOSS_FLOAT32, "
          + "TOPKLOSS_FLOAT64, TOPKLOSS_FLOAT16, TOPKLOSS_BFLOAT16")
    }
  }

  var byteCount: Int {
    switch self {
    case .float64: 8
    case .float32: 4
    case .float16, .bfloat16: 2
    }
  }

  /// Bytes of the type that arithmetic is done in.
  var arithmeticByteCount: Int { self == .float64 ? 8 : 4 }

  var kernels: UnsafePointer<ArithmeticKernels> {
    self == .float64 ? KernelsInUse.float64 : KernelsInUse.float32
  }

  /// How 16-bit elements become float32 and back.
  var conversion: HalfConversion? {
    switch self {
    case .float32, .float64: nil
    case .float16: KernelsInUse.table.float16
    case .bfloat16: KernelsInUse.table.bfloat16
    }
  }

  /// Rounds float64 numbers into elements. The numbers' own memory is used on the way.
  func store(
    _ numbers: UnsafeMutablePointer<Double>, _ elements: UnsafeMutableRawPointer, _ count: Int
  ) {
    let bytes = UnsafeMutableRawPointer(numbers)
    switch self {
    case .float64: elements.copyMemory(from: bytes, byteCount: count &* 8)
    case .float32: narrow(numbers, elements, count)
    case .float16, .bfloat16:
      narrow(numbers, bytes, count)
      conversion?.narrow(bytes, elements, Int64(count))
    }
  }

  /// To float32, from the first on: in place, none is written over before it has been read.
  private func narrow(
    _ numbers: UnsafeMutablePointer<Double>, _ narrowed: UnsafeMutableRawPointer, _ count: Int
  ) {
    var index = 0
    while index < count {
      narrowed.storeBytes(of: Float(numbers[index]), toByteOffset: index &* 4, as: Float.self)
      index &+= 1
    }
  }
}
