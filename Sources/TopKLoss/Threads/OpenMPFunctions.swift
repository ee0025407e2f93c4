import CSystem

/// The functions of GNU OpenMP's runtime that the library calls, where the process has them.
struct OpenMPFunctions {
  let parallel: system_omp_parallel
  /// `omp_get_max_threads`: how many threads the calling thread's next parallel region has.
  let mostThreads: system_omp_number
  /// `omp_get_level`: in how many parallel regions the calling thread is.
  let level: system_omp_number
  let threadNumber: system_omp_number
  let teamSize: system_omp_number

  /// What the process has now; the child of a fork, what its parent knew, or else what it has at its first call.
  static func current() -> OpenMPFunctions? {
    let known = searched.load()
    let changes =
      Process.isForkedChild ? max(known, 1) : Int(bitPattern: UInt(system_object_changes()))
    if known != changes {
      // For a child of a fork in between.
      searched.store(0)
      search("GOMP_parallel", &foundParallel)
      search("omp_get_max_threads", &foundMostThreads)
      search("omp_get_level", &foundLevel)
      search("omp_get_thread_num", &foundThreadNumber)
      search("omp_get_num_threads", &foundTeamSize)
      searched.store(changes)
    }
    guard
      let parallel = unsafeBitCast(foundParallel.load(), to: system_omp_parallel?.self),
      let mostThreads = number(&foundMostThreads), let level = number(&foundLevel),
      let threadNumber = number(&foundThreadNumber), let teamSize = number(&foundTeamSize)
    else { return nil }
    return OpenMPFunctions(
      parallel: parallel, mostThreads: mostThreads, level: level, threadNumber: threadNumber,
      teamSize: teamSize)
  }

  // What was found when the process had loaded and unloaded so many objects; a search takes longer than many a call.
  // Threads that search at once find the same.
  nonisolated(unsafe) private static var searched = SharedNumber()
  nonisolated(unsafe) private static var foundParallel = SharedNumber()
  nonisolated(unsafe) private static var foundMostThreads = SharedNumber()
  nonisolated(unsafe) private static var foundLevel = SharedNumber()
  nonisolated(unsafe) private static var foundThreadNumber = SharedNumber()
  nonisolated(unsafe) private static var foundTeamSize = SharedNumber()

  private static func search(_ name: StaticString, _ found: inout SharedNumber) {
    found.store(Int(bitPattern: system_find_global(name.cString)))
  }

  private static func number(_ found: inout SharedNumber) -> system_omp_number? {
    unsafeBitCast(found.load(), to: system_omp_number?.self)
  }
}
