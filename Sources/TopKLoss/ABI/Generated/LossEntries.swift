// swift-format-ignore-file
// Generated from topkloss.h by `python -m abi`: change that, not this.

import CTopKLoss

extension topkloss_cross_entropy_options: VersionedStruct, ReducedOptions, WeightedOptions {
  static var version: StructVersion {
    StructVersion(
      name: "topkloss_cross_entropy_options", size: 48, olderSizes: 0,
      reserved: 0)
  }

  static var defaults: Self {
    var value = Self()
    value.ignore_index = Int64(TOPKLOSS_IGNORE_INDEX)
    return value
  }
}

@implementation @_cdecl("topkloss_cross_entropy_options_init")
public func topkloss_cross_entropy_options_init(
  _ options: UnsafeMutablePointer<topkloss_cross_entropy_options>!, _ struct_size: Int
) -> topkloss_status {
  initialize(options, struct_size, "options")
}

@implementation @_cdecl("topkloss_cross_entropy_create")
public func topkloss_cross_entropy_create(
  _ options: UnsafePointer<topkloss_cross_entropy_options>!, _ out: UnsafeMutablePointer<OpaquePointer?>!
) -> topkloss_status {
  createLoss(options, out, orDefaults: true)
}

extension topkloss_logit_adjusted_options: VersionedStruct, ReducedOptions, CountedOptions, WeightedOptions {
  static var version: StructVersion {
    StructVersion(
      name: "topkloss_logit_adjusted_options", size: 72, olderSizes: 0,
      reserved: 0)
  }

  static var defaults: Self {
    var value = Self()
    value.ignore_index = Int64(TOPKLOSS_IGNORE_INDEX)
    value.tau = 1.0
    return value
  }
}

@implementation @_cdecl("topkloss_logit_adjusted_options_init")
public func topkloss_logit_adjusted_options_init(
  _ options: UnsafeMutablePointer<topkloss_logit_adjusted_options>!, _ struct_size: Int
) -> topkloss_status {
  initialize(options, struct_size, "options")
}

@implementation @_cdecl("topkloss_logit_adjusted_create")
public func topkloss_logit_adjusted_create(
  _ options: UnsafePointer<topkloss_logit_adjusted_options>!, _ out: UnsafeMutablePointer<OpaquePointer?>!
) -> topkloss_status {
  createLoss(options, out)
}

extension topkloss_ldam_options: VersionedStruct, ReducedOptions, CountedOptions, WeightedOptions {
  static var version: StructVersion {
    StructVersion(
      name: "topkloss_ldam_options", size: 80, olderSizes: 0,
      reserved: 0)
  }

  static var defaults: Self {
    var value = Self()
    value.ignore_index = Int64(TOPKLOSS_IGNORE_INDEX)
    value.max_margin = 0.5
    value.scale = 30.0
    return value
  }
}

@implementation @_cdecl("topkloss_ldam_options_init")
public func topkloss_ldam_options_init(
  _ options: UnsafeMutablePointer<topkloss_ldam_options>!, _ struct_size: Int
) -> topkloss_status {
  initialize(options, struct_size, "options")
}

@implementation @_cdecl("topkloss_ldam_create")
public func topkloss_ldam_create(
  _ options: UnsafePointer<topkloss_ldam_options>!, _ out: UnsafeMutablePointer<OpaquePointer?>!
) -> topkloss_status {
  createLoss(options, out)
}

extension topkloss_elm_options: VersionedStruct, ReducedOptions, CountedOptions, WeightedOptions {
  static var version: StructVersion {
    StructVersion(
      name: "topkloss_elm_options", size: 88, olderSizes: 0,
      reserved: 0)
  }

  static var defaults: Self {
    var value = Self()
    value.ignore_index = Int64(TOPKLOSS_IGNORE_INDEX)
    value.max_margin = 0.5
    value.scale = 30.0
    value.lam = 1.0
    return value
  }
}

@implementation @_cdecl("topkloss_elm_options_init")
public func topkloss_elm_options_init(
  _ options: UnsafeMutablePointer<topkloss_elm_options>!, _ struct_size: Int
) -> topkloss_status {
  initialize(options, struct_size, "options")
}

@implementation @_cdecl("topkloss_elm_create")
public func topkloss_elm_create(
  _ options: UnsafePointer<topkloss_elm_options>!, _ out: UnsafeMutablePointer<OpaquePointer?>!
) -> topkloss_status {
  createLoss(options, out)
}

