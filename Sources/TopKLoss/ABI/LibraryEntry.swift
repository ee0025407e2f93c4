// swift-format-ignore-file: AlwaysUseLowerCamelCase
// Entry points have the names that the C header gives them.

import CTopKLoss

// Entry points that say something about the library, or set it up.

@implementation @_cdecl("topkloss_status_name")
public func topkloss_status_name(_ status: topkloss_status) -> UnsafePointer<CChar>! {
  switch Int(status) {
  case TOPKLOSS_OK: ("TOPKLOSS_OK" as StaticString).cString
  case TOPKLOSS_ERROR_NULL_POINTER: ("TOPKLOSS_ERROR_NULL_POINTER" as StaticString).cString
  case TOPKLOSS_ERROR_STRUCT_SIZE: ("TOPKLOSS_ERROR_STRUCT_SIZE" as StaticString).cString
  case TOPKLOSS_ERROR_SIZE: ("TOPKLOSS_ERROR_SIZE" as StaticString).cString
  case TOPKLOSS_ERROR_ENUMERATOR: ("TOPKLOSS_ERROR_ENUMERATOR" as StaticString).cString
  case TOPKLOSS_ERROR_OPTION: ("TOPKLOSS_ERROR_OPTION" as StaticString).cString
  case TOPKLOSS_ERROR_CLASS_COUNT: ("TOPKLOSS_ERROR_CLASS_COUNT" as StaticString).cString
  case TOPKLOSS_ERROR_LABEL: ("TOPKLOSS_ERROR_LABEL" as StaticString).cString
  case TOPKLOSS_ERROR_NOT_FINITE: ("TOPKLOSS_ERROR_NOT_FINITE" as StaticString).cString
  case TOPKLOSS_ERROR_ALIASING: ("TOPKLOSS_ERROR_ALIASING" as StaticString).cString
  case TOPKLOSS_ERROR_OUT_OF_MEMORY: ("TOPKLOSS_ERROR_OUT_OF_MEMORY" as StaticString).cString
  case TOPKLOSS_ERROR_EXECUTOR: ("TOPKLOSS_ERROR_EXECUTOR" as StaticString).cString
  default: ("unknown status" as StaticString).cString
  }
}

@implementation @_cdecl("topkloss_last_error")
public func topkloss_last_error() -> UnsafePointer<CChar>! {
  ThreadState.current()?.lastError ?? ("the system gave no memory" as StaticString).cString
}

@implementation @_cdecl("topkloss_version")
public func topkloss_version() -> UnsafePointer<CChar>! {
  ("0.1.0" as StaticString).cString
}

@implementation @_cdecl("topkloss_abi_version")
public func topkloss_abi_version() -> Int32 { TOPKLOSS_ABI_VERSION }

@implementation @_cdecl("topkloss_simd")
public func topkloss_simd() -> UnsafePointer<CChar>! {
  InstructionSet.current.name.cString
}

@implementation @_cdecl("topkloss_set_num_threads")
public func topkloss_set_num_threads(_ count: Int32) -> topkloss_status {
  reportingFailure { () throws(Failure) in try ThreadCount.set(Int(count)) }
}

@implementation @_cdecl("topkloss_get_num_threads")
public func topkloss_get_num_threads() -> Int32 { Int32(ThreadCount.current) }

@implementation @_cdecl("topkloss_trim")
public func topkloss_trim() { Workspace.trim() }
