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
    guard threads > 1 && tasks.count > 1, Fork.isWatched(), isBusy.exchange(1) == 0 else {
      return tasks.runAlone()
    }
    Tasks.startSharing()
    if let openMP {
      openMP.run(tasks)
    } else if let pool = sharedPool() {
      pool.run(tasks, helpers: min(threads, tasks.count) &- 1)
    } else {
      tasks.runAlone()
    }
    isBusy.store(0)
  }

  /// The address of the pool, which is retained for ever; 0 before first use and in the child of a fork.
  nonisolated(unsafe) private static var poolAddress = SharedNumber()

  /// Called by the one that made `isBusy` 1.
  private static func sharedPool() -> ThreadPool? {
    if let known = UnsafeRawPointer(bitPattern: poolAddress.load()) {
      return Unmanaged<ThreadPool>.fromOpaque(known).takeUnretainedValue()
    }
    guard let made = ThreadPool.make() else { return nil }
    poolAddress.store(Int(bitPattern: Unmanaged.passRetained(made).toOpaque()))
    return made
  }

  /// The child of a fork has none of its parent's threads. Its pool, perhaps locked at that moment, is left alone.
  fileprivate static func forget() {
    poolAddress.store(0)
    isBusy.store(0)
  }
}

/// Sees to it that the child of a fork forgets its parent's threads.
private enum Fork {
  /// 1 once the system has been told.
  nonisolated(unsafe) private static var watch = SharedNumber()

  /// False if the system refuses to tell of forks: then no threads are used.
  static func isWatched() -> Bool {
    if watch.load() == 1 { return true }
    // Two threads may both get here; forgetting twice does no harm.
    guard pthread_atfork(nil, nil, { LibraryThreads.forget() }) == 0 else { return false }
    watch.store(1)
    return true
  }
}
