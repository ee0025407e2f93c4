import CSystem

/// Runs tasks on threads: those of GNU OpenMP where the process has it, else the library's own.
///
/// A process with OpenMP (PyTorch's, say) has a thread for every processor already, and between parallel regions they
/// stay awake for a while. More threads would only take turns with them.
///
/// One call at a time has threads: one that finds them busy does its tasks on its own thread, so that a host
/// with threads of its own neither waits nor gets more threads than it asked for.
enum LibraryThreads {
  /// 1 while a call has them.
  nonisolated(unsafe) private static var isBusy = SharedNumber()

  /// Runs the tasks on up to `threads` threads, the calling one included, and returns when all are done.
  static func run(_ tasks: Tasks, threads: Int, openMP: HostOpenMP?) {
    guard threads > 1 && tasks.count > 1, Process.tellsOfForks, isBusy.exchange(1) == 0 else {
      return tasks.runAlone()
    }
    Cancellation.whileDisabled {
      Tasks.startSharing()
      if let openMP {
        openMP.run(tasks)
      } else if let pool = sharedPool() {
        pool.run(tasks, helpers: min(threads, tasks.count) &- 1)
      } else {
        tasks.runAlone()
      }
    }
    isBusy.store(0)
  }

  /// The address of the pool, which is there for ever; 0 before first use and in the child of a fork.
  nonisolated(unsafe) private static var poolAddress = SharedNumber()
  /// The process that its threads are of.
  nonisolated(unsafe) private static var poolProcess = SharedNumber()

  /// Called by the one that made `isBusy` 1.
  private static func sharedPool() -> ThreadPool? {
    // Of `_Fork` and of a bare `clone` nobody tells the child.
    let process = Int(getpid())
    if process == poolProcess.load(), let known = ThreadPool(at: poolAddress.load()) {
      return known
    }
    guard let made = ThreadPool.make() else { return nil }
    poolAddress.store(made.address)
    poolProcess.store(process)
    return made
  }

  /// The child of a fork has none of its parent's threads. Its pool, perhaps locked at that moment, is left alone.
  static func forget() {
    poolAddress.store(0)
    isBusy.store(0)
  }
}

/// A thread that were cancelled while it waits would leave others at work on its stack, and its host's floating-point
/// environment changed.
enum Cancellation {
  static func whileDisabled<Result>(_ body: () -> Result) -> Result {
    var hostsState: Int32 = 0
    pthread_setcancelstate(Int32(PTHREAD_CANCEL_DISABLE), &hostsState)
    defer { pthread_setcancelstate(hostsState, nil) }
    return body()
  }
}
