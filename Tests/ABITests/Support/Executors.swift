import CTopKLoss
import Foundation

/// A host's own way to run tasks, behind the interface's callback.
final class HostExecutor: @unchecked Sendable {
  typealias Run = @Sendable (_ count: Int64, _ task: (Int64) -> Void) -> Void

  private let run: Run
  private let concurrency: Int32
  private let lock = NSLock()
  private var counts: [Int64] = []

  init(concurrency: Int32 = 4, _ run: @escaping Run) {
    self.concurrency = concurrency
    self.run = run
  }

  /// How many tasks each call of parallel_for was asked to run.
  var callCounts: [Int64] { lock.withLock { counts } }

  /// Calls `body` with an executor that is valid until it returns.
  func withExecutor<Result>(
    _ body: (UnsafePointer<topkloss_executor>) throws -> Result
  ) rethrows -> Result {
    var executor = topkloss_executor(
      struct_size: MemoryLayout<topkloss_executor>.size,
      parallel_for: { context, count, task, taskContext in
        guard let context, let task else { return }
        let host = Unmanaged<HostExecutor>.fromOpaque(context).takeUnretainedValue()
        host.lock.withLock { host.counts.append(count) }
        host.run(count) { task(taskContext, $0) }
      },
      context: Unmanaged.passUnretained(self).toOpaque(), concurrency: concurrency,
      reserved: 0)
    return try withExtendedLifetime(self) { try body(&executor) }
  }

  static let forwards = { @Sendable (count: Int64, task: (Int64) -> Void) in
    for index in 0..<count { task(index) }
  }

  static let backwards = { @Sendable (count: Int64, task: (Int64) -> Void) in
    for index in (0..<count).reversed() { task(index) }
  }

  /// Every task on whichever of Dispatch's threads takes it.
  static let onThreads = { @Sendable (count: Int64, task: (Int64) -> Void) in
    withoutActuallyEscaping(task) { task in
      let shared = UncheckedTask(task)
      DispatchQueue.concurrentPerform(iterations: Int(count)) { shared.run(Int64($0)) }
    }
  }

  /// Tasks may run on any thread; the closure is the library's own function and knows that.
  private struct UncheckedTask: @unchecked Sendable {
    let run: (Int64) -> Void
    init(_ run: @escaping (Int64) -> Void) { self.run = run }
  }
}
