import CKernels
import CSystem

/// Some rows one after another, in a piece's own memory, of a matrix whose rows do not lie so: a few kilobytes that are
/// turned into rows in the cache, and their gradients back. A pixel's neighbours share its cache lines, so that many are
/// turned at once.
struct RowTile {
  private let memory: UnsafeMutableRawPointer
  private let rowBytes: Int
  private let room: Int

  private static let headBytes = 64

  /// Of a tile, where the first-level cache is left room for vectors and where lines that are turned are read whole; of
  /// long rows as few as that allows.
  private static let bytesAtOnce = 16 << 10
  private static let mostBytes = 4 << 20
  private static let fewestRows = 16
  private static let mostRows = 256

  static func rows(classes: Int, elementBytes: Int) -> Int {
    let rowBytes = max(classes &* elementBytes, 1)
    let rows = min(max(bytesAtOnce / rowBytes, fewestRows), mostRows)
    return max(1, min(rows, mostBytes / rowBytes))
  }

  /// Of one tile, in whole cache lines.
  static func bytes(classes: Int, elementBytes: Int) -> Int {
    CheckedSize.ofWholeLines(
      headBytes &+ rows(classes: classes, elementBytes: elementBytes) &* classes &* elementBytes)
  }

  /// To be emptied.
  init(_ memory: UnsafeMutableRawPointer) { (self.memory, rowBytes, room) = (memory, 0, 0) }

  init(_ piece: Piece, _ number: Int, _ layout: MatrixLayout) {
    let (classes, elementBytes) = (layout.columns, layout.elementBytes)
    memory =
      piece.tiles + number &* Self.bytes(classes: classes, elementBytes: elementBytes)
    rowBytes = classes &* elementBytes
    room = Self.rows(classes: classes, elementBytes: elementBytes)
  }

  /// The rows that are in it: from `first` to before `end`.
  private var held: UnsafeMutablePointer<(first: Int, end: Int)> {
    memory.assumingMemoryBound(to: (first: Int, end: Int).self)
  }

  func holds(_ row: Int) -> Bool { row >= held.pointee.first && row < held.pointee.end }

  /// Forgets what it holds.
  func empty() { held.pointee = (0, 0) }

  /// Where row 0 would be.
  var base: UnsafeMutableRawPointer {
    memory + (Self.headBytes &- held.pointee.first &* rowBytes)
  }

  func row(_ index: Int) -> UnsafeMutableRawPointer { base + index &* rowBytes }

  /// Makes room for the first of some rows, as many as it has, without filling it.
  func place(_ rows: Range<Int>) {
    held.pointee = (rows.lowerBound, min(rows.upperBound, rows.lowerBound &+ room))
  }

  /// Reads the first of some rows of a matrix, as many as it has room for.
  @inline(never)
  func fill(_ rows: Range<Int>, _ matrix: UnsafeRawPointer, _ layout: MatrixLayout) {
    place(rows)
    turn(layout) { line, offset, count, stride in
      let source = matrix + offset
      let tile = row(line)
      if layout.columnStride == 1 && count == 1 {
        memcpy(tile, source, rowBytes)
      } else {
        KernelsInUse.table.turn(
          source, Int64(stride), tile, Int64(layout.columns), Int64(layout.columns), Int64(count),
          Int64(layout.elementBytes))
      }
    }
  }

  /// Writes what it holds into a matrix.
  @inline(never)
  func write(to matrix: UnsafeMutableRawPointer, _ layout: MatrixLayout) {
    turn(layout) { line, offset, count, stride in
      let target = matrix + offset
      let tile = UnsafeRawPointer(row(line))
      if layout.columnStride == 1 && count == 1 {
        memcpy(target, tile, rowBytes)
      } else {
        KernelsInUse.table.turn(
          tile, Int64(layout.columns), target, Int64(stride), Int64(count), Int64(layout.columns),
          Int64(layout.elementBytes))
      }
    }
  }

  /// Rows that can be turned together, those of one group that lie side by side, or one.
  @inline(__always)
  private func turn(
    _ layout: MatrixLayout, _ body: (_ row: Int, _ offset: Int, _ count: Int, _ stride: Int) -> Void
  ) {
    let (first, end) = held.pointee
    var row = first
    while row < end {
      let left = layout.groupRows &- row % max(layout.groupRows, 1)
      let count = layout.stride == 1 ? min(left, end &- row) : 1
      body(row, layout.offset(ofRow: row), count, layout.columnStride)
      row &+= count
    }
  }
}
