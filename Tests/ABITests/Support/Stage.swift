import CTopKLoss

/// A batch and a result laid out in memory, valid until a test spoils a member on purpose.
final class Stage {
  /// How the matrices lie in memory. Strides in elements; nil: contiguous.
  struct Layout: Sendable {
    var logitsStride: Int?
    var gradientStride: Int?
    var misalignment = 0
    var isInPlace = false
    var wantsRowValues = true
    var wantsGradient = true
  }

  let problem: Problem
  let logits: Matrix
  let gradient: Matrix
  let rowValues: Matrix
  private let isInPlace: Bool
  private let labels: Memory
  private let sampleWeight: Memory?
  private let upstream: Memory?
  private let noise: Memory?
  var batch = topkloss_batch()
  var result = topkloss_result()

  init(_ problem: Problem, _ layout: Layout = Layout()) throws {
    self.problem = problem
    isInPlace = layout.isInPlace
    let (rows, classes) = (problem.rows, problem.classes)
    logits = Matrix(
      type: problem.type, rows: rows, columns: classes, numbers: problem.logits,
      stride: layout.logitsStride, misalignment: layout.misalignment)
    gradient =
      layout.isInPlace
      ? logits
      : Matrix(
        type: problem.type, rows: rows, columns: classes, stride: layout.gradientStride,
        misalignment: layout.misalignment)
    rowValues = Matrix(
      type: problem.type, rows: rows, columns: 1, misalignment: layout.misalignment)
    labels =
      problem.labelsAreNarrow
      ? Memory(problem.labels.map(Int32.init(truncatingIfNeeded:)))
      : Memory(problem.labels)
    sampleWeight = problem.sampleWeight.map { Memory($0) }
    upstream = problem.upstream.map { Memory($0) }
    noise = problem.noise.map { numbers in
      problem.type == .float64 ? Memory(numbers) : Memory(numbers.map(Float.init))
    }
    try fill(layout)
  }

  private func fill(_ layout: Layout) throws {
    try check(topkloss_batch_init(&batch, MemoryLayout<topkloss_batch>.size))
    batch.rows = Int64(problem.rows)
    batch.classes = Int64(problem.classes)
    batch.dtype = problem.type.rawValue
    batch.label_type = problem.labelsAreNarrow ? 1 : 0
    batch.logits = UnsafeRawPointer(logits.address)
    batch.logits_row_stride = Int64(layout.logitsStride ?? 0)
    batch.labels = UnsafeRawPointer(labels.address)
    batch.sample_weight = sampleWeight.map { UnsafePointer($0.numbers) }
    batch.upstream = upstream.map { UnsafePointer($0.numbers) }
    batch.noise = noise.map { UnsafeRawPointer($0.address) }
    batch.step = problem.step
    batch.first_row = problem.firstRow

    try check(topkloss_result_init(&result, MemoryLayout<topkloss_result>.size))
    if layout.wantsRowValues { result.row_values = rowValues.address }
    if layout.wantsGradient {
      result.gradient = gradient.address
      result.gradient_row_stride = Int64(
        (layout.isInPlace ? layout.logitsStride : layout.gradientStride) ?? 0)
    }
    // What a call that fails must leave as it is.
    result.value = Self.unwritten
    result.total_weight = Self.unwritten
  }

  static let unwritten = 12345.0

  /// Runs the call that is under test, as the structs stand.
  func evaluate(_ loss: Loss) throws {
    try check(topkloss_evaluate(loss.handle, &batch, &result))
  }

  /// Whether neither the buffers nor the result's numbers have been written.
  var outputsAreUntouched: Bool {
    let gradientIsUntouched =
      isInPlace ? logits.numbers == problem.logits : gradient.isUntouched
    return gradientIsUntouched && rowValues.isUntouched && result.value == Self.unwritten
      && result.total_weight == Self.unwritten
  }

  /// Whether nothing but elements has been written, and the input is as it was.
  var surroundingsAreUntouched: Bool {
    let inputIsUntouched =
      isInPlace
      || logits.pattern
        == Matrix(
          type: problem.type, rows: problem.rows, columns: problem.classes, numbers: problem.logits
        ).pattern
    return inputIsUntouched && logits.paddingIsUntouched && gradient.paddingIsUntouched
      && rowValues.paddingIsUntouched
  }
}

/// A copy of an array at an address that stays.
final class Memory {
  private let bytes: UnsafeMutableRawBufferPointer

  init<Element: BitwiseCopyable>(_ elements: [Element]) {
    // One byte more than needed: an empty batch gets an address too.
    bytes = .allocate(
      byteCount: elements.count * MemoryLayout<Element>.stride + 1, alignment: 64)
    elements.withUnsafeBytes { bytes.copyMemory(from: $0) }
  }

  deinit { bytes.deallocate() }

  var address: UnsafeMutableRawPointer {
    guard let base = bytes.baseAddress else { preconditionFailure("Memory is never empty") }
    return base
  }

  var numbers: UnsafeMutablePointer<Double> { address.assumingMemoryBound(to: Double.self) }
}
