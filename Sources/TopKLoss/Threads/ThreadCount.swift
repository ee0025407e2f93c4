import CSystem
import CTopKLoss

/// How many threads a call may use.
enum ThreadCount {
  static let maximum = 1024

  /// What was set by the host; 0 for the default.
  nonisolated(unsafe) private static var chosen = SharedNumber()
  /// The default; 0 before it was looked up.
  nonisolated(unsafe) private static var byDefault = SharedNumber()

  static var current: Int {
    let count = chosen.load()
    if count > 0 { return count }
    let known = byDefault.load()
    return known > 0 ? known : findDefault()
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
    let wanted = number("TOPKLOSS_NUM_THREADS") ?? number("OMP_NUM_THREADS")
    let count = max(1, min(wanted ?? Int(system_available_processors()), maximum))
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
