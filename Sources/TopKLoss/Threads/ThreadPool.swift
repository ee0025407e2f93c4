import CSystem

/// The library's own threads. They start when a call first has tasks for them and sleep between calls.
///
/// One call at a time, which `LibraryThreads` sees to. Memory of the system's and no object: for that, Swift ends the
/// process where there is none.
struct ThreadPool {
  private struct State {
    var mutex: pthread_mutex_t
    var tasksPosted: pthread_cond_t
    var workersDone: pthread_cond_t

    // Guarded by the mutex.
    var workerCount: Int
    var callNumber: UInt64
    var isOpen: Bool
    var workersAtWork: Int
    var workersWanted: Int
    var tasks: Tasks?
  }

  private let state: UnsafeMutablePointer<State>

  /// Nil if the system has no memory for it.
  static func make() -> ThreadPool? {
    guard let memory = calloc(1, MemoryLayout<State>.size) else { return nil }
    let state = memory.assumingMemoryBound(to: State.self)
    pthread_mutex_init(&state.pointee.mutex, nil)
    pthread_cond_init(&state.pointee.tasksPosted, nil)
    pthread_cond_init(&state.pointee.workersDone, nil)
    return ThreadPool(state: state)
  }

  private init(state: UnsafeMutablePointer<State>) { self.state = state }

  /// One that was made before; nil for 0.
  init?(at address: Int) {
    guard let memory = UnsafeMutableRawPointer(bitPattern: address) else { return nil }
    state = memory.assumingMemoryBound(to: State.self)
  }

  var address: Int { Int(bitPattern: state) }

  /// Runs the tasks on the calling thread and at most `helpers` others, and returns when all are done.
  func run(_ tasks: Tasks, helpers: Int) {
    pthread_mutex_lock(&state.pointee.mutex)
    state.pointee.tasks = tasks
    state.pointee.callNumber &+= 1
    state.pointee.isOpen = true
    state.pointee.workersWanted = helpers
    while state.pointee.workerCount < helpers && startWorker() { state.pointee.workerCount &+= 1 }
    pthread_cond_broadcast(&state.pointee.tasksPosted)
    pthread_mutex_unlock(&state.pointee.mutex)

    tasks.share()

    // Waits for the workers that took part; one that wakes later finds the call closed.
    pthread_mutex_lock(&state.pointee.mutex)
    state.pointee.isOpen = false
    while state.pointee.workersAtWork > 0 {
      pthread_cond_wait(&state.pointee.workersDone, &state.pointee.mutex)
    }
    pthread_mutex_unlock(&state.pointee.mutex)
  }

  private func startWorker() -> Bool {
    var thread = pthread_t()
    let isStarted = StartedThreads.start(
      &thread, nil,
      { state in
        if let state { ThreadPool(state: state.assumingMemoryBound(to: State.self)).serve() }
        return nil
      }, state)
    if isStarted { pthread_detach(thread) }
    return isStarted
  }

  private func serve() {
    var lastCall: UInt64 = 0
    pthread_mutex_lock(&state.pointee.mutex)
    while true {
      while state.pointee.callNumber == lastCall || !state.pointee.isOpen
        || state.pointee.workersWanted == 0
      {
        lastCall = state.pointee.callNumber
        pthread_cond_wait(&state.pointee.tasksPosted, &state.pointee.mutex)
      }
      lastCall = state.pointee.callNumber
      guard let tasks = state.pointee.tasks else { continue }
      state.pointee.workersWanted &-= 1
      state.pointee.workersAtWork &+= 1
      pthread_mutex_unlock(&state.pointee.mutex)
      tasks.share()
      pthread_mutex_lock(&state.pointee.mutex)
      state.pointee.workersAtWork &-= 1
      if state.pointee.workersAtWork == 0 { pthread_cond_signal(&state.pointee.workersDone) }
    }
  }
}
