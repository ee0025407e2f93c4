import CTopKLoss

/// Top-K accuracy over the classes with many, a medium number of, and few training examples.
struct ShotAccuracy {
  let many: Double
  let medium: Double
  let few: Double

  init(_ batch: Batch, _ options: topkloss_shot_accuracy_options) throws(Failure) {
    let average = try Average(options.average)
    let classes = try checkedSize(options.classes, "options.classes", atLeast: 1)
    guard batch.classes == classes else {
      throw Failure(
        TOPKLOSS_ERROR_SIZE,
        "batch.classes is \(batch.classes) and options.classes is \(classes)")
    }
    let counts = RowNumbers(try required(options.class_counts, "options.class_counts"))
    for index in 0..<classes where !(counts[index] >= 0 && counts[index].isFinite) {
      throw Failure(
        TOPKLOSS_ERROR_CLASS_COUNT,
        "class_counts[\(index)] is \(text(counts[index])): it must be finite and 0 or more")
    }
    let (fewest, most) = (options.few, options.many)
    guard fewest >= 0 && fewest.isFinite else {
      throw Failure(
        TOPKLOSS_ERROR_OPTION, "options.few is \(text(fewest)): it must be finite and 0 or more")
    }
    guard most >= fewest && most.isFinite else {
      throw Failure(
        TOPKLOSS_ERROR_OPTION,
        "options.many is \(text(most)): it must be finite and at least options.few, "
          + "\(text(fewest))")
    }
    let bins = try topKBins(batch, k: options.k, ignoring: options.ignore_index)
    many = bins.accuracy(average) { counts[$0] > most } ?? .nan
    few = bins.accuracy(average) { counts[$0] < fewest } ?? .nan
    medium =
      bins.accuracy(average) { counts[$0] >= fewest && counts[$0] <= most } ?? .nan
  }
}
