// swift-format-ignore-file: AlwaysUseLowerCamelCase
// Entry points have the names that the C header gives them.

import CTopKLoss

// Entry points that say something about the library, or set it up.

private func cString(_ text: StaticString) -> UnsafePointer<CChar> {
  UnsafeRawPointer(text.utf8Start).assumingMemoryBound(to: CChar.self)
}

@implementation @_cdecl("topkloss_status_name")
public func topkloss_status_name(_ status: topkloss_status) -> UnsafePointer<CChar>! {
  switch Int(status) {
  case TOPKLOSS_OK: cString("TOPKLOSS_OK")
  case TOPKLOSS_ERROR_NULL_POINTER: cString("TOPKLOSS_ERROR_NULL_POINTER")
  case TOPKLOSS_ERROR_STRUCT_SIZE: cString("TOPKLOSS_ERROR_STRUCT_SIZE")
  case TOPKLOSS_ERROR_SIZE: cString("TOPKLOSS_ERROR_SIZE")
  case TOPKLOSS_ERROR_ENUMERATOR: cString("TOPKLOSS_ERROR_ENUMERATOR")
  case TOPKLOSS_ERROR_OPTION: cString("TOPKLOSS_ERROR_OPTION")
  case TOPKLOSS_ERROR_CLASS_COUNT: cString("TOPKLOSS_ERROR_CLASS_COUNT")
  case TOPKLOSS_ERROR_LABEL: cString("TOPKLOSS_ERROR_LABEL")
  case TOPKLOSS_ERROR_NOT_FINITE: cString("TOPKLOSS_ERROR_NOT_FINITE")
  case TOPKLOSS_ERROR_ALIASING: cString("TOPKLOSS_ERROR_ALIASING")
  case TOPKLOSS_ERROR_OUT_OF_MEMORY: cString("TOPKLOSS_ERROR_OUT_OF_MEMORY")
  case TOPKLOSS_ERROR_EXECUTOR: cString("TOPKLOSS_ERROR_EXECUTOR")
  default: cString("unknown status")
  }
}

@implementation @_cdecl("topkloss_last_error")
public func topkloss_last_error() -> UnsafePointer<CChar>! {
  ThreadState.current()?.lastError ?? cString("the system gave no memory")
}

@implementation @_cdecl("topkloss_version")
public func topkloss_version() -> UnsafePointer<CChar>! {
  cString("0.1.0")
}

@implementation @_cdecl("topkloss_abi_version")
public func topkloss_abi_version() -> Int32 { TOPKLOSS_ABI_VERSION }

@implementation @_cdecl("topkloss_simd")
public func topkloss_simd() -> UnsafePointer<CChar>! {
  KernelChoice.current.instructionSet.cName
}

@implementation @_cdecl("topkloss_set_num_threads")
public func topkloss_set_num_threads(_ count: Int32) -> topkloss_status {
  reportingFailure { () throws(Failure) in try ThreadCount.set(Int(count)) }
}

@implementation @_cdecl("topkloss_get_num_threads")
public func topkloss_get_num_threads() -> Int32 { Int32(ThreadCount.current) }