extension topkloss_vector_scaling_options: VersionedStruct, ReducedOptions, CountedOptions, WeightedOptions {
  static var version: StructVersion {
    StructVersion(
      name: "topkloss_vector_scaling_options", size: 80, olderSizes: 0,
      reserved: 0)
  }

  static var defaults: Self {
    var value = Self()
    value.ignore_index = Int64(TOPKLOSS_IGNORE_INDEX)
    value.gamma = 0.3
    value.tau = 1.0
    return value
  }
}

@implementation @_cdecl("topkloss_vector_scaling_options_init")
public func topkloss_vector_scaling_options_init(
  _ options: UnsafeMutablePointer<topkloss_vector_scaling_options>!, _ struct_size: Int
) -> topkloss_status {
  initialize(options, struct_size, "options")
}

@implementation @_cdecl("topkloss_vector_scaling_create")
public func topkloss_vector_scaling_create(
  _ options: UnsafePointer<topkloss_vector_scaling_options>!, _ out: UnsafeMutablePointer<OpaquePointer?>!
) -> topkloss_status {
  createLoss(options, out)
}

extension topkloss_margin_softmax_options: VersionedStruct, ReducedOptions, WeightedOptions {
  static var version: StructVersion {
    StructVersion(
      name: "topkloss_margin_softmax_options", size: 88, olderSizes: 0,
      reserved: 0)
  }

  static var defaults: Self {
    var value = Self()
    value.ignore_index = Int64(TOPKLOSS_IGNORE_INDEX)
    value.scale = 1.0
    return value
  }
}

@implementation @_cdecl("topkloss_margin_softmax_options_init")
public func topkloss_margin_softmax_options_init(
  _ options: UnsafeMutablePointer<topkloss_margin_softmax_options>!, _ struct_size: Int
) -> topkloss_status {
  initialize(options, struct_size, "options")
}

@implementation @_cdecl("topkloss_margin_softmax_create")
public func topkloss_margin_softmax_create(
  _ options: UnsafePointer<topkloss_margin_softmax_options>!, _ out: UnsafeMutablePointer<OpaquePointer?>!
) -> topkloss_status {
  createLoss(options, out, orDefaults: true)
}

extension topkloss_seesaw_options: VersionedStruct, ReducedOptions, CountedOptions, WeightedOptions {
  static var version: StructVersion {
    StructVersion(
      name: "topkloss_seesaw_options", size: 80, olderSizes: 0,
      reserved: 0)
  }

  static var defaults: Self {
    var value = Self()
    value.ignore_index = Int64(TOPKLOSS_IGNORE_INDEX)
    value.p = 0.8
    value.q = 2.0
    return value
  }
}

@implementation @_cdecl("topkloss_seesaw_options_init")
public func topkloss_seesaw_options_init(
  _ options: UnsafeMutablePointer<topkloss_seesaw_options>!, _ struct_size: Int
) -> topkloss_status {
  initialize(options, struct_size, "options")
}

@implementation @_cdecl("topkloss_seesaw_create")
public func topkloss_seesaw_create(
  _ options: UnsafePointer<topkloss_seesaw_options>!, _ out: UnsafeMutablePointer<OpaquePointer?>!
) -> topkloss_status {
  createLoss(options, out)
}

extension topkloss_focal_options: VersionedStruct, ReducedOptions, WeightedOptions {
  static var version: StructVersion {
    StructVersion(
      name: "topkloss_focal_options", size: 48, olderSizes: 0,
      reserved: 0)
  }

  static var defaults: Self {
    var value = Self()
    value.ignore_index = Int64(TOPKLOSS_IGNORE_INDEX)
    value.gamma = 2.0
    return value
  }
}

@implementation @_cdecl("topkloss_focal_options_init")
public func topkloss_focal_options_init(
  _ options: UnsafeMutablePointer<topkloss_focal_options>!, _ struct_size: Int
) -> topkloss_status {
  initialize(options, struct_size, "options")
}

@implementation @_cdecl("topkloss_focal_create")
public func topkloss_focal_create(
  _ options: UnsafePointer<topkloss_focal_options>!, _ out: UnsafeMutablePointer<OpaquePointer?>!
) -> topkloss_status {
  createLoss(options, out, orDefaults: true)
}

