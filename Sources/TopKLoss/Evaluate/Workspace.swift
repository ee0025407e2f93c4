import CSystem
import CTopKLoss

/// The working memory of one call, in the calling thread's scratch: a number for every row, memory that all pieces share,
/// and for every piece of the rows its state, its scratch, and room to widen rows.
struct Workspace {
  let split: RowSplit
  /// A number for every row, if that was asked for.
  let rowNumbers: UnsafeMutablePointer<Double>
  /// What all pieces share.
  let shared: UnsafeMutableRawPointer
  private let states: UnsafeMutableRawPointer
  private let scratch: UnsafeMutableRawPointer
  private let scratchBytes: Int
  private let widened: UnsafeMutableRawPointer
  private let widenedBytes: Int
  private let tiles: UnsafeMutableRawPointer
  private let tileBytes: Int
  private let tilesOfPiece: Int
  private let thread: ThreadState
  private let whole: Scratch

  /// A piece's state, on a cache line of its own.
  private struct PieceState {
    var isDone: Bool
  }

  private static let stateBytes = 64

  /// For passes over the rows of a batch.
  init(_ batch: Batch, _ needs: PassNeeds) throws(Failure) {
    tilesOfPiece = max(needs.turnedMatrices, batch.layout.isPlain ? 0 : 1)
    tileBytes =
      tilesOfPiece == 0
      ? 0 : RowTile.bytes(classes: batch.classes, elementBytes: batch.element.byteCount)
    let pieceBytes = needs.scratchBytes.addingReportingOverflow(tilesOfPiece &* tileBytes)
    split = RowSplit(
      rows: batch.rows, nanosecondsPerRow: needs.nanosecondsPerRow,
      pieceBytes: pieceBytes.overflow ? Int.max : pieceBytes.partialValue, batch.executor)
    scratchBytes = CheckedSize.ofWholeLines(needs.scratchBytes)
    var (size, widenedSize) = (CheckedSize(), CheckedSize())
    _ = widenedSize.add(needs.widenedRows, of: batch.widenedBytes)
    guard let widenedBytes = widenedSize.bytes else { throw .outOfMemory(bytes: Int.max) }
    self.widenedBytes = widenedBytes
    let numbers = size.add(
      needs.hasRowNumbers ? batch.rows : 0, of: MemoryLayout<Double>.stride)
    let states = size.add(split.pieces, of: Self.stateBytes)
    let shared = size.add(needs.sharedBytes, of: 1)
    let scratch = size.add(split.pieces, of: scratchBytes)
    let widened = size.add(split.pieces, of: widenedBytes)
    let tiles = size.add(split.pieces &* tilesOfPiece, of: tileBytes)
    guard let bytes = size.bytes, let thread = ThreadState.current() else {
      throw .outOfMemory(bytes: Int.max)
    }
    self.thread = thread
    whole = try thread.takeScratch(bytes: max(bytes, 4096))
    let memory = whole.memory
    rowNumbers = (memory + numbers).assumingMemoryBound(to: Double.self)
    self.states = memory + states
    self.shared = memory + shared
    self.scratch = memory + scratch
    self.widened = memory + widened
    self.tiles = memory + tiles
  }

  /// Ends the workspace; to be called once, on the thread that made it.
  func giveBack() { thread.giveBack(whole) }

  /// Frees the memory that threads keep for their next calls.
  static func trim() { ThreadState.trim() }

  var pieces: Int { split.pieces }

  /// A piece, unless there is none of that number.
  func piece(_ number: Int64) -> Piece? {
    guard let number = Int(exactly: number), number >= 0, number < pieces else { return nil }
    return piece(number)
  }

  func piece(_ number: Int) -> Piece {
    Piece(
      number: number, rows: split.rows(of: number), scratch: scratch + number &* scratchBytes,
      widened: widened + number &* widenedBytes,
      tiles: tiles + number &* tilesOfPiece &* tileBytes,
      found: states + (number &* Self.stateBytes &+ Self.stateBytes &- Piece.mostFound))
  }

  private func state(of piece: Int) -> UnsafeMutablePointer<PieceState> {
    (states + piece &* Self.stateBytes).assumingMemoryBound(to: PieceState.self)
  }

  /// Has a piece's tiles forget their rows, which a pass before may have written over.
  func emptyTiles(of piece: Piece) {
    for number in 0..<tilesOfPiece { RowTile(piece.tiles + number &* tileBytes).empty() }
  }

  /// Notes that a piece is done.
  func finish(_ piece: Piece) { state(of: piece.number).pointee.isDone = true }

  /// Runs a task for every piece, which `finish` notes.
  func runPieces(_ task: topkloss_task, _ context: UnsafeMutableRawPointer) throws(Failure) {
    for piece in 0..<pieces { state(of: piece).pointee.isDone = false }
    if split.isHosts {
      system_restore_arithmetic(thread.hostsArithmetic)
      split.run(task, context)
      _ = system_standard_arithmetic()
    } else {
      split.run(task, context)
    }
    for piece in 0..<pieces where !state(of: piece).pointee.isDone {
      throw Failure(
        TOPKLOSS_ERROR_EXECUTOR,
        "executor.parallel_for returned without having run task \(piece) of \(pieces)")
    }
  }
}

/// The size of several things one after another in memory, each on a cache line of its own.
struct CheckedSize {
  /// Nil if it overflows.
  private(set) var bytes: Int? = 0

  /// Adds `count` things of so many bytes, and returns where they begin.
  mutating func add(_ count: Int, of stride: Int) -> Int {
    guard let start = bytes else { return 0 }
    let (size, overflows) = count.multipliedReportingOverflow(by: stride)
    let (end, endOverflows) = start.addingReportingOverflow(Self.ofWholeLines(size))
    bytes = overflows || endOverflows || size > Int.max / 2 ? nil : end
    return start
  }

  /// Up to a whole number of cache lines; sizes that no memory has stay as they are.
  static func ofWholeLines(_ bytes: Int) -> Int {
    bytes > Int.max / 2 ? bytes : (bytes &+ 63) / 64 &* 64
  }
}
