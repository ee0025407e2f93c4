// swift-format-ignore-file: AlwaysUseLowerCamelCase
// Entry points have the names that the C header gives them.

import CTopKLoss

// Entry points of the two-head average-K loss.

private func defaults() -> topkloss_two_head_average_k_options {
  var options = topkloss_two_head_average_k_options()
  options.ignore_index = Int64(TOPKLOSS_IGNORE_INDEX)
  options.candidate_weight = 1
  options.multi_label_weight = 1
  return options
}

@implementation @_cdecl("topkloss_two_head_average_k_options_init")
public func topkloss_two_head_average_k_options_init(
  _ options: UnsafeMutablePointer<topkloss_two_head_average_k_options>!, _ struct_size: Int
) -> topkloss_status {
  initializeOptions(options, struct_size, defaults())
}

@implementation @_cdecl("topkloss_two_head_average_k_create")
public func topkloss_two_head_average_k_create(
  _ options: UnsafePointer<topkloss_two_head_average_k_options>!,
  _ out: UnsafeMutablePointer<OpaquePointer?>!
) -> topkloss_status {
  createLoss(out) { () throws(Failure) in
    let raw = try readStruct(try required(options, "options"), "options")
    let common = try CommonOptions(
      reduction: raw.reduction, checkFinite: raw.check_finite, ignoreIndex: raw.ignore_index)
    return TwoHeadAverageKLoss(try TwoHeadAverageKOptions(raw), common: common)
  }
}
