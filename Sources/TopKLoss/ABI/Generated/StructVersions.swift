// swift-format-ignore-file
// Generated from topkloss.h by `python -m abi`: change that, not this.

import CTopKLoss

extension topkloss_executor: VersionedStruct {
  static var version: StructVersion {
    StructVersion(
      name: "topkloss_executor", size: 32, olderSizes: 0,
      reserved: 1 << 3)
  }

  static var defaults: Self {
    Self()
  }
}

@implementation @_cdecl("topkloss_executor_init")
public func topkloss_executor_init(
  _ executor: UnsafeMutablePointer<topkloss_executor>!, _ struct_size: Int
) -> topkloss_status {
  initialize(executor, struct_size, "executor")
}

extension topkloss_batch: VersionedStruct {
  static var version: StructVersion {
    StructVersion(
      name: "topkloss_batch", size: 208, olderSizes: 1 << 17,
      reserved: 0)
  }

  static var defaults: Self {
    Self()
  }
}

@implementation @_cdecl("topkloss_batch_init")
public func topkloss_batch_init(
  _ batch: UnsafeMutablePointer<topkloss_batch>!, _ struct_size: Int
) -> topkloss_status {
  initialize(batch, struct_size, "batch")
}

extension topkloss_result: VersionedStruct {
  static var version: StructVersion {
    StructVersion(
      name: "topkloss_result", size: 104, olderSizes: 1 << 9,
      reserved: 0)
  }

  static var defaults: Self {
    Self()
  }
}

@implementation @_cdecl("topkloss_result_init")
public func topkloss_result_init(
  _ result: UnsafeMutablePointer<topkloss_result>!, _ struct_size: Int
) -> topkloss_status {
  initialize(result, struct_size, "result")
}

extension topkloss_threshold: VersionedStruct {
  static var version: StructVersion {
    StructVersion(
      name: "topkloss_threshold", size: 40, olderSizes: 1 << 3,
      reserved: 0)
  }

  static var defaults: Self {
    var value = Self()
    value.ties = -1
    return value
  }
}

@implementation @_cdecl("topkloss_threshold_init")
public func topkloss_threshold_init(
  _ threshold: UnsafeMutablePointer<topkloss_threshold>!, _ struct_size: Int
) -> topkloss_status {
  initialize(threshold, struct_size, "threshold")
}

extension topkloss_conformal_options: VersionedStruct, CountedOptions {
  static var version: StructVersion {
    StructVersion(
      name: "topkloss_conformal_options", size: 64, olderSizes: 0,
      reserved: 1 << 2)
  }

  static var defaults: Self {
    var value = Self()
    value.ignore_index = Int64(TOPKLOSS_IGNORE_INDEX)
    value.coverage = 0.9
    value.weight = 0.5
    return value
  }
}

@implementation @_cdecl("topkloss_conformal_options_init")
public func topkloss_conformal_options_init(
  _ options: UnsafeMutablePointer<topkloss_conformal_options>!, _ struct_size: Int
) -> topkloss_status {
  initialize(options, struct_size, "options")
}

extension topkloss_shard: VersionedStruct {
  static var version: StructVersion {
    StructVersion(
      name: "topkloss_shard", size: 48, olderSizes: 0,
      reserved: 0)
  }

  static var defaults: Self {
    Self()
  }
}

@implementation @_cdecl("topkloss_shard_init")
public func topkloss_shard_init(
  _ shard: UnsafeMutablePointer<topkloss_shard>!, _ struct_size: Int
) -> topkloss_status {
  initialize(shard, struct_size, "shard")
}

extension topkloss_logit_adjust_options: VersionedStruct, CountedOptions {
  static var version: StructVersion {
    StructVersion(
      name: "topkloss_logit_adjust_options", size: 64, olderSizes: 1 << 5,
      reserved: 0)
  }

  static var defaults: Self {
    var value = Self()
    value.tau = 1.0
    return value
  }
}

@implementation @_cdecl("topkloss_logit_adjust_options_init")
public func topkloss_logit_adjust_options_init(
  _ options: UnsafeMutablePointer<topkloss_logit_adjust_options>!, _ struct_size: Int
) -> topkloss_status {
  initialize(options, struct_size, "options")
}

extension topkloss_topk_accuracy_options: VersionedStruct {
  static var version: StructVersion {
    StructVersion(
      name: "topkloss_topk_accuracy_options", size: 32, olderSizes: 0,
      reserved: 1 << 3)
  }

  static var defaults: Self {
    var value = Self()
    value.k = 1
    value.ignore_index = Int64(TOPKLOSS_IGNORE_INDEX)
    return value
  }
}

@implementation @_cdecl("topkloss_topk_accuracy_options_init")
public func topkloss_topk_accuracy_options_init(
  _ options: UnsafeMutablePointer<topkloss_topk_accuracy_options>!, _ struct_size: Int
) -> topkloss_status {
  initialize(options, struct_size, "options")
}

extension topkloss_average_k_accuracy_options: VersionedStruct {
  static var version: StructVersion {
    StructVersion(
      name: "topkloss_average_k_accuracy_options", size: 32, olderSizes: 0,
      reserved: 1 << 3)
  }

  static var defaults: Self {
    var value = Self()
    value.ignore_index = Int64(TOPKLOSS_IGNORE_INDEX)
    return value
  }
}

@implementation @_cdecl("topkloss_average_k_accuracy_options_init")
public func topkloss_average_k_accuracy_options_init(
  _ options: UnsafeMutablePointer<topkloss_average_k_accuracy_options>!, _ struct_size: Int
) -> topkloss_status {
  initialize(options, struct_size, "options")
}

extension topkloss_shot_accuracy_options: VersionedStruct {
  static var version: StructVersion {
    StructVersion(
      name: "topkloss_shot_accuracy_options", size: 64, olderSizes: 0,
      reserved: 1 << 5)
  }

  static var defaults: Self {
    var value = Self()
    value.k = 1
    value.ignore_index = Int64(TOPKLOSS_IGNORE_INDEX)
    value.many = 100.0
    value.few = 20.0
    return value
  }
}

@implementation @_cdecl("topkloss_shot_accuracy_options_init")
public func topkloss_shot_accuracy_options_init(
  _ options: UnsafeMutablePointer<topkloss_shot_accuracy_options>!, _ struct_size: Int
) -> topkloss_status {
  initialize(options, struct_size, "options")
}

extension topkloss_class_weights_options: VersionedStruct, CountedOptions {
  static var version: StructVersion {
    StructVersion(
      name: "topkloss_class_weights_options", size: 48, olderSizes: 0,
      reserved: 1 << 4)
  }

  static var defaults: Self {
    var value = Self()
    value.beta = 0.9999
    return value
  }
}

@implementation @_cdecl("topkloss_class_weights_options_init")
public func topkloss_class_weights_options_init(
  _ options: UnsafeMutablePointer<topkloss_class_weights_options>!, _ struct_size: Int
) -> topkloss_status {
  initialize(options, struct_size, "options")
}
