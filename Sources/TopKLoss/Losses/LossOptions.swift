// swift-format-ignore-file: AlwaysUseLowerCamelCase
// Members have the names that the C header gives them.

import CTopKLoss

// From a caller's options to a loss, the one way for all of them: the entry points are generated, and call this.

/// Options that make a loss.
protocol LossOptions: VersionedStruct {
  /// The loss, or which option is wrong. Numbers are checked first, then each vector as it is copied. What throws is
  /// this and no initialiser of a class: in Embedded Swift that leaks the object.
  func makeLoss() throws(Failure) -> Loss
}

/// Makes a handle of the loss that the caller's options ask for.
func createLoss<Options: LossOptions>(
  _ options: UnsafePointer<Options>?, _ out: UnsafeMutablePointer<OpaquePointer?>?,
  orDefaults: Bool = false
) -> topkloss_status {
  reportingFailure { () throws(Failure) in
    let out = try required(out, "out")
    out.pointee = nil
    try Memory.requireSome()
    let loss = try readOptions(options, orDefaults: orDefaults).makeLoss()
    if Memory.isReserveUsed { throw Memory.outOfMemory }
    out.pointee = OpaquePointer(Unmanaged.passRetained(loss).toOpaque())
  }
}

/// The caller's options; if there need be none, the defaults without them.
func readOptions<Options: VersionedStruct>(
  _ options: UnsafePointer<Options>?, orDefaults: Bool = false
) throws(Failure) -> Options {
  if options == nil && orDefaults { return Options.defaults }
  return try readStruct(try required(options, "options"), "options")
}

/// Options with what every loss of rows with labels takes.
protocol ReducedOptions {
  var reduction: topkloss_reduction { get }
  var check_finite: Int32 { get }
  var ignore_index: Int64 { get }
}

extension ReducedOptions {
  func common() throws(Failure) -> CommonOptions {
    try CommonOptions(
      reduction: reduction, checkFinite: check_finite, ignoreIndex: ignore_index)
  }
}

/// Options with training examples of each class.
protocol CountedOptions {
  var classes: Int64 { get }
  var class_counts: UnsafePointer<Double>! { get }
  var count_smoothing: Double { get }
}

extension CountedOptions {
  func counts() throws(Failure) -> ClassCounts {
    try ClassCounts(class_counts, classes: classes, smoothing: count_smoothing)
  }
}

/// Options with a weight for each class.
protocol WeightedOptions {
  var classes: Int64 { get }
  var class_weight: UnsafePointer<Double>! { get }
}
