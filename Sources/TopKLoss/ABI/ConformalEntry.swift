// swift-format-ignore-file: AlwaysUseLowerCamelCase
// Entry points have the names that the C header gives them.

import CTopKLoss

// Entry points of conformal prediction.

@implementation @_cdecl("topkloss_conformal_thresholds")
public func topkloss_conformal_thresholds(
  _ options: UnsafePointer<topkloss_conformal_options>!, _ batch: UnsafePointer<topkloss_batch>!,
  _ thresholds: UnsafeMutablePointer<Double>!
) -> topkloss_status {
  let given: UnsafePointer<topkloss_conformal_options>? = options
  return reportingFailure { () throws(Failure) in
    let options = try readOptions(given, orDefaults: true)
    let batch = try Batch(batch, for: .scoresAndLabels)
    let thresholds = UnsafeMutableRawPointer(try required(thresholds, "thresholds"))
    try conformalThresholds(batch, options, into: thresholds)
  }
}
