import CTopKLoss

// Checks of what comes from outside. Each names the argument, the value and the bound.

/// A whole number that fits this machine and is at least `minimum`.
func checkedSize(
  _ value: Int64, _ name: StaticString, atLeast minimum: Int
) throws(Failure) -> Int {
  guard let size = Int(exactly: value), size >= minimum else {
    throw Failure(TOPKLOSS_ERROR_SIZE, "\(name) is \(value): it must be \(minimum) or more")
  }
  // Numbers of eight bytes come in these sizes.
  guard size <= Int.max / 8 else {
    throw Failure(TOPKLOSS_ERROR_SIZE, "\(name) is \(value): more than can be addressed")
  }
  return size
}

/// What an option may be. Beyond 1e15, or below 1e-15 where it divides, float32 would not hold what is made of it.
enum OptionRange {
  case ofAnySign
  case notNegative
  case positive
  case weight

  static let smallest = 1e-15
  private static let largest = 1e15

  func contains(_ value: Double) -> Bool {
    switch self {
    case .ofAnySign: abs(value) <= Self.largest
    case .notNegative: value >= 0 && value <= Self.largest
    case .positive: value >= Self.smallest && value <= Self.largest
    case .weight: value >= 0 && value.isFinite
    }
  }

  /// What is allowed, in words.
  var words: StaticString {
    switch self {
    case .ofAnySign: "finite and at most 1e15 in size"
    case .notNegative: "finite, 0 or more and at most 1e15"
    case .positive: "finite, above 0, and between 1e-15 and 1e15"
    case .weight: "finite and 0 or more"
    }
  }

  /// - Parameter index: of an entry, if the value is one.
  func check(_ value: Double, _ name: StaticString, _ index: Int? = nil) throws(Failure) {
    if contains(value) { return }
    throw .number(name, value, at: index, mustBe: words)
  }
}

/// An option of any sign.
func checkOption(_ value: Double, _ name: StaticString) throws(Failure) {
  try OptionRange.ofAnySign.check(value, name)
}

/// An option that is 0 or more.
func checkNotNegative(_ value: Double, _ name: StaticString) throws(Failure) {
  try OptionRange.notNegative.check(value, name)
}

/// An option that is above 0.
func checkPositive(_ value: Double, _ name: StaticString) throws(Failure) {
  try OptionRange.positive.check(value, name)
}
