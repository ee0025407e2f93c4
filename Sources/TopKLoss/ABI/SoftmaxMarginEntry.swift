// swift-format-ignore-file: AlwaysUseLowerCamelCase
// Entry points have the names that the C header gives them.

import CTopKLoss

// Entry points of the softmax-margin family: the caller's options to a member and its weighting.

/// The members that the options of the whole family share.
private struct FamilyOptions {
  let common: CommonOptions
  let weighting: ClassWeighting
  let classes: Int?

  init(
    _ reduction: topkloss_reduction, _ checkFinite: Int32, _ ignoreIndex: Int64, _ classes: Int64,
    _ classWeight: UnsafePointer<Double>?, _ labelSmoothing: Double
  ) throws(Failure) {
    common = try CommonOptions(
      reduction: reduction, checkFinite: checkFinite, ignoreIndex: ignoreIndex)
    let count = try checkedSize(classes, "options.classes", atLeast: 0)
    self.classes = count == 0 ? nil : count
    weighting = try ClassWeighting(
      classWeight, classes: self.classes, labelSmoothing: labelSmoothing)
  }

  func loss(_ member: SoftmaxMarginMember) -> Loss {
    SoftmaxMarginLoss(member, weighting, common: common, classes: classes)
  }
}

// MARK: Cross-entropy

private func crossEntropyDefaults() -> topkloss_cross_entropy_options {
  var options = topkloss_cross_entropy_options()
  options.ignore_index = Int64(TOPKLOSS_IGNORE_INDEX)
  return options
}

@implementation @_cdecl("topkloss_cross_entropy_options_init")
public func topkloss_cross_entropy_options_init(
  _ options: UnsafeMutablePointer<topkloss_cross_entropy_options>!, _ struct_size: Int
) -> topkloss_status {
  initializeOptions(options, struct_size, crossEntropyDefaults())
}

@implementation @_cdecl("topkloss_cross_entropy_create")
public func topkloss_cross_entropy_create(
  _ options: UnsafePointer<topkloss_cross_entropy_options>!,
  _ out: UnsafeMutablePointer<OpaquePointer?>!
) -> topkloss_status {
  let given: UnsafePointer<topkloss_cross_entropy_options>? = options
  return createLoss(out) { () throws(Failure) in
    let options =
      try given.map { pointer throws(Failure) in try readStruct(pointer, "options") }
      ?? crossEntropyDefaults()
    return try FamilyOptions(
      options.reduction, options.check_finite, options.ignore_index, options.classes,
      options.class_weight, options.label_smoothing
    ).loss(.crossEntropy)
  }
}

// MARK: Logit-adjusted

private func logitAdjustedDefaults() -> topkloss_logit_adjusted_options {
  var options = topkloss_logit_adjusted_options()
  options.ignore_index = Int64(TOPKLOSS_IGNORE_INDEX)
  options.tau = 1
  return options
}

@implementation @_cdecl("topkloss_logit_adjusted_options_init")
public func topkloss_logit_adjusted_options_init(
  _ options: UnsafeMutablePointer<topkloss_logit_adjusted_options>!, _ struct_size: Int
) -> topkloss_status {
  initializeOptions(options, struct_size, logitAdjustedDefaults())
}

@implementation @_cdecl("topkloss_logit_adjusted_create")
public func topkloss_logit_adjusted_create(
  _ options: UnsafePointer<topkloss_logit_adjusted_options>!,
  _ out: UnsafeMutablePointer<OpaquePointer?>!
) -> topkloss_status {
  createLoss(out) { () throws(Failure) in
    let options = try readStruct(try required(options, "options"), "options")
    let counts = try ClassCounts(
      options.class_counts, classes: options.classes, smoothing: options.count_smoothing)
    return try FamilyOptions(
      options.reduction, options.check_finite, options.ignore_index, options.classes,
      options.class_weight, options.label_smoothing
    ).loss(try .logitAdjusted(counts, tau: options.tau))
  }
}

// MARK: LDAM

private func ldamDefaults() -> topkloss_ldam_options {
  var options = topkloss_ldam_options()
  options.ignore_index = Int64(TOPKLOSS_IGNORE_INDEX)
  options.max_margin = 0.5
  options.scale = 30
  return options
}

@implementation @_cdecl("topkloss_ldam_options_init")
public func topkloss_ldam_options_init(
  _ options: UnsafeMutablePointer<topkloss_ldam_options>!, _ struct_size: Int
) -> topkloss_status {
  initializeOptions(options, struct_size, ldamDefaults())
}

@implementation @_cdecl("topkloss_ldam_create")
public func topkloss_ldam_create(
  _ options: UnsafePointer<topkloss_ldam_options>!, _ out: UnsafeMutablePointer<OpaquePointer?>!
) -> topkloss_status {
  createLoss(out) { () throws(Failure) in
    let options = try readStruct(try required(options, "options"), "options")
    let counts = try ClassCounts(
      options.class_counts, classes: options.classes, smoothing: options.count_smoothing)
    return try FamilyOptions(
      options.reduction, options.check_finite, options.ignore_index, options.classes,
      options.class_weight, options.label_smoothing
    ).loss(try .ldam(counts, maxMargin: options.max_margin, scale: options.scale))
  }
}

// MARK: ELM

