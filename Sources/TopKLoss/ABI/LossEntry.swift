// swift-format-ignore-file: AlwaysUseLowerCamelCase
// Entry points have the names that the C header gives them.

import CTopKLoss

// Handles and evaluation. A handle is a retained `Loss`.

/// The loss that a handle stands for.
func handledLoss(_ handle: OpaquePointer?) throws(Failure) -> Loss {
  guard let handle else { throw .nullPointer("loss") }
  return Unmanaged<Loss>.fromOpaque(UnsafeRawPointer(handle)).takeUnretainedValue()
}

@implementation @_cdecl("topkloss_evaluate")
public func topkloss_evaluate(
  _ loss: OpaquePointer!, _ batch: UnsafePointer<topkloss_batch>!,
  _ result: UnsafeMutablePointer<topkloss_result>!
) -> topkloss_status {
  let handle: OpaquePointer? = loss
  return reportingFailure { () throws(Failure) in
    try evaluate(try handledLoss(handle), batch, result)
  }
}

@implementation @_cdecl("topkloss_loss_destroy")
public func topkloss_loss_destroy(_ loss: OpaquePointer!) {
  let handle: OpaquePointer? = loss
  if let handle { Unmanaged<Loss>.fromOpaque(UnsafeRawPointer(handle)).release() }
}
