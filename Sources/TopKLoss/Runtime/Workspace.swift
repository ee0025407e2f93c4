import CSystem

/// The working memory of one evaluation, in the calling thread's scratch: a loss for every row, and for every piece
/// of the work its state and the scratch of its rows.
struct Workspace {
  struct PieceState {
    var isDone: Bool
    /// The first row that `check_finite` refuses, or -1.
    var badRow: Int
  }

  let pieces: Int
  let rowLosses: UnsafeMutablePointer<Double>
  let states: UnsafeMutablePointer<PieceState>
  private let rowCount: Int
  private let scratch: UnsafeMutableRawPointer
  private let scratchBytes: Int
  private let state: ThreadState
  private let whole: Scratch

  init(rows: Int, pieces: Int, scratchBytes: Int) throws(Failure) {
    let lossBytes = try Self.sizeInBytes(rows, of: MemoryLayout<Double>.stride)
    let stateBytes = try Self.sizeInBytes(pieces, of: MemoryLayout<PieceState>.stride)
    let pieceScratch = try Self.sizeInBytes(scratchBytes, of: 1)
    let allScratch = try Self.sizeInBytes(pieces, of: pieceScratch)
    let (tables, tablesOverflow) = lossBytes.addingReportingOverflow(stateBytes)
    let (all, allOverflow) = tables.addingReportingOverflow(allScratch)
    guard !tablesOverflow && !allOverflow, let state = ThreadState.current() else {
      throw .outOfMemory(bytes: Int.max)
    }
    self.state = state
    whole = try state.takeScratch(bytes: max(all, 4096))
    let memory = whole.memory
    rowLosses = memory.assumingMemoryBound(to: Double.self)
    states = (memory + lossBytes).assumingMemoryBound(to: PieceState.self)
    scratch = memory + tables
    rowCount = rows
    self.pieces = pieces
    self.scratchBytes = pieceScratch
  }

  /// Bytes for `count` values, up to a whole number of cache lines.
  private static func sizeInBytes(_ count: Int, of stride: Int) throws(Failure) -> Int {
    let (bytes, overflows) = count.multipliedReportingOverflow(by: stride)
    guard !overflows && bytes <= Int.max - 63 else { throw .outOfMemory(bytes: Int.max) }
    return (bytes + 63) / 64 * 64
  }

  /// Ends the workspace; to be called once, on the thread that made it.
  func giveBack() { state.giveBack(whole) }

  func clear() {
    for piece in 0..<pieces { states[piece] = PieceState(isDone: false, badRow: -1) }
  }

  /// Rows of a piece: as many in each as there can be, the remainder among the first.
  func rows(of piece: Int) -> Range<Int> {
    let (share, remainder) = rowCount.quotientAndRemainder(dividingBy: pieces)
    let start = piece &* share &+ min(piece, remainder)
    return start..<(start &+ share &+ (piece < remainder ? 1 : 0))
  }

  func scratch(of piece: Int) -> UnsafeMutableRawPointer {
    scratch + piece &* scratchBytes
  }
}
