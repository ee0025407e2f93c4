import CXLA

/// The attributes of a call, whose frame was found to have them.
struct Attributes {
  private let api: Interface
  private let list: xla_attributes

  init(_ api: Interface, _ list: xla_attributes) throws(Fault) {
    let isThere = list.types != nil && list.names != nil && list.values != nil
    guard list.struct_size >= Int(XLA_ATTRIBUTES_SIZE), list.count >= 0,
      list.count <= 1 << 16, list.count == 0 || isThere
    else {
      throw Fault(api, "topkloss: the frame's %.*s are not as XLA has them", Name("attributes"))
    }
    (self.api, self.list) = (api, list)
  }

  var count: Int { Int(list.count) }

  func name(at index: Int) throws(Fault) -> Name {
    guard let span = list.names[index]?.pointee, let name = Name(span) else {
      throw Fault(api, "topkloss: a %.*s has no name", Name("frame's attribute"))
    }
    return name
  }

  private func value(_ name: Name, _ type: Int) throws(Fault) -> UnsafeMutableRawPointer? {
    for index in 0..<count where try self.name(at: index) == name {
      guard Int(list.types[index]) == type, let value = list.values[index] else {
        throw Fault(api, "topkloss: the attribute %.*s has another type than it must have", name)
      }
      return value
    }
    return nil
  }

  private func scalar(_ name: Name, _ dtype: Int) throws(Fault) -> UnsafeMutableRawPointer? {
    guard let place = try value(name, Int(XLA_SCALAR)) else { return nil }
    let scalar = place.assumingMemoryBound(to: xla_scalar.self).pointee
    guard Int(scalar.dtype) == dtype, let value = scalar.value else {
      throw Fault(api, "topkloss: the attribute %.*s has another type than it must have", name)
    }
    return value
  }

  func integer(_ name: Name) throws(Fault) -> Int? {
    try scalar(name, Int(XLA_S64))?.loadUnaligned(as: Int.self)
  }

  func number(_ name: Name) throws(Fault) -> Double? {
    try scalar(name, Int(XLA_F64))?.loadUnaligned(as: Double.self)
  }

  func vector(_ name: Name) throws(Fault) -> (UnsafeMutableRawPointer?, count: Int)? {
    guard let place = try value(name, Int(XLA_ARRAY)) else { return nil }
    let array = place.assumingMemoryBound(to: xla_array.self).pointee
    guard Int(array.dtype) == Int(XLA_F64), array.count <= 1 << 40,
      array.data != nil || array.count == 0
    else {
      throw Fault(api, "topkloss: the attribute %.*s has another type than it must have", name)
    }
    return (array.data, Int(array.count))
  }

  func text(_ name: Name) throws(Fault) -> Name {
    guard let place = try value(name, Int(XLA_STRING)) else { throw missing(name) }
    let span = place.assumingMemoryBound(to: xla_span.self).pointee
    guard let text = Name(span) else {
      throw Fault(api, "topkloss: the attribute %.*s has no text", name)
    }
    return text
  }

  func required(_ name: StaticString) throws(Fault) -> Int {
    guard let value = try integer(Name(name)) else { throw missing(Name(name)) }
    return value
  }

  func missing(_ name: Name) -> Fault {
    Fault(api, "topkloss: the call has no attribute %.*s", name)
  }
}
