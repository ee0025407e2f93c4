import CSystem
import Synchronization

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
    let changes = system_object_changes()
    if lastSearch.changes.load(ordering: .relaxed) != changes {
      lastSearch.parallel.store(
        UInt(bitPattern: system_find_omp_parallel().map { unsafeBitCast($0, to: Int.self) } ?? 0),
        ordering: .relaxed)
      lastSearch.maximumThreads.store(
        UInt(
          bitPattern: system_find_omp_max_threads().map { unsafeBitCast($0, to: Int.self) } ?? 0),
        ordering: .relaxed)
      lastSearch.changes.store(changes, ordering: .relaxed)
    }
    guard
      let parallel = unsafeBitCast(
        lastSearch.parallel.load(ordering: .relaxed), to: system_omp_parallel?.self),
      let maximumThreads = unsafeBitCast(
        lastSearch.maximumThreads.load(ordering: .relaxed), to: system_omp_max_threads?.self)
    else { return nil }
    let threads = Int(maximumThreads())
    return threads > 1 && threads <= wanted
      ? HostOpenMP(parallel: parallel, threads: threads) : nil
  }

  /// The process that has been looked at, and whether it is other than the child of a fork.
  private static let knownProcess = Atomic<Int32>(0)
  private static let mayBorrow = Atomic<Bool>(false)

  /// Whether this is the thread that the process began with, in a process whose runtime has its threads.
  private static func isFirstThread() -> Bool {
    let process = getpid()
    guard system_thread() == process else { return false }
    if knownProcess.load(ordering: .relaxed) != process {
      mayBorrow.store(system_is_forked_child() == 0, ordering: .relaxed)
      knownProcess.store(process, ordering: .relaxed)
    }
    return mayBorrow.load(ordering: .relaxed)
  }

  /// What was found when the process had loaded and unloaded so many objects; a search takes longer than many a
  /// call. Only the first thread looks and writes.
  private struct Search: ~Copyable {
    let changes = Atomic<UInt64>(0)
    let parallel = Atomic<UInt>(0)
    let maximumThreads = Atomic<UInt>(0)
  }

  private static let lastSearch = Search()

  /// Does the job on the runtime's threads, the calling one included, and returns when it is done.
  func run(_ job: Job) {
    var job = job
    withUnsafeMutablePointer(to: &job) { pointer in
      parallel(
        { context in context?.assumingMemoryBound(to: Job.self).pointee.work() }, pointer,
        UInt32(truncatingIfNeeded: threads), 0)
    }
  }
}
