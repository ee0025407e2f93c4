import CSystem

/// What is found out about the process when the library is loaded.
enum Process {
  /// Its number, if it then was other than the child of a fork.
  nonisolated(unsafe) private static var whole = SharedNumber()
  /// How many processors its control groups grant the time of; 0 for no limit.
  nonisolated(unsafe) private static var quota = SharedNumber()
  /// 1 if the system will tell of forks.
  nonisolated(unsafe) private static var forksAreTold = SharedNumber()
  /// 1 in the child of a fork since then.
  nonisolated(unsafe) private static var forked = SharedNumber()

  /// Whether this is the thread that the process began with, in a process that has all its threads: in the child of a
  /// fork those of the parent are gone, and who waits for them waits for ever.
  static var isFirstThread: Bool {
    let process = Int(getpid())
    return process == whole.load() && process == Int(system_thread())
  }

  /// If not, no threads are used, for the library could not forget them in the child of a fork.
  static var tellsOfForks: Bool { forksAreTold.load() == 1 }

  /// Whether the C library's locks may be held by threads that the process does not have: `fork` frees those of memory and
  /// of `dlsym`, not that of `dl_iterate_phdr`.
  static var isForkedChild: Bool { forked.load() == 1 }

  static var mostProcessors: Int {
    let (processors, granted) = (Int(system_available_processors()), quota.load())
    return granted > 0 ? min(processors, granted) : processors
  }

  fileprivate static func look() {
    if system_is_forked_child() == 0 { whole.store(Int(getpid())) }
    let granted = system_processor_quota()
    if granted < Int.max { quota.store(granted) }
    let status = pthread_atfork(nil, nil) {
      Process.whole.store(0)
      Process.forked.store(1)
      LibraryThreads.forget()
      Memory.forget()
    }
    if status == 0 { forksAreTold.store(1) }
  }
}

/// Among what the dynamic loader calls before anybody can call the library.
@section(".init_array") @used private let atLoad: @convention(c) () -> Void = {
  Cancellation.whileDisabled { Process.look() }
}
