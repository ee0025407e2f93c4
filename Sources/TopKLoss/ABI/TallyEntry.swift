// swift-format-ignore-file: AlwaysUseLowerCamelCase
// Entry points have the names that the C header gives them.

import CTopKLoss

// Entry points of the tallies: arrays of the caller's that batches are added to, and what they come to.

@implementation @_cdecl("topkloss_tally_topk")
public func topkloss_tally_topk(
  _ options: UnsafePointer<topkloss_topk_accuracy_options>!,
  _ batch: UnsafePointer<topkloss_batch>!,
  _ hits: UnsafeMutablePointer<Double>!, _ weights: UnsafeMutablePointer<Double>!
) -> topkloss_status {
  let given: UnsafePointer<topkloss_topk_accuracy_options>? = options
  return reportingFailure { () throws(Failure) in
    let options = try readOptions(given, orDefaults: true)
    let batch = try Batch(batch, for: .scoresLabelsAndWeights)
    let hits = ClassSums(try required(hits, "hits"))
    let weights = ClassSums(try required(weights, "weights"))
    try hits.refuseSharing("hits", with: weights, "weights", classes: batch.classes)
    try checkTopK(batch, options.k, ignoring: options.ignore_index)
    try eachTopKHit(batch, options.k, ignoring: options.ignore_index) { row in
      if row.isHit { hits.add(row.weight, to: row.label) }
      weights.add(row.weight, to: row.label)
    }
  }
}

@implementation @_cdecl("topkloss_tally_sets")
public func topkloss_tally_sets(
  _ threshold: UnsafePointer<topkloss_threshold>!, _ ignore_index: Int64,
  _ batch: UnsafePointer<topkloss_batch>!, _ hits: UnsafeMutablePointer<Double>!,
  _ sizes: UnsafeMutablePointer<Double>!, _ weights: UnsafeMutablePointer<Double>!
) -> topkloss_status {
  let wanted: UnsafeMutablePointer<Double>? = sizes
  return reportingFailure { () throws(Failure) in
    let threshold = try readStruct(try required(threshold, "threshold"), "threshold")
    let batch = try Batch(batch, for: .scoresLabelsAndWeights)
    let sizes = wanted.map { ClassSums($0) }
    let hits = ClassSums(try required(hits, "hits"))
    let weights = ClassSums(try required(weights, "weights"))
    try hits.refuseSharing("hits", with: weights, "weights", classes: batch.classes)
    try hits.refuseSharing("hits", with: sizes, "sizes", classes: batch.classes)
    try weights.refuseSharing("weights", with: sizes, "sizes", classes: batch.classes)
    try tallySets(
      batch, SetThreshold(threshold, batch), ignoring: ignore_index, hits: hits, sizes: sizes,
      weights: weights)
  }
}

@implementation @_cdecl("topkloss_tally_average")
public func topkloss_tally_average(
  _ average: topkloss_average, _ classes: Int64, _ sums: UnsafePointer<Double>!,
  _ weights: UnsafePointer<Double>!, _ mean: UnsafeMutablePointer<Double>!
) -> topkloss_status {
  reportingFailure { () throws(Failure) in
    let tally = try Tally(classes, sums, "sums", weights)
    let average = try Average(average, "average")
    try required(mean, "mean").pointee = tally.mean(average) ?? 0
  }
}

@implementation @_cdecl("topkloss_tally_shots")
public func topkloss_tally_shots(
  _ options: UnsafePointer<topkloss_shot_accuracy_options>!, _ sums: UnsafePointer<Double>!,
  _ weights: UnsafePointer<Double>!, _ means: UnsafeMutablePointer<Double>!
) -> topkloss_status {
  reportingFailure { () throws(Failure) in
    let options = try readOptions(options)
    let shots = try Shots(options)
    shots.write(try Tally(options.classes, sums, "sums", weights), try required(means, "means"))
  }
}

@implementation @_cdecl("topkloss_tally_shortfall")
public func topkloss_tally_shortfall(
  _ coverage: Double, _ classes: Int64, _ hits: UnsafePointer<Double>!,
  _ weights: UnsafePointer<Double>!, _ shortfall: UnsafeMutablePointer<Double>!
) -> topkloss_status {
  reportingFailure { () throws(Failure) in
    let tally = try Tally(classes, hits, "hits", weights)
    try checkCoverage(coverage, "coverage")
    try required(shortfall, "shortfall").pointee = tally.shortfall(from: coverage) ?? 0
  }
}

extension Tally {
  /// The caller's.
  fileprivate init(
    _ classes: Int64, _ sums: UnsafePointer<Double>?, _ name: StaticString,
    _ weights: UnsafePointer<Double>?
  ) throws(Failure) {
    self.init(
      classes: try checkedSize(classes, "classes", atLeast: 1),
      sums: RowNumbers(try required(sums, name)),
      weights: RowNumbers(try required(weights, "weights")))
  }
}
