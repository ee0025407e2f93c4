// swift-format-ignore-file: AlwaysUseLowerCamelCase
// Entry points have the names that the C header gives them.

import CTopKLoss

// Entry points of the smooth top-K SVM.

private func defaults() -> topkloss_smooth_topk_svm_options {
  var options = topkloss_smooth_topk_svm_options()
  options.ignore_index = Int64(TOPKLOSS_IGNORE_INDEX)
  options.tau = 1
  options.alpha = 1
  return options
}

@implementation @_cdecl("topkloss_smooth_topk_svm_options_init")
public func topkloss_smooth_topk_svm_options_init(
  _ options: UnsafeMutablePointer<topkloss_smooth_topk_svm_options>!, _ struct_size: Int
) -> topkloss_status {
  initializeOptions(options, struct_size, defaults())
}

@implementation @_cdecl("topkloss_smooth_topk_svm_create")
public func topkloss_smooth_topk_svm_create(
  _ options: UnsafePointer<topkloss_smooth_topk_svm_options>!,
  _ out: UnsafeMutablePointer<OpaquePointer?>!
) -> topkloss_status {
  createLoss(out) { () throws(Failure) in
    try SmoothTopKSVMLoss(try readStruct(try required(options, "options"), "options"))
  }
}
