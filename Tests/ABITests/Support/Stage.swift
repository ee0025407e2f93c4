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
  /// The other head's, for losses that have two; others must not look at them.
  let multiLabelLogits: Matrix
  let multiLabelGradient: Matrix
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
    func matrix(_ stride: Int?, _ numbers: [Double]) -> Matrix {
      Matrix(
        type: problem.type, rows: rows, columns: classes, numbers: numbers, stride: stride,
        misalignment: layout.misalignment)
    }
    func output(_ stride: Int?) -> Matrix {
      Matrix(
        type: problem.type, rows: rows, columns: classes, stride: stride,
        misalignment: layout.misalignment)
    }
    logits = matrix(layout.logitsStride, problem.logits)
    gradient = layout.isInPlace ? logits : output(layout.gradientStride)
    // The other way round, so that no stride is mistaken for another.
    multiLabelLogits = matrix(layout.gradientStride, problem.multiLabelLogits)
    multiLabelGradient = layout.isInPlace ? multiLabelLogits : output(layout.logitsStride)
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
    batch.multi_label_logits = UnsafeRawPointer(multiLabelLogits.address)
    batch.multi_label_row_stride = Int64(layout.gradientStride ?? 0)
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
      result.multi_label_gradient = multiLabelGradient.address
      result.multi_label_gradient_row_stride = Int64(
        (layout.isInPlace ? layout.gradientStride : layout.logitsStride) ?? 0)
    }
    result.threshold = problem.threshold
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
    return gradientIsUntouched && multiLabelGradientIsUntouched && rowValues.isUntouched
      && result.value == Self.unwritten && result.total_weight == Self.unwritten
      && result.threshold == problem.threshold
  }

  var multiLabelGradientIsUntouched: Bool {
    isInPlace
      ? multiLabelLogits.numbers == problem.multiLabelLogits : multiLabelGradient.isUntouched
  }

  /// Whether nothing but elements has been written, and the input is as it was.
  var surroundingsAreUntouched: Bool {
    func isUntouched(_ matrix: Matrix, _ numbers: [Double]) -> Bool {
      let before = Matrix(
        type: problem.type, rows: problem.rows, columns: problem.classes, numbers: numbers)
      return isInPlace || matrix.pattern == before.pattern
    }
    let matrices = [logits, gradient, multiLabelLogits, multiLabelGradient, rowValues]
    return isUntouched(logits, problem.logits)
      && isUntouched(multiLabelLogits, problem.multiLabelLogits)
      && matrices.allSatisfy(\.paddingIsUntouched)
  }

  /// Everything that a call has written, to be compared bit by bit.
  var written: Written {
    Written(
      numbers: [result.value, result.total_weight, result.threshold].map(\.bitPattern),
      patterns: Pattern(
        joining: [gradient.pattern, multiLabelGradient.pattern, rowValues.pattern]))
  }

  struct Written: Equatable, Sendable {
    var numbers: [UInt64]
    var patterns: Pattern
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

  /// A few numbers that structs point to, for as long as the process lives.
  static func forever<Element: BitwiseCopyable>(_ elements: [Element]) -> Memory {
    let memory = Memory(elements)
    _ = Unmanaged.passRetained(memory)
    return memory
  }

  var address: UnsafeMutableRawPointer {
    guard let base = bytes.baseAddress else { preconditionFailure("Memory is never empty") }
    return base
  }

  var numbers: UnsafeMutablePointer<Double> { address.assumingMemoryBound(to: Double.self) }
}
