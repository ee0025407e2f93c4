import CSystem
import CTopKLoss
import Synchronization

/// A task for every index in [0, count). Any number of threads may work on it at once.
struct Job {
  let task: topkloss_task
  let context: UnsafeMutableRawPointer?
  let count: Int64

  /// Does what is left to be done, until nothing is.
  func work() {
    while true {
      let index = Parallel.nextIndex.add(1, ordering: .relaxed).oldValue
      if index >= count { return }
      task(context, index)
    }
  }

  func workAlone() {
    var index: Int64 = 0
    while index < count {
      task(context, index)
      index &+= 1
    }
  }
}

/// Runs jobs on threads: those of GNU OpenMP where the process has it, else the library's own.
///
/// A process with OpenMP (PyTorch's, say) has a thread for every processor already, and between parallel regions they
/// stay awake for a while. More threads would only take turns with them.
///
/// One job at a time has threads: a call that finds them busy does its work on its own thread, so that a host
/// with threads of its own neither waits nor gets more threads than it asked for.
enum Parallel {
  fileprivate static let nextIndex = Atomic<Int64>(0)
  private static let isBusy = Atomic<Bool>(false)

  /// Does the job on up to `threads` threads, the calling one included, and returns when it is done.
  static func run(_ job: Job, threads: Int, openMP: HostOpenMP?) {
    guard threads > 1 && job.count > 1, Fork.isWatched(),
      !isBusy.exchange(true, ordering: .acquiring)
    else { return job.workAlone() }
    nextIndex.store(0, ordering: .relaxed)
    if let openMP {
      openMP.run(job)
    } else if let pool = sharedPool() {
      pool.run(job, helpers: min(threads, Int(clamping: job.count)) &- 1)
    } else {
      job.workAlone()
    }
    isBusy.store(false, ordering: .releasing)
  }

  /// The pool, retained for ever, as an address; 0 before first use and in the child of a fork.
  private static let poolAddress = Atomic<UInt>(0)

  /// Called by the one that made `isBusy` true.
  private static func sharedPool() -> ThreadPool? {
    if let known = UnsafeRawPointer(bitPattern: poolAddress.load(ordering: .acquiring)) {
      return Unmanaged<ThreadPool>.fromOpaque(known).takeUnretainedValue()
    }
    guard let made = ThreadPool() else { return nil }
    poolAddress.store(
      UInt(bitPattern: Unmanaged.passRetained(made).toOpaque()), ordering: .releasing)
    return made
  }

  /// The child of a fork has none of its parent's threads. Its pool, perhaps locked at that moment, is left alone.
  fileprivate static func forgetThreads() {
    poolAddress.store(0, ordering: .releasing)
    isBusy.store(false, ordering: .releasing)
  }
}

/// Sees to it that the child of a fork forgets its parent's threads.
private enum Fork {
  private static let watch = Atomic<Int>(0)

  /// False if the system refuses to tell of forks: then no threads are used.
  static func isWatched() -> Bool {
    if watch.load(ordering: .acquiring) == 1 { return true }
    // Two threads may both get here; forgetting twice does no harm.
    guard pthread_atfork(nil, nil, { Parallel.forgetThreads() }) == 0 else { return false }
    watch.store(1, ordering: .releasing)
    return true
  }
}
