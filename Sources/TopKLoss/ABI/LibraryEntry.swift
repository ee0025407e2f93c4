// swift-format-ignore-file: AlwaysUseLowerCamelCase
// Entry points have the names that the C header gives them.

import CTopKLoss

// Entry points that say something about the library, or set it up.

@implementation @_cdecl("topkloss_status_name")
public func topkloss_status_name(_ status: topkloss_status) -> UnsafePointer<CChar>! {
  name(ofStatus: status).cString
}

@implementation @_cdecl("topkloss_last_error")
public func topkloss_last_error() -> UnsafePointer<CChar>! {
  ThreadState.current()?.lastError ?? ("the system gave no memory" as StaticString).cString
}

@implementation @_cdecl("topkloss_version")
public func topkloss_version() -> UnsafePointer<CChar>! {
  headerVersion.cString
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
public func topkloss_get_num_threads() -> Int32 {
  Int32(ThreadCount.current.within(HostOpenMP.current()))
}

@implementation @_cdecl("topkloss_trim")
public func topkloss_trim() { Workspace.trim() }