extension topkloss_noised_topk_options: VersionedStruct, ReducedOptions, CountedOptions {
  static var version: StructVersion {
    StructVersion(
      name: "topkloss_noised_topk_options", size: 112, olderSizes: 0,
      reserved: 1 << 13)
  }

  static var defaults: Self {
    var value = Self()
    value.ignore_index = Int64(TOPKLOSS_IGNORE_INDEX)
    value.n_samples = 5
    value.epsilon = .nan
    value.margin = 1.0
    value.scale = .nan
    value.max_margin = 0.2
    return value
  }
}

@implementation @_cdecl("topkloss_noised_topk_options_init")
public func topkloss_noised_topk_options_init(
  _ options: UnsafeMutablePointer<topkloss_noised_topk_options>!, _ struct_size: Int
) -> topkloss_status {
  initialize(options, struct_size, "options")
}

@implementation @_cdecl("topkloss_noised_topk_create")
public func topkloss_noised_topk_create(
  _ options: UnsafePointer<topkloss_noised_topk_options>!, _ out: UnsafeMutablePointer<OpaquePointer?>!
) -> topkloss_status {
  createLoss(options, out)
}

extension topkloss_noised_topk_operator_options: VersionedStruct {
  static var version: StructVersion {
    StructVersion(
      name: "topkloss_noised_topk_operator_options", size: 48, olderSizes: 0,
      reserved: 0)
  }

  static var defaults: Self {
    var value = Self()
    value.n_samples = 5
    value.epsilon = 1.0
    value.estimator = topkloss_estimator(TOPKLOSS_EXACT)
    return value
  }
}

@implementation @_cdecl("topkloss_noised_topk_operator_options_init")
public func topkloss_noised_topk_operator_options_init(
  _ options: UnsafeMutablePointer<topkloss_noised_topk_operator_options>!, _ struct_size: Int
) -> topkloss_status {
  initialize(options, struct_size, "options")
}

@implementation @_cdecl("topkloss_noised_topk_operator_create")
public func topkloss_noised_topk_operator_create(
  _ options: UnsafePointer<topkloss_noised_topk_operator_options>!, _ out: UnsafeMutablePointer<OpaquePointer?>!
) -> topkloss_status {
  createLoss(options, out)
}

extension topkloss_topk_hinge_options: VersionedStruct, ReducedOptions {
  static var version: StructVersion {
    StructVersion(
      name: "topkloss_topk_hinge_options", size: 40, olderSizes: 0,
      reserved: 0)
  }

  static var defaults: Self {
    var value = Self()
    value.ignore_index = Int64(TOPKLOSS_IGNORE_INDEX)
    value.margin = 1.0
    return value
  }
}

@implementation @_cdecl("topkloss_topk_hinge_options_init")
public func topkloss_topk_hinge_options_init(
  _ options: UnsafeMutablePointer<topkloss_topk_hinge_options>!, _ struct_size: Int
) -> topkloss_status {
  initialize(options, struct_size, "options")
}

@implementation @_cdecl("topkloss_topk_hinge_create")
public func topkloss_topk_hinge_create(
  _ options: UnsafePointer<topkloss_topk_hinge_options>!, _ out: UnsafeMutablePointer<OpaquePointer?>!
) -> topkloss_status {
  createLoss(options, out)
}

extension topkloss_smooth_topk_svm_options: VersionedStruct, ReducedOptions {
  static var version: StructVersion {
    StructVersion(
      name: "topkloss_smooth_topk_svm_options", size: 48, olderSizes: 0,
      reserved: 0)
  }

  static var defaults: Self {
    var value = Self()
    value.ignore_index = Int64(TOPKLOSS_IGNORE_INDEX)
    value.tau = 1.0
    value.alpha = 1.0
    return value
  }
}

@implementation @_cdecl("topkloss_smooth_topk_svm_options_init")
public func topkloss_smooth_topk_svm_options_init(
  _ options: UnsafeMutablePointer<topkloss_smooth_topk_svm_options>!, _ struct_size: Int
) -> topkloss_status {
  initialize(options, struct_size, "options")
}

@implementation @_cdecl("topkloss_smooth_topk_svm_create")
public func topkloss_smooth_topk_svm_create(
  _ options: UnsafePointer<topkloss_smooth_topk_svm_options>!, _ out: UnsafeMutablePointer<OpaquePointer?>!
) -> topkloss_status {
  createLoss(options, out)
}

