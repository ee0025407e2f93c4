// swift-format-ignore-file: AlwaysUseLowerCamelCase
// Entry points have the names that the C header gives them.

import CTopKLoss

// Entry points of the single-positive losses.

private func defaults() -> topkloss_single_positive_options {
  var options = topkloss_single_positive_options()
  options.ignore_index = Int64(TOPKLOSS_IGNORE_INDEX)
  options.regularization = 1
  return options
}

@implementation @_cdecl("topkloss_single_positive_options_init")
public func topkloss_single_positive_options_init(
  _ options: UnsafeMutablePointer<topkloss_single_positive_options>!, _ struct_size: Int
) -> topkloss_status {
  initializeOptions(options, struct_size, defaults())
}

@implementation @_cdecl("topkloss_single_positive_create")
public func topkloss_single_positive_create(
  _ options: UnsafePointer<topkloss_single_positive_options>!,
  _ out: UnsafeMutablePointer<OpaquePointer?>!
) -> topkloss_status {
  createLoss(out) { () throws(Failure) in
    let raw = try readStruct(try required(options, "options"), "options")
    let common = try CommonOptions(
      reduction: raw.reduction, checkFinite: raw.check_finite, ignoreIndex: raw.ignore_index)
    return SinglePositiveLoss(try SinglePositiveMethod(raw), common: common)
  }
}
