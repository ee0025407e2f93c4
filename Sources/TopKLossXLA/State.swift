import CXLA

/// A loss, and how many samples it reads of the noise of each row, 0 if its options do not say.
struct MadeLoss {
  let handle: OpaquePointer
  let samples: Int
}

/// The loss of a call as XLA keeps it, from an executable's making to its end. How that is done differs between the versions
/// of XLA's interface that are known here; where it cannot be done, a loss is made in every call.
enum State {
  /// The number for the type, once it has been registered, of the copy of XLA that gave it. Others in the process, whose
  /// numbers mean other types, keep no losses.
  nonisolated(unsafe) private static var typeNumber = 0
  nonisolated(unsafe) private static var owner = 0
  nonisolated(unsafe) private static var isTaken = 0

  private static let deleter: @convention(c) (UnsafeMutableRawPointer?) -> Void = { object in
    guard let object else { return }
    Library.shared?.destroy(object.assumingMemoryBound(to: MadeLoss.self).pointee.handle)
    free(object)
  }

  private static func number(_ api: Interface) -> Int {
    xla_load(&owner) == xla_copy(api.functions) ? xla_load(&typeNumber) : 0
  }

  private static func type(_ api: Interface) -> (number: Int, minor: Int)? {
    guard let minor = api.minorVersion, api.hasStates else { return nil }
    let number = number(api)
    return number == 0 ? nil : (number, minor)
  }

  /// Registers the type, once, as is done before any executable is made. XLA refuses a name that it has.
  static func register(_ api: Interface) -> Int {
    guard api.hasStates, let minor = api.minorVersion else { return 0 }
    guard xla_claim(&isTaken) != 0 else { return number(api) }
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
    xla_store(&owner, xla_copy(api.functions))
    return Int(number.number)
  }

  /// Leaves the loss with XLA. False if it is still the caller's.
  static func keep(
    _ loss: MadeLoss, _ frame: xla_call_frame, _ api: Interface
  ) throws(Fault) -> Bool {
    // Where XLA's question came without its functions, this is the first that is seen of them.
    _ = register(api)
    guard let type = type(api) else { return false }
    guard let state = malloc(MemoryLayout<MadeLoss>.size) else { throw .noMemory(api) }
    state.initializeMemory(as: MadeLoss.self, to: loss)
    var identifier = xla_type_id(number: Int64(type.number))
    let error = withUnsafeMutablePointer(to: &identifier) { identifier in
      if type.minor < 3 {
        var arguments = xla_state_set_old()
        arguments.struct_size =
          type.minor == 1 ? Int(XLA_STATE_SET_FIRST_SIZE) : Int(XLA_STATE_SET_OLD_SIZE)
        arguments.context = frame.context
        arguments.type_id = identifier
        arguments.state = state
        arguments.deleter = deleter
        return api.functions.pointee.state_set(&arguments)
      }
      var arguments = Self.arguments(frame, identifier)
      arguments.state = state
      return api.functions.pointee.state_set(&arguments)
    }
    guard error == nil else {
      // A loss in every call does as well.
      api.discard(error)
      free(state)
      return false
    }
    return true
  }

  /// The loss that was left with XLA.
  static func loss(_ frame: xla_call_frame, _ api: Interface) -> MadeLoss? {
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
      return state?.assumingMemoryBound(to: MadeLoss.self).pointee
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
