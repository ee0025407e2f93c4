import CKernels
import CTopKLoss

/// A caller's batch, once checked: every row in it can be reached without further checks.
struct Batch {
  let rows: Int
  let classes: Int
  let element: ElementType
  let kernels: ElementKernels
  let logits: UnsafeRawPointer
  let layout: MatrixLayout
  let labels: Labels
  let sampleWeight: RowNumbers
  let upstream: RowNumbers
  let executor: Executor
  /// The rest, for the losses that look at it.
  let raw: topkloss_batch

  /// Checks everything but the values of labels and numbers.
  ///
  /// - Parameter needsLabels: whether labels and what goes with them are looked at.
  init(
    _ pointer: UnsafePointer<topkloss_batch>?, needsLabels: Bool
  ) throws(Failure) {
    let pointer: UnsafePointer<topkloss_batch> = try required(pointer, "batch")
    raw = try readStruct(pointer, "batch")
    // An empty batch may have NULL for what it has none of; this stands for it and is never read.
    let nowhere = UnsafeRawPointer(pointer)
    rows = try checkedSize(raw.rows, "batch.rows", atLeast: 0)
    classes = try checkedSize(raw.classes, "batch.classes", atLeast: 1)
    element = try ElementType(raw.dtype)
    kernels = element.kernels
    layout = try MatrixLayout(
      "batch.logits", rows: rows, columns: classes, stride: raw.logits_row_stride,
      elementBytes: element.byteCount, mayOverlap: true)
    logits = try rows == 0 ? raw.logits ?? nowhere : required(raw.logits, "batch.logits")
    labels = try needsLabels ? Labels(raw, rows: rows, orElse: nowhere) : Labels(none: nowhere)
    sampleWeight = RowNumbers(needsLabels ? raw.sample_weight : nil)
    upstream = RowNumbers(needsLabels ? raw.upstream : nil)
    executor =
      try raw.executor.map { pointer throws(Failure) in try Executor(pointer) } ?? Executor()
  }

  @inline(__always)
  func row(_ index: Int) -> UnsafeRawPointer {
    logits + index &* layout.stride &* layout.elementBytes
  }

  /// Index of the first NaN or +∞ of a row, or −1.
  func badClass(row index: Int) -> Int64 {
    kernels.first_not_finite(row(index), Int64(classes))
  }

  /// The same as a failure, if there is one.
  func notFinite(row index: Int) -> Failure? {
    let classIndex = badClass(row: index)
    if classIndex < 0 { return nil }
    return Failure(
      TOPKLOSS_ERROR_NOT_FINITE, "logits[\(index), \(classIndex)] is NaN or +infinity")
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
  private let count: Int

  /// None.
  init(none nowhere: UnsafeRawPointer) {
    pointer = nowhere
    areNarrow = false
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

  var kernels: ElementKernels {
    switch self {
    case .float32: KernelChoice.current.table.float32
    case .float64: KernelChoice.current.table.float64
    case .float16: KernelChoice.current.table.float16
    case .bfloat16: KernelChoice.current.table.bfloat16
    }
  }
}
