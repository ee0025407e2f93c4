// swift-format-ignore-file: AlwaysUseLowerCamelCase
// Entry points have the names that the C header gives them.

import CTopKLoss

// What can be done with a mean squared error with outlying label and with no other loss.

/// The teacher of a loss that has one.
private func teacherOf(_ handle: OpaquePointer?) throws(Failure) -> ClassNumbers {
  guard let loss = try handledLoss(handle) as? OutlyingMSELoss else {
    throw Failure(
      TOPKLOSS_ERROR_OPTION, "loss is not one that topkloss_outlying_mse_create has made")
  }
  return loss.teacher
}

@implementation @_cdecl("topkloss_outlying_mse_teacher")
public func topkloss_outlying_mse_teacher(
  _ loss: OpaquePointer!, _ classes: Int64, _ teacher: UnsafeMutablePointer<Double>!
) -> topkloss_status {
  let handle: OpaquePointer? = loss
  let given: UnsafeMutablePointer<Double>? = teacher
  return reportingFailure { () throws(Failure) in
    let numbers = try teacherOf(handle)
    guard classes == Int64(numbers.count) else {
      throw Failure(
        TOPKLOSS_ERROR_SIZE,
        "classes is \(classes): the loss was created for \(numbers.count) classes")
    }
    UnsafeMutableRawPointer(try required(given, "teacher"))
      .copyMemory(from: numbers.doubles, byteCount: numbers.count &* 8)
  }
}

@implementation @_cdecl("topkloss_outlying_mse_predict")
public func topkloss_outlying_mse_predict(
  _ loss: OpaquePointer!, _ batch: UnsafePointer<topkloss_batch>!, _ rule: topkloss_prediction_rule,
  _ predictions: UnsafeMutablePointer<Int64>!
) -> topkloss_status {
  let handle: OpaquePointer? = loss
  let given: UnsafeMutablePointer<Int64>? = predictions
  return reportingFailure { () throws(Failure) in
    let numbers = try teacherOf(handle)
    try predict(
      Batch(batch, for: .scores), PredictionRule(rule), teacher: numbers, into: given)
  }
}
