import CTopKLoss
import CXLA

/// Attributes that are of the call, and no options of its loss.
private func isOfTheCall(_ name: Name) -> Bool {
  name == "loss" || name == "operands" || name == "results" || name == "row_axes"
    || name == "rows_are_compared" || name == "gradient_scale"
}

/// A loss with the options that the attributes set, to be freed by whoever asked for it.
func makeLoss(
  _ api: Interface, _ attributes: Attributes, _ library: Library
) throws(Fault) -> MadeLoss {
  let kind = try loss(api, named: try attributes.text(Name("loss")))
  guard let initialize = dlsym(library.handle, kind.initialize),
    let create = dlsym(library.handle, kind.create)
  else {
    throw Fault(
      api, "topkloss: libtopkloss.so has no function %.*s", Name(cString: kind.create),
      code: Int(XLA_FAILED_PRECONDITION))
  }
  guard let options = calloc(1, kind.size) else { throw .noMemory(api) }
  defer { free(options) }
  let initialized = unsafeBitCast(
    initialize, to: (@convention(c) (UnsafeMutableRawPointer, Int) -> topkloss_status).self)(
      options, kind.size)
  guard initialized == TOPKLOSS_OK else { throw Fault(api, initialized, library) }
  try set(api, options, of: kind, attributes)
  var made: OpaquePointer?
  let status = unsafeBitCast(
    create,
    to: (@convention(c) (UnsafeMutableRawPointer, UnsafeMutablePointer<OpaquePointer?>)
      -> topkloss_status).self)(options, &made)
  guard status == TOPKLOSS_OK, let made else { throw Fault(api, status, library) }
  return MadeLoss(handle: made, samples: try attributes.integer(Name("n_samples")) ?? 0)
}

private func loss(_ api: Interface, named name: Name) throws(Fault) -> xla_loss {
  var count: Int64 = 0
  if let losses = xla_losses(&count) {
    for index in 0..<Int(count) where Name(cString: losses[index].name) == name {
      return losses[index]
    }
  }
  throw Fault(api, "topkloss: there is no loss %.*s", name)
}

private func set(
  _ api: Interface, _ options: UnsafeMutableRawPointer, of kind: xla_loss, _ attributes: Attributes
) throws(Fault) {
  let places = UnsafeBufferPointer(start: kind.options, count: Int(kind.option_count))
  for index in 0..<attributes.count {
    let name = try attributes.name(at: index)
    // The values of rows have one reduction, set below.
    let isOption = places.contains { Name(cString: $0.name) == name } && !(name == "reduction")
    guard isOption || isOfTheCall(name) else {
      throw Fault(api, "topkloss: %.*s is no option of the loss", name)
    }
  }
  let length: StaticString =
    places.contains { Name(cString: $0.name) == "classes" } ? "classes" : "k"
  for place in places {
    let name = Name(cString: place.name)
    let target = options + place.offset
    switch Int(place.kind) {
    case Int(XLA_OPTION_DOUBLE):
      if let number = try attributes.number(name) { target.storeBytes(of: number, as: Double.self) }
    case Int(XLA_OPTION_VECTOR):
      guard let vector = try attributes.vector(name) else { continue }
      let expected = try attributes.required(length)
      guard vector.count == expected else {
        throw Fault(
          api, "topkloss: %.*s has %lld numbers, and must have %lld", name, vector.count, expected)
      }
      target.storeBytes(of: vector.0, as: UnsafeMutableRawPointer?.self)
    case Int(XLA_OPTION_INT32):
      if name == "reduction" {
        target.storeBytes(of: Int32(TOPKLOSS_NONE), as: Int32.self)
      } else if let number = try attributes.integer(name) {
        guard let short = Int32(exactly: number) else {
          throw Fault(api, "topkloss: %.*s is %lld, which is out of range", name, number)
        }
        target.storeBytes(of: short, as: Int32.self)
      }
    default:
      if let number = try attributes.integer(name) { target.storeBytes(of: number, as: Int.self) }
    }
  }
}
