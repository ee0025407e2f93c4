import CSystem
import Synchronization

/// The threads of GNU OpenMP's runtime, borrowed from the host.
///
/// Only from the process's first thread, which is the one that frameworks start theirs from: the runtime makes another
/// set of threads for every thread that asks. And not in the child of a fork, where it waits for threads that are
/// gone.
struct HostOpenMP {
  private let parallel: system_omp_parallel
  private let threads: Int

  private static let isUsable = Atomic<Bool>(true)

  /// The runtime, if the process has it now and lets a parallel region have more than one thread.
  static var current: HostOpenMP? {
    guard isUsable.load(ordering: .acquiring), system_is_main_thread() != 0 else { return nil }
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
    return threads > 1 ? HostOpenMP(parallel: parallel, threads: threads) : nil
  }

  /// What was found when the process had loaded and unloaded so many objects; a search takes longer than many a
  /// call. Only the first thread looks and writes.
  private struct Search: ~Copyable {
    let changes = Atomic<UInt64>(0)
    let parallel = Atomic<UInt>(0)
    let maximumThreads = Atomic<UInt>(0)
  }

  private static let lastSearch = Search()

  /// To be called in the child of a fork.
  static func forget() { isUsable.store(false, ordering: .releasing) }

  /// Does the job on up to `threads` threads, the calling one included, and returns when it is done.
  func run(_ job: Job, threads: Int) {
    var job = job
    withUnsafeMutablePointer(to: &job) { pointer in
      parallel(
        { context in context?.assumingMemoryBound(to: Job.self).pointee.work() }, pointer,
        UInt32(truncatingIfNeeded: min(threads, self.threads)), 0)
    }
  }
}
