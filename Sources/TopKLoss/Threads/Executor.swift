import CSystem
import CTopKLoss
import Synchronization

/// How many threads a call may use.
enum ThreadCount {
  static let maximum = 1024

  /// What was set by the host; 0 for the default.
  private static let chosen = Atomic<Int>(0)

  private static let byDefault: Int = {
    let wanted = number("TOPKLOSS_NUM_THREADS") ?? number("OMP_NUM_THREADS")
    return min(wanted ?? Int(system_available_processors()), maximum)
  }()

  static var current: Int {
    let count = chosen.load(ordering: .relaxed)
    return count > 0 ? count : byDefault
  }

  static func set(_ count: Int) throws(Failure) {
    guard (0...maximum).contains(count) else {
      throw Failure(
        TOPKLOSS_ERROR_OPTION, "count is \(count): a number of threads is 1 to \(maximum), or 0")
    }
    chosen.store(count, ordering: .relaxed)
  }

  /// A positive whole number from the environment.
  private static func number(_ variable: StaticString) -> Int? {
    guard let value = getenv(variable.cString) else { return nil }
    let number = strtol(value, nil, 10)
    return number > 0 ? number : nil
  }
}

/// Who runs the rows of a call: the host's executor if there is one, else whatever threads `Parallel` has.
struct Executor {
  private let host: topkloss_executor?
  private let threads: Int

  /// The library's choice of threads.
  init() {
    host = nil
    threads = ThreadCount.current
  }

  /// The host's threads, once checked.
  init(_ pointer: UnsafePointer<topkloss_executor>) throws(Failure) {
    let executor = try readStruct(pointer, "executor")
    guard executor.parallel_for != nil else { throw .nullPointer("executor.parallel_for") }
    guard (1...Int32(truncatingIfNeeded: ThreadCount.maximum)).contains(executor.concurrency) else {
      throw Failure(
        TOPKLOSS_ERROR_OPTION,
        "executor.concurrency is \(executor.concurrency): it is 1 to \(ThreadCount.maximum)")
    }
    host = executor
    threads = Int(executor.concurrency)
  }

  /// Nanoseconds of work that are worth a thread that is awake, or one that has to be woken.
  private static let worthAwake = 15_000.0
  private static let worthWaking = 40_000.0

  /// Working memory that all pieces of a call may have together, if it takes more than one.
  private static let mostScratch = 1 << 26

  /// How a call's rows are split and who runs them.
  struct Plan {
    let pieces: Int
    fileprivate let threads: Int
    fileprivate let host: topkloss_executor?
    fileprivate let openMP: HostOpenMP?

    /// Whether the host's own code runs the tasks.
    var isHosts: Bool { host != nil && pieces > 1 }

    /// Runs task(context, index) for every index in [0, pieces).
    func run(_ task: topkloss_task, _ context: UnsafeMutableRawPointer) {
      if let parallelFor = host?.parallel_for, isHosts {
        parallelFor(host?.context, Int64(pieces), task, context)
      } else {
        let job = Job(task: task, context: context, count: Int64(pieces))
        Parallel.run(job, threads: threads, openMP: openMP)
      }
    }
  }

  /// Threads that are awake get a piece each, which keeps rows near the same processor from call to call. Threads that
  /// wake one after another take smaller pieces as they come.
  ///
  /// - Parameter scratchBytes: working memory of a piece; where it is much, there are fewer pieces.
  func plan(rows: Int, nanosecondsPerRow: Double, scratchBytes: Int) -> Plan {
    let nanoseconds = Double(rows) * nanosecondsPerRow
    let mayBeSplit = threads > 1 && rows > 1 && nanoseconds >= 2 * Self.worthAwake
    let openMP = mayBeSplit && host == nil ? HostOpenMP.current(threads: threads) : nil
    let areAwake = openMP != nil || host != nil
    let worthwhile = nanoseconds / (areAwake ? Self.worthAwake : Self.worthWaking)
    var pieces = 1
    if mayBeSplit && worthwhile >= 2 {
      pieces =
        areAwake
        ? Int(min(worthwhile, Double(threads)))
        : min(threads &* 4, Int(min(nanoseconds / Self.worthAwake, 4096)))
    }
    pieces = min(pieces, Self.mostScratch / max(scratchBytes, 1))
    return Plan(pieces: min(rows, max(1, pieces)), threads: threads, host: host, openMP: openMP)
  }
}
