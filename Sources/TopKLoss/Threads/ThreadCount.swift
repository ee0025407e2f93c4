import CSystem
import CTopKLoss

/// How many threads a call may use.
struct ThreadCount {
  static let maximum = 1024

  let threads: Int
  /// Whether somebody asked for it by this library's name: then it holds against OpenMP's number.
  private let isAskedFor: Bool

  /// What was set by the host; 0 for the default.
  nonisolated(unsafe) private static var chosen = SharedNumber()
  /// The default, negative if it is asked for; 0 before it was looked up.
  nonisolated(unsafe) private static var byDefault = SharedNumber()

  static var current: ThreadCount {
    let count = chosen.load()
    if count > 0 { return ThreadCount(threads: count, isAskedFor: true) }
    let known = byDefault.load()
    let number = known != 0 ? known : findDefault()
    return ThreadCount(threads: abs(number), isAskedFor: number < 0)
  }

  /// The number where OpenMP has one for the calling thread.
  func within(_ openMP: HostOpenMP?) -> Int {
    guard let openMP, !isAskedFor else { return threads }
    return min(threads, openMP.threads)
  }

  static func set(_ count: Int) throws(Failure) {
    guard (0...maximum).contains(count) else {
      throw Failure(
        TOPKLOSS_ERROR_OPTION, "count is \(count): a number of threads is 1 to \(maximum), or 0")
    }
    chosen.store(count)
  }

  /// Of threads that get here together the first one decides.
  private static func findDefault() -> Int {
    let askedFor = number("TOPKLOSS_NUM_THREADS")
    let wanted = askedFor ?? number("OMP_NUM_THREADS") ?? Process.mostProcessors
    let count = max(1, min(wanted, maximum)) * (askedFor == nil ? 1 : -1)
    let earlier = byDefault.replace(0, with: count)
    return earlier == 0 ? count : earlier
  }

  /// A positive whole number from the environment.
  private static func number(_ variable: StaticString) -> Int? {
    guard let value = getenv(variable.cString) else { return nil }
    let number = strtol(value, nil, 10)
    return number > 0 ? number : nil
  }
}
