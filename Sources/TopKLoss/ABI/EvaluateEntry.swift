// swift-format-ignore-file: AlwaysUseLowerCamelCase
// Entry points have the names that the C header gives them.

import CTopKLoss

// Handles and evaluation. A handle is a retained `Loss`.

/// Makes a handle of the loss that `prepare` makes.
func createLoss(
  _ out: UnsafeMutablePointer<OpaquePointer?>?, _ prepare: () throws(Failure) -> Loss
) -> topkloss_status {
  reportingFailure { () throws(Failure) in
    let out = try required(out, "out")
    out.pointee = nil
    try Memory.requireSome()
    out.pointee = OpaquePointer(Unmanaged.passRetained(try prepare()).toOpaque())
  }
}

/// Fills the caller's options with defaults.
func initializeOptions<T: BitwiseCopyable>(
  _ options: UnsafeMutablePointer<T>?, _ structSize: Int, _ defaults: T
) -> topkloss_status {
  reportingFailure { () throws(Failure) in
    try initializeStruct(options, structSize, "options", defaults)
  }
}

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

@implementation @_cdecl("topkloss_batch_init")
public func topkloss_batch_init(
  _ batch: UnsafeMutablePointer<topkloss_batch>!, _ struct_size: Int
) -> topkloss_status {
  reportingFailure { () throws(Failure) in
    try initializeStruct(batch, struct_size, "batch", topkloss_batch())
  }
}

@implementation @_cdecl("topkloss_result_init")
public func topkloss_result_init(
  _ result: UnsafeMutablePointer<topkloss_result>!, _ struct_size: Int
) -> topkloss_status {
  reportingFailure { () throws(Failure) in
    try initializeStruct(result, struct_size, "result", topkloss_result())
  }
}
