import CTopKLoss

/// A task for every index in [0, count), as the header's `topkloss_parallel_for` has them.
struct Tasks {
  let task: topkloss_task
  let context: UnsafeMutableRawPointer?
  let count: Int

  /// The next index of the only tasks that have threads: see `LibraryThreads`.
  nonisolated(unsafe) private static var next = SharedNumber()

  static func startSharing() { next.store(0) }

  /// Takes turns with other threads until no task is left.
  func share() {
    while true {
      let index = Self.next.add(1)
      if index >= count { return }
      task(context, Int64(index))
    }
  }

  func runAlone() {
    for index in 0..<count { task(context, Int64(index)) }
  }
}
