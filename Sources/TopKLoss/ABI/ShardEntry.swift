// swift-format-ignore-file: AlwaysUseLowerCamelCase
// Entry points have the names that the C header gives them.

import CTopKLoss

// Classes over ranks.

@implementation @_cdecl("topkloss_shard_bytes")
public func topkloss_shard_bytes(
  _ loss: OpaquePointer!, _ bytes: UnsafeMutablePointer<Int64>!
) -> topkloss_status {
  let handle: OpaquePointer? = loss
  let given: UnsafeMutablePointer<Int64>? = bytes
  return reportingFailure { () throws(Failure) in
    let bytes = try handledLoss(handle).stateBytes()
    try required(given, "bytes").pointee = Int64(bytes)
  }
}

@implementation @_cdecl("topkloss_shard_partial")
public func topkloss_shard_partial(
  _ loss: OpaquePointer!, _ batch: UnsafePointer<topkloss_batch>!,
  _ shard: UnsafePointer<topkloss_shard>!, _ states: UnsafeMutableRawPointer!
) -> topkloss_status {
  let handle: OpaquePointer? = loss
  let given: UnsafeMutableRawPointer? = states
  return reportingFailure { () throws(Failure) in
    try writeStates(try handledLoss(handle), batch, shard, into: given)
  }
}

@implementation @_cdecl("topkloss_shard_complete")
public func topkloss_shard_complete(
  _ loss: OpaquePointer!, _ batch: UnsafePointer<topkloss_batch>!,
  _ shard: UnsafePointer<topkloss_shard>!, _ result: UnsafeMutablePointer<topkloss_result>!
) -> topkloss_status {
  let handle: OpaquePointer? = loss
  return reportingFailure { () throws(Failure) in
    let loss = try handledLoss(handle)
    let (batch, shard) = try checkedShard(loss, batch, shard, hasStates: true)
    try evaluate(loss, batch, shard, result)
  }
}
