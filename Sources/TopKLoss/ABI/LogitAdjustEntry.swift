// swift-format-ignore-file: AlwaysUseLowerCamelCase
// Entry points have the names that the C header gives them.

import CKernels
import CSystem
import CTopKLoss

// Post-hoc logit adjustment: z_j − τ log π_j (Menon et al., ICLR 2021).

@implementation @_cdecl("topkloss_logit_adjust_options_init")
public func topkloss_logit_adjust_options_init(
  _ options: UnsafeMutablePointer<topkloss_logit_adjust_options>!, _ struct_size: Int
) -> topkloss_status {
  var defaults = topkloss_logit_adjust_options()
  defaults.tau = 1
  return reportingFailure { () throws(Failure) in
    try initializeStruct(options, struct_size, "options", defaults)
  }
}

@implementation @_cdecl("topkloss_logit_adjust")
public func topkloss_logit_adjust(
  _ options: UnsafePointer<topkloss_logit_adjust_options>!,
  _ batch: UnsafePointer<topkloss_batch>!, _ adjusted: UnsafeMutableRawPointer!,
  _ adjusted_row_stride: Int64
) -> topkloss_status {
  let given: UnsafeMutableRawPointer? = adjusted
  return reportingFailure { () throws(Failure) in
    let options = try readStruct(try required(options, "options"), "options")
    let counts = try ClassCounts(
      options.class_counts, classes: options.classes, smoothing: options.count_smoothing)
    try checkOption(options.tau, "options.tau")
    let batch = try Batch(batch, needsLabels: false)
    guard batch.classes == counts.count else {
      throw Failure(
        TOPKLOSS_ERROR_SIZE,
        "batch.classes is \(batch.classes) and options.classes is \(counts.count)")
    }
    if batch.rows == 0 { return }
    guard let given else { throw .nullPointer("adjusted") }
    let output = try Output(given, "adjusted", stride: adjusted_row_stride, for: batch)
    try output.checkLogitsOverlap(with: batch, "adjusted")
    try Memory.requireSome()
    let offset = try ClassNumbers(count: counts.count) {
      -options.tau * (log(counts[$0]) - log(counts.total))
    }
    for row in 0..<batch.rows {
      guard let sums = output.row(row) else { return }
      batch.kernels.add_offset(
        batch.row(row), offset.pointer(for: batch.element), sums, Int64(batch.classes))
    }
  }
}
