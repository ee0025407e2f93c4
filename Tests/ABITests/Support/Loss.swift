import CTopKLoss

/// A loss handle, freed with its last reference. Handles may be used by many threads at once.
final class Loss: @unchecked Sendable {
  let handle: OpaquePointer

  /// - Parameter create: one of the create functions, with its options filled in.
  init(_ create: (UnsafeMutablePointer<OpaquePointer?>) -> topkloss_status) throws {
    var created: OpaquePointer?
    try check(create(&created))
    guard let created else { throw NoHandle() }
    handle = created
  }

  deinit { topkloss_loss_destroy(handle) }

  /// A create function said that it succeeded and gave nothing.
  struct NoHandle: Error {}
}

/// Calls `body` with the address of the numbers, or with NULL where there are none.
func withPointer<Result>(
  _ numbers: [Double]?, _ body: (UnsafePointer<Double>?) throws -> Result
) rethrows -> Result {
  guard let numbers else { return try body(nil) }
  return try numbers.withUnsafeBufferPointer { try body($0.baseAddress) }
}