private func elmDefaults() -> topkloss_elm_options {
  var options = topkloss_elm_options()
  options.ignore_index = Int64(TOPKLOSS_IGNORE_INDEX)
  options.max_margin = 0.5
  options.scale = 30
  options.lam = 1
  return options
}

@implementation @_cdecl("topkloss_elm_options_init")
public func topkloss_elm_options_init(
  _ options: UnsafeMutablePointer<topkloss_elm_options>!, _ struct_size: Int
) -> topkloss_status {
  initializeOptions(options, struct_size, elmDefaults())
}

@implementation @_cdecl("topkloss_elm_create")
public func topkloss_elm_create(
  _ options: UnsafePointer<topkloss_elm_options>!, _ out: UnsafeMutablePointer<OpaquePointer?>!
) -> topkloss_status {
  createLoss(out) { () throws(Failure) in
    let options = try readStruct(try required(options, "options"), "options")
    let counts = try ClassCounts(
      options.class_counts, classes: options.classes, smoothing: options.count_smoothing)
    return try FamilyOptions(
      options.reduction, options.check_finite, options.ignore_index, options.classes,
      options.class_weight, options.label_smoothing
    ).loss(
      try .ldam(
        counts, maxMargin: options.max_margin, scale: options.scale, rivalShare: options.lam))
  }
}

// MARK: Vector scaling

private func vectorScalingDefaults() -> topkloss_vector_scaling_options {
  var options = topkloss_vector_scaling_options()
  options.ignore_index = Int64(TOPKLOSS_IGNORE_INDEX)
  options.gamma = 0.3
  options.tau = 1
  return options
}

@implementation @_cdecl("topkloss_vector_scaling_options_init")
public func topkloss_vector_scaling_options_init(
  _ options: UnsafeMutablePointer<topkloss_vector_scaling_options>!, _ struct_size: Int
) -> topkloss_status {
  initializeOptions(options, struct_size, vectorScalingDefaults())
}

@implementation @_cdecl("topkloss_vector_scaling_create")
public func topkloss_vector_scaling_create(
  _ options: UnsafePointer<topkloss_vector_scaling_options>!,
  _ out: UnsafeMutablePointer<OpaquePointer?>!
) -> topkloss_status {
  createLoss(out) { () throws(Failure) in
    let options = try readStruct(try required(options, "options"), "options")
    let counts = try ClassCounts(
      options.class_counts, classes: options.classes, smoothing: options.count_smoothing)
    return try FamilyOptions(
      options.reduction, options.check_finite, options.ignore_index, options.classes,
      options.class_weight, options.label_smoothing
    ).loss(try .vectorScaling(counts, gamma: options.gamma, tau: options.tau))
  }
}

// MARK: Margin softmax

private func marginSoftmaxDefaults() -> topkloss_margin_softmax_options {
  var options = topkloss_margin_softmax_options()
  options.ignore_index = Int64(TOPKLOSS_IGNORE_INDEX)
  options.scale = 1
  return options
}

@implementation @_cdecl("topkloss_margin_softmax_options_init")
public func topkloss_margin_softmax_options_init(
  _ options: UnsafeMutablePointer<topkloss_margin_softmax_options>!, _ struct_size: Int
) -> topkloss_status {
  initializeOptions(options, struct_size, marginSoftmaxDefaults())
}

@implementation @_cdecl("topkloss_margin_softmax_create")
public func topkloss_margin_softmax_create(
  _ options: UnsafePointer<topkloss_margin_softmax_options>!,
  _ out: UnsafeMutablePointer<OpaquePointer?>!
) -> topkloss_status {
  let given: UnsafePointer<topkloss_margin_softmax_options>? = options
  return createLoss(out) { () throws(Failure) in
    let options =
      try given.map { pointer throws(Failure) in try readStruct(pointer, "options") }
      ?? marginSoftmaxDefaults()
    let family = try FamilyOptions(
      options.reduction, options.check_finite, options.ignore_index, options.classes,
      options.class_weight, options.label_smoothing
    )
    return family.loss(
      try .marginSoftmax(
        family.classes, offset: options.offset, margin: options.margin,
        classScale: options.class_scale, scale: options.scale, rivalShare: options.lam))
  }
}

// MARK: Focal

private func focalDefaults() -> topkloss_focal_options {
  var options = topkloss_focal_options()
  options.ignore_index = Int64(TOPKLOSS_IGNORE_INDEX)
  options.gamma = 2
  return options
}

@implementation @_cdecl("topkloss_focal_options_init")
public func topkloss_focal_options_init(
  _ options: UnsafeMutablePointer<topkloss_focal_options>!, _ struct_size: Int
) -> topkloss_status {
  initializeOptions(options, struct_size, focalDefaults())
}

@implementation @_cdecl("topkloss_focal_create")
public func topkloss_focal_create(
  _ options: UnsafePointer<topkloss_focal_options>!,
  _ out: UnsafeMutablePointer<OpaquePointer?>!
) -> topkloss_status {
  let given: UnsafePointer<topkloss_focal_options>? = options
  return createLoss(out) { () throws(Failure) in
    let options =
      try given.map { pointer throws(Failure) in try readStruct(pointer, "options") }
      ?? focalDefaults()
    return try FamilyOptions(
      options.reduction, options.check_finite, options.ignore_index, options.classes,
      options.class_weight, 0
    ).loss(try .focal(gamma: options.gamma))
  }
}
