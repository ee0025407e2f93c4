import CSystem
import CTopKLoss

// Split conformal thresholds from the probabilities that calibration rows give their own labels. What is the r-th largest is
// found by sorting: these, one a row, are all that is looked at.

/// Writes the threshold of each class.
func conformalThresholds(
  _ batch: Batch, _ options: topkloss_conformal_options, into thresholds: UnsafeMutableRawPointer
) throws(Failure) {
  guard
    (Int(TOPKLOSS_CONFORMAL_STANDARD)...Int(TOPKLOSS_CONFORMAL_INTERPOLATED))
      .contains(Int(options.method))
  else {
    throw Failure(
      TOPKLOSS_ERROR_ENUMERATOR,
      "options.method is \(options.method): it must be one of the TOPKLOSS_CONFORMAL_ values")
  }
  try checkCoverage(options.coverage, "options.coverage")
  guard options.weight >= 0 && options.weight <= 1 else {
    throw .number("options.weight", options.weight, mustBe: "in [0, 1]")
  }
  try Memory.requireSome()
  let method = Int(options.method)
  let isInterpolated = method == TOPKLOSS_CONFORMAL_INTERPOLATED
  let priors =
    try method == TOPKLOSS_CONFORMAL_PREVALENCE_ADJUSTED ? classCounts(options, batch) : nil
  let rows = try Calibration(batch, ignoring: options.ignore_index, priors: priors)
  // Of all rows; prevalence adjusted, in units of π, which each class has its own of.
  if method != TOPKLOSS_CONFORMAL_CLASSWISE {
    rows.sort(byClass: false)
    let common = rows.largest(options.coverage, 0..<rows.count)
    let share = isInterpolated ? 1 - options.weight : 1
    for label in 0..<batch.classes {
      let unit = priors?.prior(label) ?? 1
      thresholds.storeBytes(of: share * unit * common, toByteOffset: label &* 8, as: Double.self)
    }
  }
  if method != TOPKLOSS_CONFORMAL_CLASSWISE && !isInterpolated { return }
  rows.sort(byClass: true)
  var start = 0
  for label in 0..<batch.classes {
    var end = start
    while end < rows.count && rows[end].label == label { end &+= 1 }
    let own = rows.largest(options.coverage, start..<end)
    let offset = label &* 8
    let common =
      isInterpolated ? thresholds.loadUnaligned(fromByteOffset: offset, as: Double.self) : 0
    let share = isInterpolated ? options.weight : 1
    thresholds.storeBytes(of: share * own + common, toByteOffset: offset, as: Double.self)
    start = end
  }
}

/// Checks κ, which is the caller's.
func checkCoverage(_ coverage: Double, _ name: StaticString) throws(Failure) {
  guard coverage > 0 && coverage <= 1 else {
    throw .number(name, coverage, mustBe: "above 0 and at most 1")
  }
}

extension ClassCounts {
  /// π_c, which numbers are divided by: never 0, however small a count is beside the others.
  fileprivate func prior(_ index: Int) -> Double {
    max(self[index] / total, Double.leastNormalMagnitude)
  }
}

private func classCounts(
  _ options: topkloss_conformal_options, _ batch: Batch
) throws(Failure) -> ClassCounts {
  let counts = try ClassCounts(
    options.class_counts, classes: options.classes, smoothing: options.count_smoothing)
  try batch.requireClasses(options.classes, "options.classes")
  return counts
}

/// What calibration rows give their labels.
private struct Calibration {
  /// A row's label, and the probability that it has there, over π if that is asked for.
  struct Row {
    let label: Int
    let probability: Double
  }

  private let rows: ClassVector<Row>
  let count: Int

  /// Rounding may lift a probability of a 16-bit type a little over 1.
  private static let most = 1.01

  init(_ batch: Batch, ignoring ignored: Int64, priors: ClassCounts?) throws(Failure) {
    try batch.labels.check(classes: batch.classes, ignoring: ignored)
    for row in 0..<batch.rows {
      guard let label = batch.labels.classIndex(row, batch.classes, ignored) else { continue }
      let probability = batch.number(row, label)
      guard probability >= 0 && probability <= Self.most else {
        throw Failure(
          TOPKLOSS_ERROR_OPTION,
          "logits[\(row), \(label)] is \(text(probability)): conformal thresholds are of "
            + "probabilities, 0 to 1")
      }
    }
    let rows = try ClassVector<Row>.make(count: batch.rows)
    var count = 0
    batch.eachLabel(ignoring: ignored) { row, label in
      let unit = priors?.prior(label) ?? 1
      rows.numbers[count] = Row(label: label, probability: batch.number(row, label) / unit)
      count &+= 1
    }
    (self.rows, self.count) = (rows, count)
  }

  subscript(index: Int) -> Row { rows.numbers[index] }

  /// Sorts by decreasing probability, within each class or among all.
  func sort(byClass: Bool) {
    if byClass {
      qsort(rows.numbers, count, MemoryLayout<Row>.stride) { a, b in
        guard let a = a?.load(as: Row.self), let b = b?.load(as: Row.self) else { return 0 }
        if a.label != b.label { return a.label < b.label ? -1 : 1 }
        return Self.order(a, b)
      }
    } else {
      qsort(rows.numbers, count, MemoryLayout<Row>.stride) { a, b in
        guard let a = a?.load(as: Row.self), let b = b?.load(as: Row.self) else { return 0 }
        return Self.order(a, b)
      }
    }
  }

  private static func order(_ a: Row, _ b: Row) -> Int32 {
    a.probability == b.probability ? 0 : a.probability > b.probability ? -1 : 1
  }

  /// The r-th largest of some sorted rows, r = ⌈(n + 1) κ⌉, or 0 where they are fewer.
  func largest(_ coverage: Double, _ sorted: Range<Int>) -> Double {
    let rank = ((Double(sorted.count) + 1) * coverage).rounded(.up)
    guard rank <= Double(sorted.count) else { return 0 }
    return rows.numbers[sorted.lowerBound &+ Int(rank) &- 1].probability
  }
}
