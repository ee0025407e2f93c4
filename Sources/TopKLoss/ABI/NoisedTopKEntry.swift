// swift-format-ignore-file: AlwaysUseLowerCamelCase
// Entry points have the names that the C header gives them.

import CKernels
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
  reportingFailure { () throws(Failure) in
    try initializeStruct(options, struct_size, "options", defaults())
  }
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
    return NoisedTopKLoss(try NoisedTopKOptions(raw), common: common)
  }
}

@implementation @_cdecl("topkloss_standard_normal")
public func topkloss_standard_normal(
  _ seed: UInt64, _ step: UInt64, _ first_row: Int64, _ rows: Int64, _ n_samples: Int64,
  _ classes: Int64, _ noise: UnsafeMutablePointer<Float>!
) -> topkloss_status {
  let given: UnsafeMutablePointer<Float>? = noise
  return reportingFailure { () throws(Failure) in
    let firstRow = try checkedSize(first_row, "first_row", atLeast: 0)
    let rows = try checkedSize(rows, "rows", atLeast: 0)
    let samples = try checkedSize(n_samples, "n_samples", atLeast: 1)
    let classes = try checkedSize(classes, "classes", atLeast: 1)
    guard n_samples <= NoisedTopKOptions.mostSamples else {
      throw Failure(
        TOPKLOSS_ERROR_SIZE,
        "n_samples is \(n_samples): it must be 1 to \(NoisedTopKOptions.mostSamples)")
    }
    let (draws, drawsOverflow) = rows.multipliedReportingOverflow(by: samples)
    _ = try MatrixLayout(
      "noise", rows: drawsOverflow ? Int.max : draws, columns: classes, stride: 0,
      elementBytes: 4, mayOverlap: false)
    if draws == 0 { return }
    let noise = try required(given, "noise")
    for draw in 0..<draws {
      KernelChoice.current.table.standard_normal(
        seed, step, UInt64(firstRow) &+ UInt64(draw / samples), Int64(draw % samples),
        Int64(classes), noise + draw &* classes)
    }
  }
}
