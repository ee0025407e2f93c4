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
    let name = UnsafeRawPointer(variable.utf8Start).assumingMemoryBound(to: CChar.self)
    guard let value = getenv(name) else { return nil }
    let number = strtol(value, nil, 10)
    return number > 0 ? number : nil
  }
}

/// Who runs the rows of a call, and in how many pieces.
struct Executor {
  private let host: topkloss_executor?
  private let threads: Int

  /// The library's own threads.
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

  /// Nanoseconds of work that are worth a piece.
  private static let worthwhile = 15_000.0

  /// Pieces for this many rows of this cost: a few for each thread, so that one that is held up does not hold up the
  /// call.
  func pieces(rows: Int, nanosecondsPerRow: Double) -> Int {
    let worthwhile = Double(rows) * nanosecondsPerRow / Self.worthwhile
    if threads == 1 || worthwhile < 2 { return 1 }
    return min(rows, Int(min(worthwhile, Double(threads &* 4))))
  }

  /// Runs task(context, index) for every index in [0, count).
  func run(
    count: Int, _ task: topkloss_task, _ context: UnsafeMutableRawPointer
  ) {
    if let parallelFor = host?.parallel_for, count > 1 {
      parallelFor(host?.context, Int64(count), task, context)
    } else {
      Parallel.run(Job(task: task, context: context, count: Int64(count)), threads: threads)
    }
  }
}
