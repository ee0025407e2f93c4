// swift-format-ignore-file: AlwaysUseLowerCamelCase
// Entry points have the names that the C header gives them.

import CTopKLoss

// Entry points of average-K prediction: the threshold, and the sets that it keeps.

@implementation @_cdecl("topkloss_average_k_threshold")
public func topkloss_average_k_threshold(
  _ k: Double, _ batch: UnsafePointer<topkloss_batch>!,
  _ threshold: UnsafeMutablePointer<topkloss_threshold>!
) -> topkloss_status {
  reportingFailure { () throws(Failure) in
    let threshold = try required(threshold, "threshold")
    var found = try readStruct(UnsafePointer(threshold), "threshold")
    try averageKThreshold(k, Batch(batch, for: .scores), into: &found)
    writeStruct(found, threshold)
  }
}

@implementation @_cdecl("topkloss_predict_sets")
public func topkloss_predict_sets(
  _ threshold: UnsafePointer<topkloss_threshold>!, _ never_empty: Int32,
  _ batch: UnsafePointer<topkloss_batch>!, _ indptr: UnsafeMutablePointer<Int64>!,
  _ indices: UnsafeMutablePointer<Int64>!, _ capacity: Int64
) -> topkloss_status {
  let wanted: UnsafeMutablePointer<Int64>? = indices
  return reportingFailure { () throws(Failure) in
    let threshold = try readStruct(try required(threshold, "threshold"), "threshold")
    let batch = try Batch(batch, for: .scores)
    let indptr = UnsafeMutableRawPointer(try required(indptr, "indptr"))
    try PredictedSets(threshold, neverEmpty: never_empty != 0, batch)
      .write(indptr, wanted, capacity: capacity)
  }
}
