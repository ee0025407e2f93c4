import CTopKLoss

/// Who runs the tasks of a call: the host's executor if there is one, else the library on whatever threads there are.
struct Executor {
  private let host: topkloss_executor?
  let threads: Int

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

  /// Whether the host's own code runs the tasks.
  var isHosts: Bool { host != nil }

  /// GNU OpenMP's threads, if the library may borrow them now.
  func openMP() -> HostOpenMP? { isHosts ? nil : HostOpenMP.current(threads: threads) }

  /// Runs the tasks and returns when all are done. One alone is run here.
  func run(_ tasks: Tasks, openMP: HostOpenMP?) {
    if let parallelFor = host?.parallel_for, tasks.count > 1 {
      parallelFor(host?.context, Int64(tasks.count), tasks.task, tasks.context)
    } else {
      LibraryThreads.run(tasks, threads: threads, openMP: openMP)
    }
  }
}
