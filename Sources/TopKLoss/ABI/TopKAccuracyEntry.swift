// swift-format-ignore-file: AlwaysUseLowerCamelCase
// Entry points have the names that the C header gives them.

import CTopKLoss

// Entry points of top-K accuracy.

@implementation @_cdecl("topkloss_topk_accuracy")
public func topkloss_topk_accuracy(
  _ options: UnsafePointer<topkloss_topk_accuracy_options>!,
  _ batch: UnsafePointer<topkloss_batch>!, _ accuracy: UnsafeMutablePointer<Double>!
) -> topkloss_status {
  let given: UnsafePointer<topkloss_topk_accuracy_options>? = options
  return reportingFailure { () throws(Failure) in
    let options = try readOptions(given, orDefaults: true)
    let batch = try Batch(batch, for: .scoresLabelsAndWeights)
    let accuracy = try required(accuracy, "accuracy")
    accuracy.pointee = try topKAccuracy(batch, options)
  }
}
