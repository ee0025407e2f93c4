import CSystem

/// The library's own threads. They start when a call first has tasks for them and sleep between calls.
///
/// One call at a time, which `LibraryThreads` sees to.
final class ThreadPool {
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let tasksPosted: UnsafeMutablePointer<pthread_cond_t>
  private let workersDone: UnsafeMutablePointer<pthread_cond_t>

  // Guarded by the mutex.
  private var workerCount = 0
  private var callNumber: UInt64 = 0
  private var isOpen = false
  private var workersAtWork = 0
  private var workersWanted = 0
  private var tasks: Tasks?

  /// Nil if the system has no memory for it.
  static func make() -> ThreadPool? {
    let bytes =
      MemoryLayout<pthread_mutex_t>.stride + 2 * MemoryLayout<pthread_cond_t>.stride
    return calloc(1, bytes).map { ThreadPool(in: $0) }
  }

  private init(in memory: UnsafeMutableRawPointer) {
    tasksPosted = memory.assumingMemoryBound(to: pthread_cond_t.self)
    workersDone = tasksPosted + 1
    mutex = UnsafeMutableRawPointer(workersDone + 1).assumingMemoryBound(to: pthread_mutex_t.self)
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(tasksPosted, nil)
    pthread_cond_init(workersDone, nil)
  }

  deinit { free(tasksPosted) }

  /// Runs the tasks on the calling thread and at most `helpers` others, and returns when all are done.
  func run(_ tasks: Tasks, helpers: Int) {
    // A thread cancelled while it waits would leave helpers at work on its stack.
    var hostsState: Int32 = 0
    pthread_setcancelstate(Int32(PTHREAD_CANCEL_DISABLE), &hostsState)
    defer { pthread_setcancelstate(hostsState, nil) }
    pthread_mutex_lock(mutex)
    self.tasks = tasks
    callNumber &+= 1
    isOpen = true
    workersWanted = helpers
    while workerCount < helpers && startWorker() { workerCount &+= 1 }
    pthread_cond_broadcast(tasksPosted)
    pthread_mutex_unlock(mutex)

    tasks.share()

    // Waits for the workers that took part; one that wakes later finds the call closed.
    pthread_mutex_lock(mutex)
    isOpen = false
    while workersAtWork > 0 { pthread_cond_wait(workersDone, mutex) }
    pthread_mutex_unlock(mutex)
  }

  private func startWorker() -> Bool {
    var thread = pthread_t()
    let isStarted = StartedThreads.start(
      &thread, nil,
      { pool in
        if let pool { Unmanaged<ThreadPool>.fromOpaque(pool).takeUnretainedValue().serve() }
        return nil
      }, Unmanaged.passUnretained(self).toOpaque())
    if isStarted { pthread_detach(thread) }
    return isStarted
  }

  private func serve() {
    var lastCall: UInt64 = 0
    pthread_mutex_lock(mutex)
    while true {
      while callNumber == lastCall || !isOpen || workersWanted == 0 {
        lastCall = callNumber
        pthread_cond_wait(tasksPosted, mutex)
      }
      lastCall = callNumber
      guard let tasks else { continue }
      workersWanted &-= 1
      workersAtWork &+= 1
      pthread_mutex_unlock(mutex)
      tasks.share()
      pthread_mutex_lock(mutex)
      workersAtWork &-= 1
      if workersAtWork == 0 { pthread_cond_signal(workersDone) }
    }
  }
}
