import CTopKLoss

// What the options of several losses have in common, so that it is filled in once.

/// Options that the interface knows how to initialise.
protocol InterfaceOptions { init() }

// The names are the header's.
// swift-format-ignore: AlwaysUseLowerCamelCase
protocol LossOptions: InterfaceOptions {
  var reduction: topkloss_reduction { get set }
  var check_finite: Int32 { get set }
  var ignore_index: Int64 { get set }
}

// swift-format-ignore: AlwaysUseLowerCamelCase
protocol CountedOptions: LossOptions {
  var classes: Int64 { get set }
  var class_counts: UnsafePointer<Double>! { get set }
  var count_smoothing: Double { get set }
}

// swift-format-ignore: AlwaysUseLowerCamelCase
protocol WeightedOptions: LossOptions {
  var classes: Int64 { get set }
  var class_weight: UnsafePointer<Double>! { get set }
}

// swift-format-ignore: AlwaysUseLowerCamelCase
protocol SmoothedOptions: WeightedOptions { var label_smoothing: Double { get set } }

extension topkloss_cross_entropy_options: SmoothedOptions {}
extension topkloss_logit_adjusted_options: CountedOptions, SmoothedOptions {}
extension topkloss_ldam_options: CountedOptions, SmoothedOptions {}
extension topkloss_elm_options: CountedOptions, SmoothedOptions {}
extension topkloss_vector_scaling_options: CountedOptions, SmoothedOptions {}
extension topkloss_margin_softmax_options: SmoothedOptions {}
extension topkloss_focal_options: WeightedOptions {}
extension topkloss_noised_topk_options: CountedOptions {}
extension topkloss_noised_topk_operator_options: InterfaceOptions {}
extension topkloss_topk_hinge_options: LossOptions {}
extension topkloss_smooth_topk_svm_options: LossOptions {}
extension topkloss_outlying_mse_options: CountedOptions {}
extension topkloss_two_head_average_k_options: LossOptions {}
extension topkloss_single_positive_options: LossOptions {}

extension Loss {
  typealias Initialize<Options> = (UnsafeMutablePointer<Options>?, Int) -> topkloss_status
  typealias Create<Options> = (
    UnsafePointer<Options>?, UnsafeMutablePointer<OpaquePointer?>?
  ) -> topkloss_status

  /// Takes the defaults, changes them, and creates the loss.
  convenience init<Options: InterfaceOptions>(
    _ initialize: Initialize<Options>, _ create: Create<Options>,
    _ change: (inout Options) -> Void
  ) throws {
    var options = Options()
    try check(initialize(&options, MemoryLayout<Options>.size))
    change(&options)
    try self.init { create(&options, $0) }
  }
}
