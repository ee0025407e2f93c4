import CSystem
import CTopKLoss

/// The working memory of one call, in the calling thread's scratch: a number for every row, memory that all share, and
/// for every piece of the work its state, the rows that it evaluates together, their scratch, and room to widen them.
struct Workspace {
  struct PieceState {
    var isDone: Bool
    /// The first row that `check_finite` refuses, or -1.
    var badRow: Int
  }

  let pieces: Int
  let rowLosses: UnsafeMutablePointer<Double>
  let states: UnsafeMutablePointer<PieceState>
  /// What all pieces share.
  let call: UnsafeMutableRawPointer
  /// How many rows are evaluated together.
  let rowsAtOnce: Int
  private let groups: UnsafeMutableRawPointer
  private let rowCount: Int
  private let scratch: UnsafeMutableRawPointer
  private let scratchBytes: Int
  private let widenedBytes: Int
  private let state: ThreadState
  private let whole: Scratch

  /// - Parameters:
  ///   - rowsAtOnce: how many rows every piece evaluates together; 0 if it evaluates none.
  ///   - hasRowLosses: whether there is a number for every row.
  init(
    rows: Int, rowsAtOnce: Int = 0, pieces: Int, scratchBytes: Int, widenedBytes: Int = 0,
    callBytes: Int = 0,
    hasRowLosses: Bool = true
  ) throws(Failure) {
    var size = CheckedSize()
    let losses = size.add(hasRowLosses ? rows : 0, of: MemoryLayout<Double>.stride)
    let states = size.add(pieces, of: MemoryLayout<PieceState>.stride)
    let groups = size.add(pieces, of: Self.groupBytes(rowsAtOnce))
    let call = size.add(callBytes, of: 1)
    self.scratchBytes = CheckedSize.ofWholeLines(scratchBytes)
    self.widenedBytes = CheckedSize.ofWholeLines(widenedBytes)
    let scratch = size.add(pieces, of: self.scratchBytes)
    _ = size.add(pieces, of: self.widenedBytes)
    guard let bytes = size.bytes, let state = ThreadState.current() else {
      throw .outOfMemory(bytes: Int.max)
    }
    self.state = state
    whole = try state.takeScratch(bytes: max(bytes, 4096))
    let memory = whole.memory
    rowLosses = (memory + losses).assumingMemoryBound(to: Double.self)
    self.states = (memory + states).assumingMemoryBound(to: PieceState.self)
    self.groups = memory + groups
    self.rowsAtOnce = rowsAtOnce
    self.call = memory + call
    self.scratch = memory + scratch
    rowCount = rows
    self.pieces = pieces
  }

  /// Ends the workspace; to be called once, on the thread that made it.
  func giveBack() { state.giveBack(whole) }

  /// Gives the system back the memory that this thread keeps for its next call.
  static func trim() { ThreadState.current()?.trim() }

  /// Runs a task for every piece and sees that the executor left none out. The task does its piece through `perform`.
  func run(
    _ task: topkloss_task, _ context: UnsafeMutableRawPointer, _ plan: Executor.Plan
  ) throws(Failure) {
    for piece in 0..<pieces { states[piece] = PieceState(isDone: false, badRow: -1) }
    if plan.isHosts {
      system_restore_arithmetic(state.hostsArithmetic)
      plan.run(task, context)
      _ = system_standard_arithmetic()
    } else {
      plan.run(task, context)
    }
    for piece in 0..<pieces where !states[piece].isDone {
      throw Failure(
        TOPKLOSS_ERROR_EXECUTOR,
        "executor.parallel_for returned without having run task \(piece) of \(pieces)")
    }
  }

  /// Does a piece, unless there is none of that number, in the same floating-point environment on whatever thread.
  @inline(__always)
  func perform(_ piece: Int64, _ body: (Int) -> Void) {
    guard let piece = Int(exactly: piece), piece >= 0, piece < pieces else { return }
    let environment = system_standard_arithmetic()
    defer { system_restore_arithmetic(environment) }
    work(piece, body)
  }

  @inline(never)
  private func work(_ piece: Int, _ body: (Int) -> Void) {
    body(piece)
    states[piece].isDone = true
  }

  /// Rows of a piece: as many in each as there can be, the remainder among the first.
  func rows(of piece: Int) -> Range<Int> {
    let (share, remainder) = rowCount.quotientAndRemainder(dividingBy: pieces)
    let start = piece &* share &+ min(piece, remainder)
    return start..<(start &+ share &+ (piece < remainder ? 1 : 0))
  }

  /// Where a piece puts the rows that it evaluates together.
  func group(of piece: Int) -> UnsafeMutablePointer<Row> {
    (groups + piece &* Self.groupBytes(rowsAtOnce)).assumingMemoryBound(to: Row.self)
  }

  private static func groupBytes(_ rowsAtOnce: Int) -> Int {
    CheckedSize.ofWholeLines(rowsAtOnce &* MemoryLayout<Row>.stride)
  }

  func scratch(of piece: Int) -> UnsafeMutableRawPointer {
    scratch + piece &* scratchBytes
  }

  /// Where a piece widens rows.
  func widened(of piece: Int) -> UnsafeMutableRawPointer {
    scratch + pieces &* scratchBytes + piece &* widenedBytes
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