extension topkloss_topk_cross_entropy_options: VersionedStruct, ReducedOptions {
  static var version: StructVersion {
    StructVersion(
      name: "topkloss_topk_cross_entropy_options", size: 48, olderSizes: 0,
      reserved: 0)
  }

  static var defaults: Self {
    var value = Self()
    value.ignore_index = Int64(TOPKLOSS_IGNORE_INDEX)
    value.epsilon = 1.0
    return value
  }
}

@implementation @_cdecl("topkloss_topk_cross_entropy_options_init")
public func topkloss_topk_cross_entropy_options_init(
  _ options: UnsafeMutablePointer<topkloss_topk_cross_entropy_options>!, _ struct_size: Int
) -> topkloss_status {
  initialize(options, struct_size, "options")
}

@implementation @_cdecl("topkloss_topk_cross_entropy_create")
public func topkloss_topk_cross_entropy_create(
  _ options: UnsafePointer<topkloss_topk_cross_entropy_options>!, _ out: UnsafeMutablePointer<OpaquePointer?>!
) -> topkloss_status {
  createLoss(options, out)
}

extension topkloss_outlying_mse_options: VersionedStruct, ReducedOptions, CountedOptions {
  static var version: StructVersion {
    StructVersion(
      name: "topkloss_outlying_mse_options", size: 80, olderSizes: 1 << 8,
      reserved: 1 << 8)
  }

  static var defaults: Self {
    var value = Self()
    value.ignore_index = Int64(TOPKLOSS_IGNORE_INDEX)
    value.alpha = 1.0
    value.power = 0.5
    return value
  }
}

@implementation @_cdecl("topkloss_outlying_mse_options_init")
public func topkloss_outlying_mse_options_init(
  _ options: UnsafeMutablePointer<topkloss_outlying_mse_options>!, _ struct_size: Int
) -> topkloss_status {
  initialize(options, struct_size, "options")
}

@implementation @_cdecl("topkloss_outlying_mse_create")
public func topkloss_outlying_mse_create(
  _ options: UnsafePointer<topkloss_outlying_mse_options>!, _ out: UnsafeMutablePointer<OpaquePointer?>!
) -> topkloss_status {
  createLoss(options, out)
}

extension topkloss_two_head_average_k_options: VersionedStruct, ReducedOptions {
  static var version: StructVersion {
    StructVersion(
      name: "topkloss_two_head_average_k_options", size: 64, olderSizes: 0,
      reserved: 1 << 6)
  }

  static var defaults: Self {
    var value = Self()
    value.ignore_index = Int64(TOPKLOSS_IGNORE_INDEX)
    value.candidate_weight = 1.0
    value.multi_label_weight = 1.0
    value.class_reduction = topkloss_class_reduction(TOPKLOSS_CLASS_MEAN)
    return value
  }
}

@implementation @_cdecl("topkloss_two_head_average_k_options_init")
public func topkloss_two_head_average_k_options_init(
  _ options: UnsafeMutablePointer<topkloss_two_head_average_k_options>!, _ struct_size: Int
) -> topkloss_status {
  initialize(options, struct_size, "options")
}

@implementation @_cdecl("topkloss_two_head_average_k_create")
public func topkloss_two_head_average_k_create(
  _ options: UnsafePointer<topkloss_two_head_average_k_options>!, _ out: UnsafeMutablePointer<OpaquePointer?>!
) -> topkloss_status {
  createLoss(options, out)
}

extension topkloss_single_positive_options: VersionedStruct, ReducedOptions {
  static var version: StructVersion {
    StructVersion(
      name: "topkloss_single_positive_options", size: 48, olderSizes: 0,
      reserved: 1 << 3)
  }

  static var defaults: Self {
    var value = Self()
    value.ignore_index = Int64(TOPKLOSS_IGNORE_INDEX)
    value.regularization = 1.0
    return value
  }
}

@implementation @_cdecl("topkloss_single_positive_options_init")
public func topkloss_single_positive_options_init(
  _ options: UnsafeMutablePointer<topkloss_single_positive_options>!, _ struct_size: Int
) -> topkloss_status {
  initialize(options, struct_size, "options")
}

@implementation @_cdecl("topkloss_single_positive_create")
public func topkloss_single_positive_create(
  _ options: UnsafePointer<topkloss_single_positive_options>!, _ out: UnsafeMutablePointer<OpaquePointer?>!
) -> topkloss_status {
  createLoss(options, out, orDefaults: true)
}
