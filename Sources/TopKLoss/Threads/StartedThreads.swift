import CSystem

/// Threads of the system, started so that they take no signals, those being the host's business.
enum StartedThreads {
  typealias Body = @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer?

  /// Starts one; false if the system refuses.
  static func start(
    _ thread: inout pthread_t, _ attributes: UnsafePointer<pthread_attr_t>?, _ body: Body,
    _ context: UnsafeMutableRawPointer
  ) -> Bool {
    var everySignal = sigset_t()
    var hostsMask = sigset_t()
    sigfillset(&everySignal)
    pthread_sigmask(SIG_SETMASK, &everySignal, &hostsMask)
    let status = pthread_create(&thread, attributes, body, context)
    pthread_sigmask(SIG_SETMASK, &hostsMask, nil)
    return status == 0
  }

  // MARK: Whether there may be some

  private struct Trial {
    var thread: pthread_t
    var systemsNumber: Int
    let gate: UnsafeMutablePointer<pthread_mutex_t>
  }

  /// Whether the system would start so many threads now, with stacks of so many bytes (0: its default). There is no way to
  /// tell but to start them, all at once, and to let them end: 15 microseconds or so each.
  static func mayBe(_ count: Int, stackBytes: Int) -> Bool {
    Cancellation.whileDisabled { areStarted(count, stackBytes: stackBytes) }
  }

  @inline(never)
  private static func areStarted(_ count: Int, stackBytes: Int) -> Bool {
    guard let memory = calloc(count, MemoryLayout<Trial>.stride) else { return false }
    defer { free(memory) }
    let trials = memory.assumingMemoryBound(to: Trial.self)
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    defer { pthread_attr_destroy(&attributes) }
    if stackBytes > 0 { pthread_attr_setstacksize(&attributes, stackBytes) }
    var mutex = pthread_mutex_t()
    return withUnsafeMutablePointer(to: &mutex) { gate in
      pthread_mutex_init(gate, nil)
      defer { pthread_mutex_destroy(gate) }
      pthread_mutex_lock(gate)
      var started = 0
      while started < count {
        let trial = trials + started
        trial.initialize(to: Trial(thread: pthread_t(), systemsNumber: 0, gate: gate))
        guard start(&trial.pointee.thread, &attributes, waitAtGate, trial) else { break }
        started &+= 1
      }
      pthread_mutex_unlock(gate)
      var areGone = true
      for index in 0..<started {
        pthread_join(trials[index].thread, nil)
        areGone = areGone && isGone(trials[index].systemsNumber)
      }
      return started == count && areGone
    }
  }

  private static let waitAtGate: Body = { context in
    guard let trial = context?.assumingMemoryBound(to: Trial.self) else { return nil }
    trial.pointee.systemsNumber = Int(system_thread())
    pthread_mutex_lock(trial.pointee.gate)
    pthread_mutex_unlock(trial.pointee.gate)
    return nil
  }

  /// A thread that has been joined counts among the user's for a moment still. False if it does for long.
  private static func isGone(_ thread: Int) -> Bool {
    let (process, thread) = (getpid(), pid_t(truncatingIfNeeded: thread))
    for _ in 0..<10_000 {
      if system_thread_lives(process, thread) == 0 { return true }
      sched_yield()
    }
    return false
  }
}
