import CTopKLoss

/// The classes with many, a medium number of, and few training examples.
struct Shots {
  let classes: Int
  private let counts: RowNumbers
  private let most: Double
  private let fewest: Double
  private let average: Average

  init(_ options: topkloss_shot_accuracy_options) throws(Failure) {
    average = try Average(options.average)
    classes = try checkedSize(options.classes, "options.classes", atLeast: 1)
    counts = RowNumbers(try required(options.class_counts, "options.class_counts"))
    (fewest, most) = (options.few, options.many)
    for index in 0..<classes where !(counts[index] >= 0 && counts[index].isFinite) {
      throw .number(
        "class_counts", counts[index], at: index, mustBe: "finite and 0 or more",
        TOPKLOSS_ERROR_CLASS_COUNT)
    }
    guard fewest >= 0 && fewest.isFinite else {
      throw .number("options.few", fewest, mustBe: "finite and 0 or more")
    }
    guard most >= fewest && most.isFinite else {
      throw .number("options.many", most, mustBe: "finite and at least options.few")
    }
  }

  /// Writes the means of a tally over many, medium and few; NaN where no class has weight.
  func write(_ tally: Tally, _ means: UnsafeMutablePointer<Double>) {
    means[0] = tally.mean(average) { counts[$0] > most } ?? .nan
    means[1] = tally.mean(average) { counts[$0] >= fewest && counts[$0] <= most } ?? .nan
    means[2] = tally.mean(average) { counts[$0] < fewest } ?? .nan
  }
}

/// Top-K accuracy over the classes with many, a medium number of, and few training examples.
func shotAccuracy(
  _ batch: Batch, _ options: topkloss_shot_accuracy_options,
  into accuracies: UnsafeMutablePointer<Double>
) throws(Failure) {
  // Before the numbers by class are read.
  try batch.requireClasses(options.classes, "options.classes")
  let shots = try Shots(options)
  try checkTopK(batch, options.k, ignoring: options.ignore_index)
  let found = try BatchTally(batch, byClass: true)
  try eachTopKHit(batch, options.k, ignoring: options.ignore_index) { found.add($0) }
  shots.write(found.tally, accuracies)
}
