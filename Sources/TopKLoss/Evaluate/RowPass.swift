import CSystem
import CTopKLoss

/// What is done with the rows of a batch, a piece of them after another, on whatever threads there are.
///
/// What comes of it must not depend on how the rows are split: a pass writes what belongs to a row, or leaves whole numbers
/// and extremes, which are put together from all pieces.
protocol RowPass {
  func work(on piece: Piece)

  /// `{ Name.run($0, $1) }` for a type of that name: a C function cannot be made from a generic one.
  static var task: topkloss_task { get }
}

/// Some of a batch's rows, one after another, and the memory that a pass has for them alone.
struct Piece {
  let number: Int
  let rows: Range<Int>
  /// Of the size that the workspace was made with.
  let scratch: UnsafeMutableRawPointer
  /// Where rows of 16-bit elements are widened.
  let widened: UnsafeMutableRawPointer
  /// Where rows are turned whose elements do not lie one after another.
  let tiles: UnsafeMutableRawPointer
  /// Where the pass leaves what it found, of at most `mostFound` bytes.
  let found: UnsafeMutableRawPointer

  static let mostFound = 48

  /// The same with other scratch.
  func with(scratch: UnsafeMutableRawPointer) -> Piece {
    Piece(
      number: number, rows: rows, scratch: scratch, widened: widened, tiles: tiles, found: found)
  }

  /// Some of its rows.
  func with(rows: Range<Int>) -> Piece {
    Piece(
      number: number, rows: rows, scratch: scratch, widened: widened, tiles: tiles, found: found)
  }
}

/// What a pass takes, of time and memory.
struct PassNeeds {
  /// What one row roughly costs, to decide whether threads are worth it.
  var nanosecondsPerRow: Double
  /// Working memory of a piece.
  var scratchBytes = 0
  /// Memory that all pieces share.
  var sharedBytes = 0
  /// Whether there is a number for every row.
  var hasRowNumbers = false
  /// How many rows of 16-bit elements a piece widens at once.
  var widenedRows = 1
  /// How many matrices have rows that are turned.
  var turnedMatrices = 0
}

extension Workspace {
  /// Makes the pass over all rows and sees that the executor left no piece out.
  func run<Pass: RowPass>(_ pass: Pass) throws(Failure) {
    try withUnsafePointer(to: pass) { pass throws(Failure) in
      var running = RunningPass(pass: pass, workspace: self)
      try withUnsafeMutablePointer(to: &running) { running throws(Failure) in
        try runPieces(Pass.task, running)
      }
    }
  }
}

/// What the tasks of a pass share. It lives on the calling thread's stack while they run.
private struct RunningPass<Pass: RowPass> {
  let pass: UnsafePointer<Pass>
  let workspace: Workspace

  @inline(never)
  func work(on piece: Piece) {
    workspace.emptyTiles(of: piece)
    pass.pointee.work(on: piece)
    workspace.finish(piece)
  }
}

extension RowPass {
  /// The task: works on a piece, unless there is none of that number, in the same floating-point environment on whatever
  /// thread.
  static func run(_ context: UnsafeMutableRawPointer?, _ number: Int64) {
    guard let running = context?.assumingMemoryBound(to: RunningPass<Self>.self),
      let piece = running.pointee.workspace.piece(number)
    else { return }
    let environment = system_standard_arithmetic()
    running.pointee.work(on: piece)
    system_restore_arithmetic(environment)
  }
}
