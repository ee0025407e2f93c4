import CTopKLoss

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

/// A caller's strides, in elements; 0: contiguous.
struct Strides {
  var row: Int64 = 0
  var classes: Int64 = 0
  var group: Int64 = 0
}

/// The shape of a matrix in memory, its rows in groups, checked so that no later arithmetic on it overflows.
struct MatrixLayout {
  let rows: Int
  let columns: Int
  /// Elements from one row to the next of the same group; any sign.
  let stride: Int
  /// Elements from one column to the next; any sign.
  let columnStride: Int
  /// Rows of a group.
  let groupRows: Int
  /// Elements from one group to the next; any sign.
  let groupStride: Int
  let elementBytes: Int

  /// Whether a row's elements lie one after another, and all rows at one distance: what kernels read and write.
  let isPlain: Bool

  /// - Parameters:
  ///   - rowsPerGroup: divides the rows; 0: all are one group.
  ///   - mayOverlap: whether elements may share memory, which only input may.
  init(
    _ name: StaticString, rows: Int, rowsPerGroup: Int = 0, columns: Int, _ strides: Strides,
    elementBytes: Int, mayOverlap: Bool
  ) throws(Failure) {
    self.rows = rows
    self.columns = columns
    self.elementBytes = elementBytes
    columnStride =
      strides.classes == 0 || columns <= 1 ? 1 : Int(truncatingIfNeeded: strides.classes)
    var groupRows = rowsPerGroup == 0 ? rows : rowsPerGroup
    var stride = strides.row == 0 ? columns : Int(truncatingIfNeeded: strides.row)
    var groupStride = Int(truncatingIfNeeded: strides.group)
    var groupIsTooLarge = false
    if strides.group == 0 {
      (groupStride, groupIsTooLarge) = groupRows.multipliedReportingOverflow(by: columns)
    }
    let (groupReach, groupOverflows) = groupRows.multipliedReportingOverflow(by: stride)
    // Rows that are groups of one, and groups that follow each other as their rows do.
    if groupRows == 1 { stride = groupStride }
    if groupRows == 1 || !groupOverflows && groupReach == groupStride { groupRows = rows }
    // With one row there is no next one, and its stride means nothing.
    self.stride = rows <= 1 ? columns : stride
    self.groupRows = groupRows
    self.groupStride = groupStride
    isPlain = columnStride == 1 && groupRows == rows

    let overflows = groupIsTooLarge && groupRows < rows
    var span = ElementSpan()
    span.add(columns, columnStride)
    span.add(min(rows, groupRows), self.stride)
    if groupRows < rows { span.add(rows / groupRows, groupStride) }
    let bytes = span.bytes(of: elementBytes)
    guard rows == 0 || !overflows && bytes != nil else {
      throw Failure(
        TOPKLOSS_ERROR_SIZE,
        "\(name): \(rows) rows of \(columns) elements, \(self.stride) apart, are more than can be "
          + "addressed")
    }
    if mayOverlap || rows <= 1 && columns <= 1 || rows == 0 || !overlapsItself { return }
    throw Failure(
      TOPKLOSS_ERROR_SIZE,
      isPlain
        ? "\(name)_row_stride is \(self.stride): rows of \(columns) elements would overlap"
        : "\(name): with its strides two elements would share memory")
  }

  /// The same rows one after another.
  var plain: MatrixLayout { MatrixLayout(plain: self) }

  private init(plain other: MatrixLayout) {
    (rows, columns, stride, columnStride) = (other.rows, other.columns, other.columns, 1)
    (groupRows, groupStride, elementBytes) = (other.rows, 0, other.elementBytes)
    isPlain = true
  }

  /// The matrix's dimensions that have more than one index, each with its stride, from the innermost.
  private var dimensions: Dimensions {
    var dimensions = Dimensions()
    if columns > 1 { dimensions.insert(columns, columnStride) }
    if min(rows, groupRows) > 1 { dimensions.insert(min(rows, groupRows), stride) }
    if groupRows < rows { dimensions.insert(rows / groupRows, groupStride) }
    return dimensions
  }

  /// Whether a dimension does not step over all that lies within it.
  private var overlapsItself: Bool {
    let dimensions = dimensions
    var extent: UInt = 1
    for index in 0..<dimensions.count {
      let (size, stride) = dimensions[index]
      if stride.magnitude < extent { return true }
      extent &+= UInt(size &- 1) &* stride.magnitude
    }
    return false
  }

  /// From the first element of row 0 to a row's first element.
  @inline(__always)
  func offset(ofRow row: Int) -> Int {
    if groupRows >= rows { return row &* stride &* elementBytes }
    let (group, place) = row.quotientAndRemainder(dividingBy: max(groupRows, 1))
    return (group &* groupStride &+ place &* stride) &* elementBytes
  }

