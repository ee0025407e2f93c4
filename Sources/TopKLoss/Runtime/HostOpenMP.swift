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
  /// How many objects the process had loaded when OpenMP was last looked for in vain.
  private static let searchedObjects = Atomic<UInt64>(0)

  /// The runtime, if the process has it now and lets a parallel region have more than one thread.
  static var current: HostOpenMP? {
    guard isUsable.load(ordering: .acquiring), system_is_main_thread() != 0 else { return nil }
    let objects = system_loaded_objects()
    if searchedObjects.load(ordering: .relaxed) == objects { return nil }
    guard let parallel = system_find_omp_parallel(),
      let maximumThreads = system_find_omp_max_threads()
    else {
      searchedObjects.store(objects, ordering: .relaxed)
      return nil
    }
    let threads = Int(maximumThreads())
    return threads > 1 ? HostOpenMP(parallel: parallel, threads: threads) : nil
  }

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
