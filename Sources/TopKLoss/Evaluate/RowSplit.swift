import CTopKLoss

/// How the rows of a batch are split into pieces, and who works on them.
struct RowSplit {
  let rows: Int
  let pieces: Int
  private let executor: Executor

  /// Nanoseconds of work that are worth a thread that is awake, or one that has to be woken.
  private static let worthAwake = 15_000.0
  private static let worthWaking = 40_000.0

  /// Working memory that all pieces may have together, if that is more than one's.
  private static let mostScratch = 1 << 26

  /// Threads that are awake get a piece each, which keeps rows near the same processor from call to call. Threads that
  /// wake one after another take smaller pieces as they come. Where a piece needs much memory there are fewer.
  init(rows: Int, nanosecondsPerRow: Double, pieceBytes: Int, _ executor: Executor) {
    let nanoseconds = Double(rows) * nanosecondsPerRow
    var executor = executor
    var mayBeSplit = executor.threads > 1 && rows > 1 && nanoseconds >= 2 * Self.worthAwake
    if mayBeSplit { executor.consultOpenMP() }
    let threads = executor.threads
    mayBeSplit = mayBeSplit && threads > 1
    let areAwake = executor.openMP != nil || executor.isHosts
    let worthwhile = nanoseconds / (areAwake ? Self.worthAwake : Self.worthWaking)
    var pieces = 1
    if mayBeSplit && worthwhile >= 2 {
      pieces =
        areAwake
        ? Int(min(worthwhile, Double(threads)))
        : min(threads &* 4, Int(min(nanoseconds / Self.worthAwake, 4096)))
    }
    pieces = min(pieces, Self.mostScratch / max(pieceBytes, 1))
    self.rows = rows
    self.pieces = min(rows, max(1, pieces))
    self.executor = executor
  }

  /// Whether the host's own code runs the tasks.
  var isHosts: Bool { executor.isHosts && pieces > 1 }

  /// Rows of a piece: as many in each as there can be, the remainder among the first.
  func rows(of piece: Int) -> Range<Int> {
    let (share, remainder) = rows.quotientAndRemainder(dividingBy: pieces)
    let start = piece &* share &+ min(piece, remainder)
    return start..<(start &+ share &+ (piece < remainder ? 1 : 0))
  }

  /// Runs a task for every piece and returns when all are done.
  func run(_ task: topkloss_task, _ context: UnsafeMutableRawPointer) {
    executor.run(Tasks(task: task, context: context, count: pieces))
  }
}
