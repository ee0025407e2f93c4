import CSystem
import CTopKLoss

/// How the accuracies of rows become one figure.
enum Average {
  /// The mean over rows.
  case micro
  /// The mean over classes of each class's mean over its rows.
  case macro

  init(_ average: topkloss_average) throws(Failure) {
    switch Int(average) {
    case TOPKLOSS_MICRO: self = .micro
    case TOPKLOSS_MACRO: self = .macro
    default:
      throw Failure(
        TOPKLOSS_ERROR_ENUMERATOR,
        "options.average is \(average): it must be TOPKLOSS_MICRO or TOPKLOSS_MACRO")
    }
  }
}

/// How many rows each class has, and in how many of them its label was hit.
struct AccuracyBins {
  private let hits: ClassVector<Int>
  private let rows: ClassVector<Int>

  /// - Parameter batch: whose labels will be counted; if it has no rows, there are no bins.
  init(_ batch: Batch) throws(Failure) {
    let classes = batch.rows == 0 ? 0 : batch.classes
    hits = try .make(count: classes)
    rows = try .make(count: classes)
    memset(hits.numbers, 0, classes &* MemoryLayout<Int>.stride)
    memset(rows.numbers, 0, classes &* MemoryLayout<Int>.stride)
  }

  func count(label: Int, isHit: Bool) {
    rows.numbers[label] &+= 1
    if isHit { hits.numbers[label] &+= 1 }
  }

  /// The accuracy over the classes that count; nil if these have no rows.
  func accuracy(_ average: Average, over counts: (Int) -> Bool = { _ in true }) -> Double? {
    var (share, total) = (0.0, 0.0)
    for label in 0..<rows.count where rows.numbers[label] > 0 && counts(label) {
      let (hits, rows) = (Double(hits.numbers[label]), Double(rows.numbers[label]))
      share += average == .micro ? hits : hits / rows
      total += average == .micro ? rows : 1
    }
    return total == 0 ? nil : share / total
  }
}
