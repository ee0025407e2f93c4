// swift-format-ignore-file: AlwaysUseLowerCamelCase
// Entry points have the names that the C header gives them.

import CTopKLoss

// Entry points of the class weights.

@implementation @_cdecl("topkloss_inverse_frequency")
public func topkloss_inverse_frequency(
  _ classes: Int64, _ class_counts: UnsafePointer<Double>!,
  _ weights: UnsafeMutablePointer<Double>!
) -> topkloss_status {
  let (counts, given): (UnsafePointer<Double>?, UnsafeMutablePointer<Double>?) =
    (class_counts, weights)
  return reportingFailure { () throws(Failure) in
    try inverseFrequency(classes, counts, into: given)
  }
}

@implementation @_cdecl("topkloss_effective_number")
public func topkloss_effective_number(
  _ classes: Int64, _ class_counts: UnsafePointer<Double>!, _ beta: Double,
  _ weights: UnsafeMutablePointer<Double>!
) -> topkloss_status {
  let (counts, given): (UnsafePointer<Double>?, UnsafeMutablePointer<Double>?) =
    (class_counts, weights)
  return reportingFailure { () throws(Failure) in
    try effectiveNumber(classes, counts, beta: beta, into: given)
  }
}
