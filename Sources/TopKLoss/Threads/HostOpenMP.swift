import CSystem

/// GNU OpenMP's runtime in the process: how many threads the host lets a thread have, and the threads themselves, borrowed.
///
/// Borrowed only on the process's first thread, which is the one that frameworks start theirs from: the runtime makes
/// another set of threads for every thread that asks. Not in the child of a fork, where it would wait for threads that
/// are gone. Not inside a parallel region, where it would start others each time. And not where the system refuses
/// threads, for then the runtime ends the process.
struct HostOpenMP {
  private let functions: OpenMPFunctions

  /// How many threads the host lets the calling thread have.
  let threads: Int

  /// The runtime, if the process has it now.
  static func current() -> HostOpenMP? {
    guard let functions = OpenMPFunctions.current() else { return nil }
    // LLVM's runtime, which answers to the same names, reads files when it is first asked.
    return Cancellation.whileDisabled {
      let threads = functions.level() > 0 ? 1 : max(1, Int(functions.mostThreads()))
      return HostOpenMP(functions: functions, threads: threads)
    }
  }

  /// Whether a parallel region may be had now. It then has all of the host's threads: fewer would end the others.
  func mayBorrow() -> Bool {
    threads > 1 && Process.isFirstThread && functions.level() == 0 && hasWorkers()
  }

  // MARK: The runtime's workers

  // Between parallel regions they stay, until one with fewer threads ends those with the highest numbers. So they are all
  // there while the last one of a region with as many threads lives; else the runtime starts some. (For the moment that a
  // worker takes to end, it is taken for one that stays.)

  /// The last worker of the last region, as the system counts threads, and how many threads were asked for.
  nonisolated(unsafe) private static var lastWorker = SharedNumber()
  nonisolated(unsafe) private static var askedFor = SharedNumber()

  /// What the runtime allocates, at most, for a region, and for each of its threads.
  private static let regionBytes = 1 << 16
  private static let threadBytes = 1 << 12

  /// Whether the runtime has the threads already, or the system starts as many now.
  private func hasWorkers() -> Bool {
    let known = pid_t(truncatingIfNeeded: Self.lastWorker.load())
    if known != 0 && Self.askedFor.load() == threads && system_thread_lives(getpid(), known) != 0 {
      return true
    }
    Self.lastWorker.store(0)
    return system_has_memory(Self.regionBytes &+ threads &* Self.threadBytes) != 0
      && StartedThreads.mayBe(threads &- 1, stackBytes: OpenMPStack.bytes)
  }

  private struct Region {
    let tasks: Tasks
    let functions: OpenMPFunctions
    let isWorkerKnown: Bool
  }

  /// Runs the tasks on the runtime's threads, the calling one included, and returns when all are done.
  func run(_ tasks: Tasks) {
    var region = Region(
      tasks: tasks, functions: functions, isWorkerKnown: Self.lastWorker.load() != 0)
    withUnsafeMutablePointer(to: &region) { pointer in
      functions.parallel(
        { context in
          guard let region = context?.assumingMemoryBound(to: Region.self).pointee else { return }
          if !region.isWorkerKnown
            && region.functions.threadNumber() == region.functions.teamSize() &- 1
          {
            HostOpenMP.lastWorker.store(Int(system_thread()))
          }
          region.tasks.share()
        }, pointer, UInt32(truncatingIfNeeded: threads), 0)
    }
    Self.askedFor.store(threads)
  }
}

/// The stacks of OpenMP's threads.
private enum OpenMPStack {
  /// What the environment asks for, as the runtime reads it; 0 for the system's default.
  static var bytes: Int { named("OMP_STACKSIZE") ?? named("GOMP_STACKSIZE") ?? 0 }

  /// A number of kibibytes, or of what a letter after it says.
  private static func named(_ variable: StaticString) -> Int? {
    guard let text = getenv(variable.cString) else { return nil }
    var end: UnsafeMutablePointer<CChar>?
    let number = strtol(text, &end, 10)
    guard number > 0, var end else { return nil }
    while end.pointee == 0x20 { end += 1 }
    let shift: Int
    switch UInt8(bitPattern: end.pointee) | 0x20 {
    case UInt8(ascii: "b"): shift = 0
    case UInt8(ascii: "m"): shift = 20
    case UInt8(ascii: "g"): shift = 30
    default: shift = 10
    }
    return number <= Int.max >> shift ? number << shift : nil
  }
}
