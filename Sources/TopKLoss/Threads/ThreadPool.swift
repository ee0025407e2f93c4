import CSystem
import CTopKLoss

/// The library's own threads. They start when a call first has work for them and sleep between calls.
///
/// One job at a time, which `Parallel` sees to.
final class ThreadPool {
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let jobPosted: UnsafeMutablePointer<pthread_cond_t>
  private let workersLeft: UnsafeMutablePointer<pthread_cond_t>

  // Guarded by the mutex.
  private var workerCount = 0
  private var jobNumber: UInt64 = 0
  private var jobIsOpen = false
  private var workersInJob = 0
  private var workersWanted = 0
  private var job: Job?

  init?() {
    let bytes =
      MemoryLayout<pthread_mutex_t>.stride + 2 * MemoryLayout<pthread_cond_t>.stride
    guard let memory = calloc(1, bytes) else { return nil }
    jobPosted = memory.assumingMemoryBound(to: pthread_cond_t.self)
    workersLeft = jobPosted + 1
    mutex = UnsafeMutableRawPointer(workersLeft + 1).assumingMemoryBound(to: pthread_mutex_t.self)
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(jobPosted, nil)
    pthread_cond_init(workersLeft, nil)
  }

  deinit { free(jobPosted) }

  /// Does the job on the calling thread and at most `helpers` others, and returns when it is done.
  func run(_ job: Job, helpers: Int) {
    // A thread cancelled while it waits would leave helpers at work on its stack.
    var hostsState: Int32 = 0
    pthread_setcancelstate(Int32(PTHREAD_CANCEL_DISABLE), &hostsState)
    defer { pthread_setcancelstate(hostsState, nil) }
    pthread_mutex_lock(mutex)
    self.job = job
    jobNumber &+= 1
    jobIsOpen = true
    workersWanted = helpers
    while workerCount < helpers && startWorker() { workerCount &+= 1 }
    pthread_cond_broadcast(jobPosted)
    pthread_mutex_unlock(mutex)

    job.work()

    // Waits for the workers that took part; one that wakes later finds the job closed.
    pthread_mutex_lock(mutex)
    jobIsOpen = false
    while workersInJob > 0 { pthread_cond_wait(workersLeft, mutex) }
    pthread_mutex_unlock(mutex)
  }

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
      guard let job else { continue }
      workersWanted &-= 1
      workersInJob &+= 1
      pthread_mutex_unlock(mutex)
      job.work()
      pthread_mutex_lock(mutex)
      workersInJob &-= 1
      if workersInJob == 0 { pthread_cond_signal(workersLeft) }
    }
  }
}
