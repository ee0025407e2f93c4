/// Rows of elements in memory of their own, with guard bytes round each row, so that strides of any
/// sign can be tried and a stray write is seen.
final class Matrix {
  /// What every byte holds before anybody writes to it. No element type reads it as a likely
  /// result.
  static let sentinel: UInt8 = 0xA5
  let type: ElementType
  let rows: Int
  let columns: Int
  /// Elements from one row to the next.
  let stride: Int
  private let bytes: UnsafeMutableRawBufferPointer
  private let origin: Int

  /// - Parameter misalignment: bytes by which the first element misses its natural alignment.
  init(
    type: ElementType, rows: Int, columns: Int, stride: Int? = nil, misalignment: Int = 0
  ) {
    self.type = type
    self.rows = rows
    self.columns = columns
    let step = stride ?? columns
    self.stride = step
    let span = max(0, rows - 1) * abs(step) * type.size
    // Before and after: room for a whole row, so that a row too many is seen too.
    let margin = (128 + abs(step) * type.size + 63) / 64 * 64
    origin = margin + misalignment + (step < 0 ? span : 0)
    bytes = .allocate(
      byteCount: 2 * margin + misalignment + span + columns * type.size, alignment: 64)
    bytes.initializeMemory(as: UInt8.self, repeating: Self.sentinel)
  }

  deinit { bytes.deallocate() }

  convenience init(
    type: ElementType, rows: Int, columns: Int, numbers: [Double], stride: Int? = nil,
    misalignment: Int = 0
  ) {
    self.init(
      type: type, rows: rows, columns: columns, stride: stride, misalignment: misalignment)
    for row in 0..<rows {
      for column in 0..<columns { self[row, column] = numbers[row * columns + column] }
    }
  }

  /// Where row 0 begins.
  var address: UnsafeMutableRawPointer { address(0, 0) }

  func address(_ row: Int, _ column: Int) -> UnsafeMutableRawPointer {
    guard let base = bytes.baseAddress else { preconditionFailure("a Matrix has guard bytes") }
    return base + (origin + (row * stride + column) * type.size)
  }

  subscript(row: Int, column: Int) -> Double {
    get { type.load(from: address(row, column)) }
    set { type.store(newValue, to: address(row, column)) }
  }

  /// All elements, row by row.
  var numbers: [Double] {
    (0..<rows).flatMap { row in (0..<columns).map { self[row, $0] } }
  }

  /// The bits of all elements, row by row.
  var pattern: Pattern {
    Pattern(
      bytes: (0..<rows).flatMap { row in
        UnsafeRawBufferPointer(start: address(row, 0), count: columns * type.size)
      })
  }

  /// Whether nobody wrote between the rows or outside of them.
  var paddingIsUntouched: Bool {
    var isElement = [Bool](repeating: false, count: bytes.count)
    for row in 0..<rows {
      let start = origin + row * stride * type.size
      for byte in start..<start + columns * type.size { isElement[byte] = true }
    }
    return zip(bytes, isElement).allSatisfy { $1 || $0 == Self.sentinel }
  }

  /// Whether nobody wrote at all.
  var isUntouched: Bool { bytes.allSatisfy { $0 == Self.sentinel } }
}

/// Bytes to be compared. Not a collection: of two large ones that differ, a test would list every difference.
struct Pattern: Equatable, Sendable, CustomStringConvertible {
  fileprivate var bytes: [UInt8]

  init(joining patterns: [Pattern]) { bytes = patterns.flatMap(\.bytes) }

  fileprivate init(bytes: [UInt8]) { self.bytes = bytes }

  var isZero: Bool { bytes.allSatisfy { $0 == 0 } }

  /// How many bytes there are, and a number that other bytes most likely do not have.
  var description: String {
    let hash = bytes.reduce(0xCBF2_9CE4_8422_2325 as UInt64) {
      ($0 ^ UInt64($1)) &* 0x100_0000_01B3
    }
    return "\(bytes.count) bytes, \(String(hash, radix: 16))"
  }
}
