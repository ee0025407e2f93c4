// swift-format-ignore-file: AlwaysUseLowerCamelCase
// Entry points have the names that the C header gives them.

import CTopKLoss

// Post-hoc logit adjustment: z_j − τ log π_j (Menon et al., ICLR 2021).

@implementation @_cdecl("topkloss_logit_adjust")
public func topkloss_logit_adjust(
  _ options: UnsafePointer<topkloss_logit_adjust_options>!,
  _ batch: UnsafePointer<topkloss_batch>!, _ adjusted: UnsafeMutableRawPointer!,
  _ adjusted_row_stride: Int64
) -> topkloss_status {
  let given: UnsafeMutableRawPointer? = adjusted
  return reportingFailure { () throws(Failure) in
    let options = try readOptions(options)
    try logitAdjust(Batch(batch, for: .scores), options, given, adjusted_row_stride)
  }
}
