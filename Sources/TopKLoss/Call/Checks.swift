import CTopKLoss

// Checks of what comes from outside. Each names the argument, the value and the bound.

/// Bytes of an address range that a strided matrix covers, from its lowest byte to beyond its highest.
struct MemorySpan {
  let start: UInt
  let end: UInt

  init(start: UInt, end: UInt) {
    self.start = start
    self.end = end
  }

  init(at pointer: UnsafeRawPointer, byteCount: Int) {
    start = UInt(bitPattern: pointer)
    end = start &+ UInt(byteCount)
  }

  func overlaps(_ other: MemorySpan) -> Bool {
    start < end && other.start < other.end && start < other.end && other.start < end
  }
}

/// The shape of a row-major matrix in memory, checked so that no later arithmetic on it overflows.
struct MatrixLayout {
  let rows: Int
  let columns: Int
  /// Elements from one row to the next; any sign.
  let stride: Int
  let elementBytes: Int

  /// - Parameter mayOverlap: whether rows may share memory, which only input may.
  init(
    _ name: StaticString, rows: Int, columns: Int, stride: Int64, elementBytes: Int,
    mayOverlap: Bool
  ) throws(Failure) {
    self.rows = rows
    self.columns = columns
    // With one row there is no next one, and its stride means nothing.
    self.stride = stride == 0 || rows <= 1 ? columns : Int(truncatingIfNeeded: stride)
    self.elementBytes = elementBytes
    let (span, spanOverflows) = max(rows - 1, 0).multipliedReportingOverflow(by: self.stride)
    let (reach, reachOverflows) = span.magnitude.addingReportingOverflow(UInt(columns))
    let (bytes, bytesOverflow) = reach.multipliedReportingOverflow(by: UInt(elementBytes))
    if spanOverflows || reachOverflows || bytesOverflow || bytes > UInt(Int.max) {
      throw Failure(
        TOPKLOSS_ERROR_SIZE,
        "\(name): \(rows) rows of \(columns) elements, \(self.stride) apart, are more than can be "
          + "addressed")
    }
    if !mayOverlap && rows > 1 && self.stride.magnitude < UInt(columns) {
      throw Failure(
        TOPKLOSS_ERROR_SIZE,
        "\(name)_row_stride is \(self.stride): rows of \(columns) elements would overlap")
    }
  }

  func span(at pointer: UnsafeRawPointer) -> MemorySpan {
    let base = UInt(bitPattern: pointer)
    if rows == 0 { return MemorySpan(start: base, end: base) }
    let reach = (rows &- 1) &* stride &* elementBytes
    let rowBytes = UInt(columns &* elementBytes)
    return reach >= 0
      ? MemorySpan(start: base, end: base &+ UInt(reach) &+ rowBytes)
      : MemorySpan(start: base &- reach.magnitude, end: base &+ rowBytes)
  }

  /// Whether writing row i of this matrix at `output` touches another row of `input` than its own row i, or its
  /// own row other than exactly in place.
  func conflicts(
    writing output: UnsafeRawPointer, whileReading inputLayout: MatrixLayout,
    at input: UnsafeRawPointer
  ) -> Bool {
    if output == input && stride == inputLayout.stride { return false }
    return sharesMemory(at: output, with: inputLayout, at: input)
  }

  /// Whether this matrix at `output` has a byte in common with another at `input`.
  func sharesMemory(
    at output: UnsafeRawPointer, with inputLayout: MatrixLayout, at input: UnsafeRawPointer
  ) -> Bool {
    if !span(at: output).overlaps(inputLayout.span(at: input)) { return false }
    // Two views of one wider matrix, side by side, overlap as spans but share no element.
    guard stride == inputLayout.stride, stride != 0, elementBytes == inputLayout.elementBytes else {
      return true
    }
    let pitch = stride.magnitude &* UInt(elementBytes)
    let apart = UInt(bitPattern: output) &- UInt(bitPattern: input)
    let offset =
      UInt(bitPattern: output) >= UInt(bitPattern: input)
      ? apart % pitch : (pitch &- (0 &- apart) % pitch) % pitch
    let rowBytes = UInt(columns &* elementBytes)
    return offset < UInt(inputLayout.columns &* elementBytes) || pitch &- offset < rowBytes
  }
}

/// A whole number that fits this machine and is at least `minimum`.
func checkedSize(
  _ value: Int64, _ name: StaticString, atLeast minimum: Int
) throws(Failure) -> Int {
  guard let size = Int(exactly: value), size >= minimum else {
    throw Failure(TOPKLOSS_ERROR_SIZE, "\(name) is \(value): it must be \(minimum) or more")
  }
  // Numbers of eight bytes come in these sizes.
  guard size <= Int.max / 8 else {
    throw Failure(TOPKLOSS_ERROR_SIZE, "\(name) is \(value): more than can be addressed")
  }
  return size
}

/// What an option may be. Beyond 1e15, or below 1e-15 where it divides, float32 would not hold what is made of it.
enum OptionRange {
  case ofAnySign
  case notNegative
  case positive
  case weight

  static let smallest = 1e-15
  private static let largest = 1e15

  func contains(_ value: Double) -> Bool {
    switch self {
    case .ofAnySign: abs(value) <= Self.largest
    case .notNegative: value >= 0 && value <= Self.largest
    case .positive: value >= Self.smallest && value <= Self.largest
    case .weight: value >= 0 && value.isFinite
    }
  }

  /// What is allowed, in words.
  var words: StaticString {
    switch self {
    case .ofAnySign: "finite and at most 1e15 in size"
    case .notNegative: "finite, 0 or more and at most 1e15"
    case .positive: "finite, above 0, and between 1e-15 and 1e15"
    case .weight: "finite and 0 or more"
    }
  }

  func check(_ value: Double, _ name: StaticString) throws(Failure) {
    if contains(value) { return }
    throw Failure(TOPKLOSS_ERROR_OPTION, "\(name) is \(text(value)): it must be \(words)")
  }
}

/// An option of any sign.
func checkOption(_ value: Double, _ name: StaticString) throws(Failure) {
  try OptionRange.ofAnySign.check(value, name)
}

/// An option that is 0 or more.
func checkNotNegative(_ value: Double, _ name: StaticString) throws(Failure) {
  try OptionRange.notNegative.check(value, name)
}

/// An option that is above 0.
func checkPositive(_ value: Double, _ name: StaticString) throws(Failure) {
  try OptionRange.positive.check(value, name)
}
