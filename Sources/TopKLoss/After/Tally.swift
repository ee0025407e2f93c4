import CTopKLoss

/// How the accuracies of rows become one figure.
enum Average {
  /// The mean over rows.
  case micro
  /// The mean over classes of each class's mean over its rows.
  case macro

  init(_ average: topkloss_average, _ name: StaticString = "options.average") throws(Failure) {
    switch Int(average) {
    case TOPKLOSS_MICRO: self = .micro
    case TOPKLOSS_MACRO: self = .macro
    default:
      throw Failure(
        TOPKLOSS_ERROR_ENUMERATOR,
        "\(name) is \(average): it must be TOPKLOSS_MICRO or TOPKLOSS_MACRO")
    }
  }
}

/// A tally that is read: what the rows of each class came to, and their weights.
struct Tally {
  let classes: Int
  let sums: RowNumbers
  let weights: RowNumbers

  /// The mean over the classes that are looked at; nil if these have no weight.
  func mean(_ average: Average, over isLookedAt: (Int) -> Bool = { _ in true }) -> Double? {
    var (sum, total) = (0.0, 0.0)
    for label in 0..<classes where weights[label] > 0 && isLookedAt(label) {
      sum += average == .micro ? sums[label] : sums[label] / weights[label]
      total += average == .micro ? weights[label] : 1
    }
    return total == 0 ? nil : sum / total
  }

  /// The mean of (κ − hits / weights)₊ over the classes with weight; nil if none has any.
  func shortfall(from coverage: Double) -> Double? {
    var (sum, total) = (0.0, 0.0)
    for label in 0..<classes where weights[label] > 0 {
      sum += max(0, coverage - sums[label] / weights[label])
      total += 1
    }
    return total == 0 ? nil : sum / total
  }
}

/// Numbers by class that are added to: the caller's, of any alignment.
struct ClassSums {
  private let numbers: UnsafeMutableRawPointer

  init(_ numbers: UnsafeMutablePointer<Double>) { self.numbers = UnsafeMutableRawPointer(numbers) }

  /// Of so many arrays that a row is added to, each must be by itself.
  func refuseSharing(
    _ name: StaticString, with other: ClassSums?, _ otherName: StaticString, classes: Int
  ) throws(Failure) {
    guard let other else { return }
    try refuseOverlap(
      MemorySpan(at: numbers, byteCount: classes &* 8), name,
      overlapping: MemorySpan(at: other.numbers, byteCount: classes &* 8), otherName)
  }

  func add(_ number: Double, to classIndex: Int) {
    let sum = numbers.loadUnaligned(fromByteOffset: classIndex &* 8, as: Double.self) + number
    numbers.storeBytes(of: sum, toByteOffset: classIndex &* 8, as: Double.self)
  }
}

/// The tally of one batch, in memory of its own: of each class, or of all rows together, which takes next to none.
struct BatchTally {
  private let numbers: ClassVector<Double>
  private let bins: Int
  let hits: ClassSums
  let weights: ClassSums

  /// - Parameter batch: whose labels will be counted; if it has no rows, there are no bins.
  init(_ batch: Batch, byClass: Bool) throws(Failure) {
    bins = batch.rows == 0 ? 0 : byClass ? batch.classes : 1
    numbers = try .make(count: 2 &* bins, isZero: true)
    hits = ClassSums(numbers.numbers)
    weights = ClassSums(numbers.numbers + bins)
  }

  func add(_ hit: Hit) {
    let bin = bins == 1 ? 0 : hit.label
    if hit.isHit { hits.add(hit.weight, to: bin) }
    weights.add(hit.weight, to: bin)
  }

  /// What there is of it.
  var tally: Tally {
    Tally(
      classes: bins, sums: RowNumbers(numbers.numbers), weights: RowNumbers(numbers.numbers + bins))
  }
}

/// A row's label, its weight, and whether it was found.
struct Hit {
  let label: Int
  let weight: Double
  let isHit: Bool
}

extension Batch {
  /// Calls with every row that counts, and its label.
  func eachLabel(ignoring ignored: Int64, _ body: (_ row: Int, _ label: Int) -> Void) {
    for row in 0..<rows {
      if let label = labels.classIndex(row, classes, ignored) { body(row, label) }
    }
  }

  /// As many as vectors by class are long.
  @inline(never)
  func requireClasses(_ length: Int64, _ name: StaticString) throws(Failure) {
    guard length == Int64(classes) else {
      throw Failure(
        TOPKLOSS_ERROR_SIZE, "batch.classes is \(classes) and \(name) is \(length)")
    }
  }

  /// What every metric checks: labels, and weights that make rows count so many times.
  func checkForMetric(ignoring ignored: Int64) throws(Failure) {
    try labels.check(classes: classes, ignoring: ignored)
    try sampleWeight.checkFinite("sample_weight", count: rows)
    var total = 0.0
    for row in 0..<rows {
      let weight = sampleWeight[row]
      guard weight >= 0 else {
        throw .number("sample_weight", weight, at: row, mustBe: "0 or more in a metric")
      }
      total += weight
    }
    guard total.isFinite else { throw .infiniteWeights }
  }
}
