import CGPU

/// What a row is stored as.
protocol Element: BitwiseCopyable {
  static func widen(_ stored: Self) -> Float
  /// Rounds to nearest even.
  static func narrow(_ number: Float) -> Self

  // Four elements, at an address that is a multiple of their bytes.
  static func load4(_ address: UnsafePointer<Self>) -> (Float, Float, Float, Float)
  static func store4(_ numbers: (Float, Float, Float, Float), _ address: UnsafeMutablePointer<Self>)
}

extension Float: Element {
  @inline(__always) static func widen(_ stored: Float) -> Float { stored }
  @inline(__always) static func narrow(_ number: Float) -> Float { number }

  @inline(__always)
  static func load4(_ address: UnsafePointer<Float>) -> (Float, Float, Float, Float) {
    let four = gpu_load4_f32(address)
    return (four.x, four.y, four.z, four.w)
  }

  @inline(__always)
  static func store4(
    _ numbers: (Float, Float, Float, Float), _ address: UnsafeMutablePointer<Float>
  ) {
    UnsafeMutableRawPointer(address).assumingMemoryBound(to: SIMD4<Float>.self).pointee =
      SIMD4(numbers.0, numbers.1, numbers.2, numbers.3)
  }
}

/// An element of 16 bits.
protocol HalfElement: Element {
  init(bits: UInt16)
  var bits: UInt16 { get }
}

extension HalfElement {
  @inline(__always)
  static func load4(_ address: UnsafePointer<Self>) -> (Float, Float, Float, Float) {
    let four = gpu_load8(address)
    return (word(four, 0), word(four, 16), word(four, 32), word(four, 48))
  }

  @inline(__always)
  private static func word(_ four: UInt64, _ shift: UInt64) -> Float {
    widen(Self(bits: UInt16(truncatingIfNeeded: four &>> shift)))
  }

  @inline(__always)
  static func store4(
    _ numbers: (Float, Float, Float, Float), _ address: UnsafeMutablePointer<Self>
  ) {
    let low = UInt64(narrow(numbers.0).bits) | UInt64(narrow(numbers.1).bits) &<< 16
    let high = UInt64(narrow(numbers.2).bits) | UInt64(narrow(numbers.3).bits) &<< 16
    UnsafeMutableRawPointer(address).assumingMemoryBound(to: UInt64.self).pointee =
      low | high &<< 32
  }
}

extension Float16: HalfElement {
  @inline(__always) init(bits: UInt16) { self.init(bitPattern: bits) }
  @inline(__always) var bits: UInt16 { bitPattern }
  @inline(__always) static func widen(_ stored: Float16) -> Float { Float(stored) }
  @inline(__always) static func narrow(_ number: Float) -> Float16 { Float16(number) }
}

struct BFloat16: HalfElement {
  let bits: UInt16

  @inline(__always) init(bits: UInt16) { self.bits = bits }

  @inline(__always)
  static func widen(_ stored: BFloat16) -> Float { Float(bitPattern: UInt32(stored.bits) &<< 16) }

  /// As BFloat16Element does it.
  @inline(__always)
  static func narrow(_ number: Float) -> BFloat16 {
    let bits = number.bitPattern
    let cut = bits &>> 16
    let rounded = (bits &+ 0x7FFF &+ (cut & 1)) &>> 16
    return BFloat16(bits: UInt16(truncatingIfNeeded: number.isNaN ? cut | 0x40 : rounded))
  }
}
