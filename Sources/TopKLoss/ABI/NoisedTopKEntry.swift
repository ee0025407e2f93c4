// swift-format-ignore-file: AlwaysUseLowerCamelCase
// Entry points have the names that the C header gives them.

import CTopKLoss

// Entry points of noised top-K.

private func defaults() -> topkloss_noised_topk_options {
  var options = topkloss_noised_topk_options()
  options.ignore_index = Int64(TOPKLOSS_IGNORE_INDEX)
  options.n_samples = 5
  options.epsilon = 1
  options.margin = 1
  options.scale = 1
  options.max_margin = 0.5
  return options
}

@implementation @_cdecl("topkloss_noised_topk_options_init")
public func topkloss_noised_topk_options_init(
  _ options: UnsafeMutablePointer<topkloss_noised_topk_options>!, _ struct_size: Int
) -> topkloss_status {
  initializeOptions(options, struct_size, defaults())
}

@implementation @_cdecl("topkloss_noised_topk_create")
public func topkloss_noised_topk_create(
  _ options: UnsafePointer<topkloss_noised_topk_options>!,
  _ out: UnsafeMutablePointer<OpaquePointer?>!
) -> topkloss_status {
  createLoss(out) { () throws(Failure) in
    let raw = try readStruct(try required(options, "options"), "options")
    let common = try CommonOptions(
      reduction: raw.reduction, checkFinite: raw.check_finite, ignoreIndex: raw.ignore_index)
    return try NoisedTopKLoss(NoisedTopKOptions(raw), common: common)
  }
}

// MARK: The operator

private func operatorDefaults() -> topkloss_noised_topk_operator_options {
  var options = topkloss_noised_topk_operator_options()
  options.n_samples = 5
  options.epsilon = 1
  options.estimator = topkloss_estimator(TOPKLOSS_EXACT)
  return options
}

@implementation @_cdecl("topkloss_noised_topk_operator_options_init")
public func topkloss_noised_topk_operator_options_init(
  _ options: UnsafeMutablePointer<topkloss_noised_topk_operator_options>!, _ struct_size: Int
) -> topkloss_status {
  initializeOptions(options, struct_size, operatorDefaults())
}

@implementation @_cdecl("topkloss_noised_topk_operator_create")
public func topkloss_noised_topk_operator_create(
  _ options: UnsafePointer<topkloss_noised_topk_operator_options>!,
  _ out: UnsafeMutablePointer<OpaquePointer?>!
) -> topkloss_status {
  createLoss(out) { () throws(Failure) in
    try NoisedTopKOperator(try readStruct(try required(options, "options"), "options"))
  }
}

// MARK: The hinge without noise

private func hingeDefaults() -> topkloss_topk_hinge_options {
  var options = topkloss_topk_hinge_options()
  options.ignore_index = Int64(TOPKLOSS_IGNORE_INDEX)
  options.margin = 1
  return options
}

@implementation @_cdecl("topkloss_topk_hinge_options_init")
public func topkloss_topk_hinge_options_init(
  _ options: UnsafeMutablePointer<topkloss_topk_hinge_options>!, _ struct_size: Int
) -> topkloss_status {
  initializeOptions(options, struct_size, hingeDefaults())
}

@implementation @_cdecl("topkloss_topk_hinge_create")
public func topkloss_topk_hinge_create(
  _ options: UnsafePointer<topkloss_topk_hinge_options>!,
  _ out: UnsafeMutablePointer<OpaquePointer?>!
) -> topkloss_status {
  createLoss(out) { () throws(Failure) in
    let raw = try readStruct(try required(options, "options"), "options")
    let common = try CommonOptions(
      reduction: raw.reduction, checkFinite: raw.check_finite, ignoreIndex: raw.ignore_index)
    return try NoisedTopKLoss(
      NoisedTopKOptions(hingeAtK: raw.k, margin: raw.margin), common: common)
  }
}

// MARK: The noise

@implementation @_cdecl("topkloss_standard_normal")
public func topkloss_standard_normal(
  _ seed: UInt64, _ step: UInt64, _ first_row: Int64, _ rows: Int64, _ n_samples: Int64,
  _ classes: Int64, _ noise: UnsafeMutablePointer<Float>!
) -> topkloss_status {
  let given: UnsafeMutablePointer<Float>? = noise
  return reportingFailure { () throws(Failure) in
    try standardNormal(
      seed: seed, step: step, firstRow: first_row, rows: rows, samples: n_samples,
      classes: classes, into: given)
  }
}