  func span(at pointer: UnsafeRawPointer) -> MemorySpan {
    let base = UInt(bitPattern: pointer)
    if rows == 0 { return MemorySpan(start: base, end: base) }
    return dimensions.span(dimensions.count, at: base, elementBytes, of: min(columns, 1))
  }

  /// Whether writing row i of this matrix at `output` touches another row of `input` than its own row i, or its
  /// own row other than exactly in place.
  func conflicts(
    writing output: UnsafeRawPointer, whileReading inputLayout: MatrixLayout,
    at input: UnsafeRawPointer
  ) -> Bool {
    if output == input && hasStrides(of: inputLayout) { return false }
    return sharesMemory(at: output, with: inputLayout, at: input)
  }

  private func hasStrides(of other: MatrixLayout) -> Bool {
    stride == other.stride && columnStride == other.columnStride && groupRows == other.groupRows
      && (groupRows >= rows || groupStride == other.groupStride)
  }

  /// Whether this matrix at `output` has a byte in common with another at `input`. Never false if it has.
  func sharesMemory(
    at output: UnsafeRawPointer, with inputLayout: MatrixLayout, at input: UnsafeRawPointer
  ) -> Bool {
    if !span(at: output).overlaps(inputLayout.span(at: input)) { return false }
    // Two views of one wider array, side by side in its outermost dimension, overlap as spans but share no element.
    let (own, others) = (dimensions, inputLayout.dimensions)
    guard own.count > 0, others.count > 0, elementBytes == inputLayout.elementBytes else {
      return true
    }
    let (outer, otherOuter) = (own[own.count &- 1].stride, others[others.count &- 1].stride)
    guard outer != 0, outer.magnitude == otherOuter.magnitude else { return true }
    let pitch = outer.magnitude &* UInt(elementBytes)
    let inner = own.span(own.count &- 1, at: UInt(bitPattern: output), elementBytes)
    let otherInner = others.span(others.count &- 1, at: UInt(bitPattern: input), elementBytes)
    let apart = inner.start &- otherInner.start
    let offset =
      inner.start >= otherInner.start
      ? apart % pitch : (pitch &- (0 &- apart) % pitch) % pitch
    return offset < otherInner.end &- otherInner.start
      || pitch &- offset < inner.end &- inner.start
  }
}

/// Up to three dimensions, in the order of their strides' sizes.
private struct Dimensions {
  private(set) var count = 0
  private var first = (size: 1, stride: 0)
  private var second = (size: 1, stride: 0)
  private var third = (size: 1, stride: 0)

  subscript(index: Int) -> (size: Int, stride: Int) {
    index == 0 ? first : index == 1 ? second : third
  }

  mutating func insert(_ size: Int, _ stride: Int) {
    var new = (size: size, stride: stride)
    if count > 0 && new.stride.magnitude < first.stride.magnitude { swap(&new, &first) }
    if count == 0 { first = new }
    if count > 1 && new.stride.magnitude < second.stride.magnitude { swap(&new, &second) }
    if count == 1 { second = new }
    if count == 2 { third = new }
    count &+= 1
  }

  /// What the innermost of them cover, of so many elements each. It has been checked that this does not overflow.
  func span(
    _ inner: Int, at base: UInt, _ elementBytes: Int, of elements: Int = 1
  ) -> MemorySpan {
    var (start, end) = (base, base &+ UInt(elements &* elementBytes))
    for index in 0..<inner {
      let (size, stride) = self[index]
      let reach = UInt(bitPattern: (size &- 1) &* stride &* elementBytes)
      if stride < 0 { start = start &+ reach } else { end = end &+ reach }
    }
    return MemorySpan(start: start, end: end)
  }
}

/// How far elements lie from the first, in both directions.
private struct ElementSpan {
  /// What no process has: addresses are of 57 bits at the most, and half of them the kernel's.
  private static let mostBytes: UInt = 1 << 56

  private var reach: UInt = 1
  private var overflows = false

  mutating func add(_ size: Int, _ stride: Int) {
    let (part, partOverflows) = UInt(max(size, 1) &- 1)
      .multipliedReportingOverflow(by: stride.magnitude)
    let (sum, sumOverflows) = reach.addingReportingOverflow(part)
    reach = sum
    overflows = overflows || partOverflows || sumOverflows
  }

  /// Nil if that is more than can be addressed.
  func bytes(of elementBytes: Int) -> UInt? {
    let (bytes, bytesOverflow) = reach.multipliedReportingOverflow(by: UInt(elementBytes))
    return overflows || bytesOverflow || bytes > Self.mostBytes ? nil : bytes
  }
}
