// swift-format-ignore-file: AlwaysUseLowerCamelCase
// Entry points have the names that the C header gives them.

import CTopKLoss

// Entry points of top-K accuracy.

private func defaults() -> topkloss_topk_accuracy_options {
  var options = topkloss_topk_accuracy_options()
  options.k = 1
  options.ignore_index = Int64(TOPKLOSS_IGNORE_INDEX)
  return options
}

@implementation @_cdecl("topkloss_topk_accuracy_options_init")
public func topkloss_topk_accuracy_options_init(
  _ options: UnsafeMutablePointer<topkloss_topk_accuracy_options>!, _ struct_size: Int
) -> topkloss_status {
  initializeOptions(options, struct_size, defaults())
}

@implementation @_cdecl("topkloss_topk_accuracy")
public func topkloss_topk_accuracy(
  _ options: UnsafePointer<topkloss_topk_accuracy_options>!,
  _ batch: UnsafePointer<topkloss_batch>!, _ accuracy: UnsafeMutablePointer<Double>!
) -> topkloss_status {
  let given: UnsafePointer<topkloss_topk_accuracy_options>? = options
  return reportingFailure { () throws(Failure) in
    let options =
      try given.map { pointer throws(Failure) in try readStruct(pointer, "options") }
      ?? defaults()
    let batch = try Batch(batch, for: .scoresAndLabels)
    let accuracy = try required(accuracy, "accuracy")
    accuracy.pointee = try topKAccuracy(batch, options)
  }
}
