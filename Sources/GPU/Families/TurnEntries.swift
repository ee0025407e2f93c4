import CDevice
import CGPU

// Rows whose elements do not lie one after another, an image's pixels, say, are copied into rows that do, and their gradients
// back: 32 rows and classes at a time, by way of shared memory, so that the threads of a warp are side by side on both sides.

@c(topk_turn_2)
public func turn2(_ turn: UnsafePointer<DeviceTurn>) { turnTiles(turn, UInt16.self) }

@c(topk_turn_4)
public func turn4(_ turn: UnsafePointer<DeviceTurn>) { turnTiles(turn, UInt32.self) }

@inline(__always)
private func turnTiles<E: BitwiseCopyable>(_ turn: UnsafePointer<DeviceTurn>, _: E.Type) {
  let turn = turn.pointee
  let matrix = StridedMatrix(turn)
  let source = turn.source.assumingMemoryBound(to: E.self)
  let target = turn.target.assumingMemoryBound(to: E.self)
  let memory = gpu_shared().assumingMemoryBound(to: E.self)
  let across = (matrix.classes &+ 31) &>> 5
  let count = (matrix.rows &+ 31) &>> 5 &* across
  var index = Int(gpu_block())
  while index < count {
    let tile = Tile(firstRow: index / across &* 32, firstClass: index % across &* 32)
    if turn.is_back == 0 {
      tile.eachStrided(of: matrix) { memory[$0] = source[$1] }
      Block.barrier()
      tile.eachPlain(of: matrix) { target[$1] = memory[$0] }
    } else {
      tile.eachPlain(of: matrix) { memory[$0] = source[$1] }
      Block.barrier()
      tile.eachStrided(of: matrix) { target[$1] = memory[$0] }
    }
    Block.barrier()
    index &+= Int(gpu_blocks())
  }
}

private struct StridedMatrix {
  let rows: Int
  let classes: Int
  private let rowsPerGroup: Int
  let classStride: Int
  private let rowStride: Int
  private let groupStride: Int

  @inline(__always)
  init(_ turn: DeviceTurn) {
    (rows, classes) = (Int(turn.rows), Int(turn.classes))
    let layout = turn.layout
    (rowsPerGroup, groupStride) = (Int(layout.rows_per_group), Int(layout.group_stride))
    (classStride, rowStride) = (Int(layout.class_stride), Int(layout.row_stride))
  }

  /// Whether rows are nearer to one another than classes.
  @inline(__always)
  var isByRows: Bool { rowStride.magnitude < classStride.magnitude }

  @inline(__always)
  func offset(ofRow row: Int) -> Int {
    row / rowsPerGroup &* groupStride &+ row % rowsPerGroup &* rowStride
  }
}

/// 32 rows and classes, or as many of them as there are. A warp takes a line of it at a time.
private struct Tile {
  let firstRow: Int
  let firstClass: Int

  /// - Parameter body: is given the element's places in shared memory and in a matrix of rows one after another.
  @inline(__always)
  func eachPlain(of matrix: StridedMatrix, _ body: (Int, Int) -> Void) {
    let classIndex = firstClass &+ Warp.place
    var line = Block.place &>> 5
    while line < 32 && firstRow &+ line < matrix.rows {
      if classIndex < matrix.classes {
        body(place(line, Warp.place), (firstRow &+ line) &* matrix.classes &+ classIndex)
      }
      line &+= Block.width &>> 5
    }
  }

  /// - Parameter body: is given the element's places in shared memory and in the strided matrix.
  @inline(__always)
  func eachStrided(of matrix: StridedMatrix, _ body: (Int, Int) -> Void) {
    var line = Block.place &>> 5
    while line < 32 {
      let (row, column) = matrix.isByRows ? (Warp.place, line) : (line, Warp.place)
      let classIndex = firstClass &+ column
      if firstRow &+ row < matrix.rows && classIndex < matrix.classes {
        let offset = matrix.offset(ofRow: firstRow &+ row)
        body(place(row, column), offset &+ classIndex &* matrix.classStride)
      }
      line &+= Block.width &>> 5
    }
  }

  /// Rows are 33 apart, so that a column lies in as many banks of shared memory.
  @inline(__always)
  private func place(_ row: Int, _ column: Int) -> Int { row &* 33 &+ column }
}
