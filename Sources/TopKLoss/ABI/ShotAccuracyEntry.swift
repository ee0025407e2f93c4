// swift-format-ignore-file: AlwaysUseLowerCamelCase
// Entry points have the names that the C header gives them.

import CTopKLoss

// Entry points of many-, medium- and few-shot accuracy.

@implementation @_cdecl("topkloss_shot_accuracy")
public func topkloss_shot_accuracy(
  _ options: UnsafePointer<topkloss_shot_accuracy_options>!,
  _ batch: UnsafePointer<topkloss_batch>!, _ accuracies: UnsafeMutablePointer<Double>!
) -> topkloss_status {
  reportingFailure { () throws(Failure) in
    let options = try readOptions(options)
    let batch = try Batch(batch, for: .scoresLabelsAndWeights)
    let accuracies = try required(accuracies, "accuracies")
    try shotAccuracy(batch, options, into: accuracies)
  }
}
