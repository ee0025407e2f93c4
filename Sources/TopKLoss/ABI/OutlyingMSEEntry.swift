// swift-format-ignore-file: AlwaysUseLowerCamelCase
// Entry points have the names that the C header gives them.

import CTopKLoss

// Entry points of the mean squared error with outlying label.

private func defaults() -> topkloss_outlying_mse_options {
  var options = topkloss_outlying_mse_options()
  options.ignore_index = Int64(TOPKLOSS_IGNORE_INDEX)
  options.alpha = 1
  return options
}

@implementation @_cdecl("topkloss_outlying_mse_options_init")
public func topkloss_outlying_mse_options_init(
  _ options: UnsafeMutablePointer<topkloss_outlying_mse_options>!, _ struct_size: Int
) -> topkloss_status {
  initializeOptions(options, struct_size, defaults())
}

@implementation @_cdecl("topkloss_outlying_mse_create")
public func topkloss_outlying_mse_create(
  _ options: UnsafePointer<topkloss_outlying_mse_options>!,
  _ out: UnsafeMutablePointer<OpaquePointer?>!
) -> topkloss_status {
  createLoss(out) { () throws(Failure) in
    let raw = try readStruct(try required(options, "options"), "options")
    let common = try CommonOptions(
      reduction: raw.reduction, checkFinite: raw.check_finite, ignoreIndex: raw.ignore_index)
    let classes = try checkedSize(raw.classes, "options.classes", atLeast: 1)
    let given = try ClassNumbers(copying: raw.teacher, classes, "teacher", .ofAnySign)
    if let given { return OutlyingMSELoss(given, common: common) }
    try checkPositive(raw.alpha, "options.alpha")
    let counts = try ClassCounts(
      raw.class_counts, classes: raw.classes, smoothing: raw.count_smoothing)
    return OutlyingMSELoss(try counts.outlyingTeachers(alpha: raw.alpha), common: common)
  }
}

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
