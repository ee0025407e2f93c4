// swift-format-ignore-file: AlwaysUseLowerCamelCase
// Entry points have the names that the C header gives them.

import CTopKLoss

// Entry points of average-K accuracy.

@implementation @_cdecl("topkloss_average_k_accuracy")
public func topkloss_average_k_accuracy(
  _ options: UnsafePointer<topkloss_average_k_accuracy_options>!,
  _ batch: UnsafePointer<topkloss_batch>!, _ accuracy: UnsafeMutablePointer<Double>!
) -> topkloss_status {
  reportingFailure { () throws(Failure) in
    let options = try readOptions(options)
    let batch = try Batch(batch, for: .scoresLabelsAndWeights)
    let accuracy = try required(accuracy, "accuracy")
    accuracy.pointee = try averageKAccuracy(batch, options)
  }
}
