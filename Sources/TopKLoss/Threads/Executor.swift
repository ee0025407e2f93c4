import CTopKLoss

/// Who runs the tasks of a call: the host's executor if there is one, else the library on whatever threads there are.
struct Executor {
  private let host: topkloss_executor?
  private(set) var threads: Int

  /// GNU OpenMP's threads, if the library may borrow them.
  private(set) var openMP: HostOpenMP? = nil

  /// The library's choice of threads.
  init() {
    host = nil
    threads = ThreadCount.current.threads
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

  /// Looks at what GNU OpenMP's runtime has to say, which takes longer than a small call.
  mutating func consultOpenMP() {
    guard !isHosts, let runtime = HostOpenMP.current() else { return }
    threads = ThreadCount.current.within(runtime)
    if runtime.threads <= threads && runtime.mayBorrow() { openMP = runtime }
  }

  /// Runs the tasks and returns when all are done. One alone is run here.
  func run(_ tasks: Tasks) {
    if let parallelFor = host?.parallel_for, tasks.count > 1 {
      parallelFor(host?.context, Int64(tasks.count), tasks.task, tasks.context)
    } else {
      LibraryThreads.run(tasks, threads: threads, openMP: openMP)
    }
  }
}
