import CXLA

/// The loss of a call as XLA keeps it, from an executable's making to its end. How that is done differs between the versions
/// of XLA's interface that are known here; where it cannot be done, a loss is made in every call.
enum State {
  /// XLA's number for the type, once it has been registered.
  nonisolated(unsafe) private static var typeNumber = 0
  nonisolated(unsafe) private static var isTaken = 0

  private static let deleter: @convention(c) (UnsafeMutableRawPointer?) -> Void = { object in
    if let object { Library.shared?.destroy(OpaquePointer(object)) }
  }

  private static func type(_ api: Interface) -> (number: Int, minor: Int)? {
    let number = xla_load(&typeNumber)
    guard number != 0, let minor = api.minorVersion, api.hasStates else { return nil }
    return (number, minor)
  }

  /// Registers the type, once, as is done before any executable is made. XLA refuses a name that it has.
  static func register(_ api: Interface) -> Int {
    guard api.hasStates, let minor = api.minorVersion else { return 0 }
    guard xla_claim(&isTaken) != 0 else { return xla_load(&typeNumber) }
    let name: StaticString = "topkloss_loss"
    var (number, info, arguments) = (xla_type_id(), xla_type_info(), xla_type_register())
    info.struct_size = Int(XLA_TYPE_INFO_SIZE)
    info.deleter = deleter
    let error = withUnsafeMutablePointer(to: &number) { number in
      withUnsafePointer(to: &info) { info in
        arguments.struct_size = Int(XLA_TYPE_REGISTER_SIZE)
        arguments.name = xla_span(start: name.cString, count: name.utf8CodeUnitCount)
        arguments.type_id = number
        arguments.type_info = minor > 1 ? info : nil
        return api.functions.pointee.type_register(&arguments)
      }
    }
    guard error == nil else {
      api.discard(error)
      return 0
    }
    xla_store(&typeNumber, Int(number.number))
    return Int(number.number)
  }

  /// Leaves the loss with XLA. False if it is still the caller's.
  static func keep(
    _ loss: OpaquePointer, _ frame: xla_call_frame, _ api: Interface
  ) throws(Fault) -> Bool {
    // Where XLA's question came without its functions, this is the first that is seen of them.
    _ = register(api)
    guard let type = type(api) else { return false }
    var identifier = xla_type_id(number: Int64(type.number))
    let error = withUnsafeMutablePointer(to: &identifier) { identifier in
      if type.minor < 3 {
        var arguments = xla_state_set_old()
        arguments.struct_size =
          type.minor == 1 ? Int(XLA_STATE_SET_FIRST_SIZE) : Int(XLA_STATE_SET_OLD_SIZE)
        arguments.context = frame.context
        arguments.type_id = identifier
        arguments.state = UnsafeMutableRawPointer(loss)
        arguments.deleter = deleter
        return api.functions.pointee.state_set(&arguments)
      }
      var arguments = Self.arguments(frame, identifier)
      arguments.state = UnsafeMutableRawPointer(loss)
      return api.functions.pointee.state_set(&arguments)
    }
    if let error { throw Fault(said: error) }
    return true
  }

  /// The loss that was left with XLA.
  static func loss(_ frame: xla_call_frame, _ api: Interface) -> OpaquePointer? {
    guard let type = type(api) else { return nil }
    var identifier = xla_type_id(number: Int64(type.number))
    return withUnsafeMutablePointer(to: &identifier) { identifier in
      let (error, state): (OpaquePointer?, UnsafeMutableRawPointer?)
      if type.minor < 3 {
        var arguments = xla_state_get_old()
        arguments.struct_size = Int(XLA_STATE_GET_OLD_SIZE)
        arguments.context = frame.context
        arguments.type_id = identifier
        error = api.functions.pointee.state_get(&arguments)
        state = arguments.state
      } else {
        var arguments = Self.arguments(frame, identifier)
        error = api.functions.pointee.state_get(&arguments)
        state = arguments.state
      }
      guard error == nil else {
        api.discard(error)
        return nil
      }
      return state.map { OpaquePointer($0) }
    }
  }

  private static func arguments(
    _ frame: xla_call_frame, _ identifier: UnsafeMutablePointer<xla_type_id>
  ) -> xla_state {
    var arguments = xla_state()
    arguments.struct_size = Int(XLA_STATE_SIZE)
    arguments.context = frame.context
    arguments.stage = Int32(XLA_INSTANTIATE)
    arguments.type_id = identifier
    return arguments
  }
}
