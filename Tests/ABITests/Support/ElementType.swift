/// The element types of the interface, with their numbers spelled out.
enum ElementType: Int32, CaseIterable, Sendable {
  case float32 = 0
  case float64 = 1
  case float16 = 2
  case bfloat16 = 3

  var size: Int {
    switch self {
    case .float32: 4
    case .float64: 8
    case .float16, .bfloat16: 2
    }
  }

  /// Half a unit in the last place of a stored result, relative.
  var storageError: Double {
    switch self {
    case .float32: 0x1p-24
    case .float64: 0x1p-53
    case .float16: 0x1p-11
    case .bfloat16: 0x1p-8
    }
  }

  /// Half the distance between the smallest results that can be stored.
  var smallestStep: Double {
    switch self {
    case .float32, .bfloat16: 0x1p-126
    case .float64: 0x1p-1022
    case .float16: 0x1p-25
    }
  }

  /// Machine epsilon of the arithmetic: float32 for all types but float64.
  var arithmeticError: Double { self == .float64 ? 0x1p-52 : 0x1p-23 }

  func store(_ number: Double, to address: UnsafeMutableRawPointer) {
    switch self {
    case .float32: address.storeBytes(of: Float(number), as: Float.self)
    case .float64: address.storeBytes(of: number, as: Double.self)
    case .float16: address.storeBytes(of: Float16(Float(number)), as: Float16.self)
    case .bfloat16: address.storeBytes(of: Self.bfloat16Bits(Float(number)), as: UInt16.self)
    }
  }

  func load(from address: UnsafeRawPointer) -> Double {
    switch self {
    case .float32: Double(address.loadUnaligned(as: Float.self))
    case .float64: address.loadUnaligned(as: Double.self)
    case .float16: Double(Float(address.loadUnaligned(as: Float16.self)))
    case .bfloat16:
      Double(Float(bitPattern: UInt32(address.loadUnaligned(as: UInt16.self)) << 16))
    }
  }

  /// The number that an element holds after `number` is stored in it.
  func rounded(_ number: Double) -> Double {
    withUnsafeTemporaryAllocation(byteCount: 8, alignment: 8) { bytes in
      guard let address = bytes.baseAddress else { return .nan }
      store(number, to: address)
      return load(from: address)
    }
  }

  /// To nearest, ties to even; NaN stays NaN.
  private static func bfloat16Bits(_ number: Float) -> UInt16 {
    let bits = number.bitPattern
    if number.isNaN { return UInt16(bits >> 16) | 0x0040 }
    return UInt16((bits &+ 0x7FFF &+ ((bits >> 16) & 1)) >> 16)
  }
}
