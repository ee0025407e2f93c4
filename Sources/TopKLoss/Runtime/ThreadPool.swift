import CSystem
import CTopKLoss
import Synchronization

/// The library's own threads. They start when a call first has work for them, sleep between calls, and are simply
/// made again in the child of a fork, which inherits none.
///
/// One call at a time uses them: a call that finds them busy does its work on its own thread, so that a host with
/// threads of its own neither waits nor gets more threads than it asked for.
final class ThreadPool {
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let jobPosted: UnsafeMutablePointer<pthread_cond_t>
  private let workersLeft: UnsafeMutablePointer<pthread_cond_t>
  private let isBusy = Atomic<Bool>(false)
  private let nextIndex = Atomic<Int64>(0)

  // Guarded by the mutex.
  private var workerCount = 0
  private var jobNumber: UInt64 = 0
  private var jobIsOpen = false
  private var workersInJob = 0
  private var workersWanted = 0
  private var task: topkloss_task?
  private var taskContext: UnsafeMutableRawPointer?
  private var taskCount: Int64 = 0

  private init?() {
    guard
      let memory = calloc(
        1, MemoryLayout<pthread_mutex_t>.stride + 2 * MemoryLayout<pthread_cond_t>.stride + 64)
    else { return nil }
    // Condition variables first: all three have an alignment of at most 8, which calloc exceeds.
    jobPosted = memory.assumingMemoryBound(to: pthread_cond_t.self)
    workersLeft = jobPosted + 1
    mutex = UnsafeMutableRawPointer(workersLeft + 1).assumingMemoryBound(to: pthread_mutex_t.self)
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(jobPosted, nil)
    pthread_cond_init(workersLeft, nil)
  }

  // MARK: The one pool

  /// The pool, retained for ever, as an address; 0 before first use and in the child of a fork.
  private static let address = Atomic<UInt>(0)
  private static let forkIsWatched = Atomic<Bool>(false)

  private static func shared() -> ThreadPool? {
    if let pool = pool(at: address.load(ordering: .acquiring)) { return pool }
    guard let made = ThreadPool() else { return nil }
    if !forkIsWatched.exchange(true, ordering: .acquiringAndReleasing) {
      // The child has one thread; the parent's pool, perhaps locked at that moment, is left alone.
      pthread_atfork(nil, nil) { ThreadPool.address.store(0, ordering: .releasing) }
    }
    let retained = Unmanaged.passRetained(made)
    let (won, winner) = address.compareExchange(
      expected: 0, desired: UInt(bitPattern: retained.toOpaque()),
      ordering: .acquiringAndReleasing)
    if won { return made }
    retained.release()
    return pool(at: winner)
  }

  private static func pool(at address: UInt) -> ThreadPool? {
    UnsafeRawPointer(bitPattern: address)
      .map { Unmanaged<ThreadPool>.fromOpaque($0).takeUnretainedValue() }
  }

  deinit {
    free(jobPosted)
  }

  // MARK: Running tasks

  /// Runs task(context, index) for every index in [0, count) on up to `threads` threads, the calling one included,
  /// and returns when all have ended.
  static func run(
    count: Int64, threads: Int, _ task: topkloss_task, _ context: UnsafeMutableRawPointer?
  ) {
    if threads > 1 && count > 1, let pool = shared(),
      !pool.isBusy.exchange(true, ordering: .acquiring)
    {
      pool.post(
        count, task, context, helpers: min(threads &- 1, Int(truncatingIfNeeded: count &- 1)))
      pool.work(count, task, context)
      pool.close()
      pool.isBusy.store(false, ordering: .releasing)
      return
    }
    var index: Int64 = 0
    while index < count {
      task(context, index)
      index &+= 1
    }
  }

  private func post(
    _ count: Int64, _ task: topkloss_task, _ context: UnsafeMutableRawPointer?, helpers: Int
  ) {
    pthread_mutex_lock(mutex)
    self.task = task
    taskContext = context
    taskCount = count
    nextIndex.store(0, ordering: .relaxed)
    jobNumber &+= 1
    jobIsOpen = true
    workersWanted = helpers
    while workerCount < helpers && startWorker() { workerCount &+= 1 }
    pthread_cond_broadcast(jobPosted)
    pthread_mutex_unlock(mutex)
  }

  private func work(_ count: Int64, _ task: topkloss_task, _ context: UnsafeMutableRawPointer?) {
    while true {
      let index = nextIndex.add(1, ordering: .relaxed).oldValue
      if index >= count { return }
      task(context, index)
    }
  }

  /// Waits for the workers that took part; one that wakes later finds the job closed.
  private func close() {
    pthread_mutex_lock(mutex)
    jobIsOpen = false
    while workersInJob > 0 { pthread_cond_wait(workersLeft, mutex) }
    pthread_mutex_unlock(mutex)
  }

  // MARK: Workers

  /// Starts a thread that takes no signals, those being the host's business.
  private func startWorker() -> Bool {
    var everySignal = sigset_t()
    var hostsMask = sigset_t()
    sigfillset(&everySignal)
    pthread_sigmask(SIG_SETMASK, &everySignal, &hostsMask)
    var thread = pthread_t()
    let status = pthread_create(
      &thread, nil,
      { pool in
        if let pool { Unmanaged<ThreadPool>.fromOpaque(pool).takeUnretainedValue().serve() }
        return nil
      }, Unmanaged.passUnretained(self).toOpaque())
    pthread_sigmask(SIG_SETMASK, &hostsMask, nil)
    if status != 0 { return false }
    pthread_detach(thread)
    return true
  }

  private func serve() {
    var lastJob: UInt64 = 0
    pthread_mutex_lock(mutex)
    while true {
      while jobNumber == lastJob || !jobIsOpen || workersWanted == 0 {
        lastJob = jobNumber
        pthread_cond_wait(jobPosted, mutex)
      }
      lastJob = jobNumber
      guard let task else { continue }
      let (context, count) = (taskContext, taskCount)
      workersWanted &-= 1
      workersInJob &+= 1
      pthread_mutex_unlock(mutex)
      work(count, task, context)
      pthread_mutex_lock(mutex)
      workersInJob &-= 1
      if workersInJob == 0 { pthread_cond_signal(workersLeft) }
    }
  }
}
