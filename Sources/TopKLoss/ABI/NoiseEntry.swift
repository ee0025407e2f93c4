// swift-format-ignore-file: AlwaysUseLowerCamelCase
// Entry points have the names that the C header gives them.

import CTopKLoss

// The noise of noised top-K by itself.

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
