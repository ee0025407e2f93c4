// swift-format-ignore-file: AlwaysUseLowerCamelCase
// Entry points have the names that the C header gives them.

import CTopKLoss

// Entry points of the class weights.

@implementation @_cdecl("topkloss_class_weights")
public func topkloss_class_weights(
  _ options: UnsafePointer<topkloss_class_weights_options>!,
  _ weights: UnsafeMutablePointer<Double>!
) -> topkloss_status {
  let given: UnsafeMutablePointer<Double>? = weights
  return reportingFailure { () throws(Failure) in
    try classWeights(try readOptions(options), into: given)
  }
}

@implementation @_cdecl("topkloss_inverse_frequency")
public func topkloss_inverse_frequency(
  _ classes: Int64, _ class_counts: UnsafePointer<Double>!,
  _ weights: UnsafeMutablePointer<Double>!
) -> topkloss_status {
  var options = topkloss_class_weights_options.defaults
  (options.classes, options.class_counts) = (classes, class_counts)
  let given: UnsafeMutablePointer<Double>? = weights
  return reportingFailure { () throws(Failure) in try classWeights(options, into: given) }
}

@implementation @_cdecl("topkloss_effective_number")
public func topkloss_effective_number(
  _ classes: Int64, _ class_counts: UnsafePointer<Double>!, _ beta: Double,
  _ weights: UnsafeMutablePointer<Double>!
) -> topkloss_status {
  var options = topkloss_class_weights_options.defaults
  (options.classes, options.class_counts, options.beta) = (classes, class_counts, beta)
  options.weighting = topkloss_class_weighting(TOPKLOSS_EFFECTIVE_NUMBER)
  let given: UnsafeMutablePointer<Double>? = weights
  return reportingFailure { () throws(Failure) in try classWeights(options, into: given) }
}
