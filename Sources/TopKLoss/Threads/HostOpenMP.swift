import CSystem

/// The threads of GNU OpenMP's runtime, borrowed from the host.
///
/// Only from the process's first thread, which is the one that frameworks start theirs from: the runtime makes another
/// set of threads for every thread that asks. Not in the child of a fork, where it would wait for threads that are gone.
/// And not for fewer threads than the host lets it have: it would end the others.
struct HostOpenMP {
  private let parallel: system_omp_parallel
  private let threads: Int

  /// The runtime, if the process has it now and lets a parallel region have several threads, at most `threads`.
  static func current(threads wanted: Int) -> HostOpenMP? {
    guard isFirstThread() else { return nil }
    let changes = Int(bitPattern: UInt(system_object_changes()))
    if searched.load() != changes {
      foundParallel.store(
        system_find_omp_parallel().map { unsafeBitCast($0, to: Int.self) } ?? 0)
      foundMaximumThreads.store(
        system_find_omp_max_threads().map { unsafeBitCast($0, to: Int.self) } ?? 0)
      searched.store(changes)
    }
    guard
      let parallel = unsafeBitCast(foundParallel.load(), to: system_omp_parallel?.self),
      let maximumThreads = unsafeBitCast(
        foundMaximumThreads.load(), to: system_omp_max_threads?.self)
    else { return nil }
    let threads = Int(maximumThreads())
    return threads > 1 && threads <= wanted
      ? HostOpenMP(parallel: parallel, threads: threads) : nil
  }

  /// The process that has been looked at, and 1 if it is other than the child of a fork.
  nonisolated(unsafe) private static var knownProcess = SharedNumber()
  nonisolated(unsafe) private static var mayBorrow = SharedNumber()

  /// Whether this is the thread that the process began with, in a process whose runtime has its threads.
  private static func isFirstThread() -> Bool {
    let process = getpid()
    guard system_thread() == process else { return false }
    if knownProcess.load() != Int(process) {
      mayBorrow.store(system_is_forked_child() == 0 ? 1 : 0)
      knownProcess.store(Int(process))
    }
    return mayBorrow.load() == 1
  }

  // What was found when the process had loaded and unloaded so many objects; a search takes longer than many a call. Only
  // the first thread looks and writes.
  nonisolated(unsafe) private static var searched = SharedNumber()
  nonisolated(unsafe) private static var foundParallel = SharedNumber()
  nonisolated(unsafe) private static var foundMaximumThreads = SharedNumber()

  /// Runs the tasks on the runtime's threads, the calling one included, and returns when all are done.
  func run(_ tasks: Tasks) {
    var tasks = tasks
    withUnsafeMutablePointer(to: &tasks) { pointer in
      parallel(
        { context in context?.assumingMemoryBound(to: Tasks.self).pointee.share() }, pointer,
        UInt32(truncatingIfNeeded: threads), 0)
    }
  }
}
