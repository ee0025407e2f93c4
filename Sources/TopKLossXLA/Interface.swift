import CXLA

/// XLA's functions, as far as they were found to be there.
struct Interface {
  let functions: UnsafePointer<xla_api>

  /// Without the one that makes errors nothing can be said.
  init?(_ frame: UnsafeMutablePointer<xla_call_frame>) {
    guard frame.pointee.struct_size >= Int(XLA_FRAME_HEAD_SIZE), let functions = frame.pointee.api,
      functions.pointee.struct_size >= Int(XLA_API_ERRORS_SIZE), xla_has_errors(functions) != 0
    else { return nil }
    self.functions = functions
  }

  /// The version that XLA speaks, if it is one that is spoken here.
  var minorVersion: Int? {
    let version = functions.pointee.api_version
    let minor = Int(version.minor_version)
    guard Int(version.major_version) == Int(XLA_MAJOR), minor >= Int(XLA_OLDEST_MINOR),
      minor <= Int(XLA_NEWEST_MINOR)
    else { return nil }
    return minor
  }

  /// Whether there are the functions that states need.
  var hasStates: Bool {
    let counted = minorVersion == 1 ? XLA_API_FIRST_SIZE : XLA_API_STATES_SIZE
    return functions.pointee.struct_size >= Int(counted) && xla_has_states(functions) != 0
  }

  func discard(_ error: OpaquePointer?) {
    guard let error else { return }
    var arguments = xla_error_destroy()
    arguments.struct_size = Int(XLA_ERROR_DESTROY_SIZE)
    arguments.error = error
    functions.pointee.error_destroy(&arguments)
  }
}
