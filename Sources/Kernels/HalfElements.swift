import CKernels

// The two 16-bit storage types, converted with integer operations on whole vectors: the same bits on every
// instruction set, and no call where the processor lacks a conversion.

/// A 16-bit storage type, given by its conversions.
protocol HalfElement: Element where Vector == FloatLanes {
  static func widen(_ bits: Bits) -> FloatLanes
  static func narrow(_ numbers: FloatLanes) -> Bits
}

extension HalfElement {
  @inline(__always) static var byteCount: Int { 2 }
  @inline(__always) static var isArithmeticType: Bool { false }

  @inline(__always)
  static func load(_ row: UnsafeRawPointer, _ index: Int) -> FloatLanes {
    widen(
      Bits(
        lanes_widen_u16(
          row.loadUnaligned(fromByteOffset: index &* 2, as: SIMD16<UInt16>.self))))
  }

  @inline(__always)
  static func store(_ vector: FloatLanes, _ row: UnsafeMutableRawPointer, _ index: Int) {
    row.storeBytes(
      of: lanes_narrow_u32(narrow(vector).lanes), toByteOffset: index &* 2,
      as: SIMD16<UInt16>.self)
  }

  @inline(__always)
  static func loadScalar(_ row: UnsafeRawPointer, _ index: Int) -> Float {
    let bits = row.loadUnaligned(fromByteOffset: index &* 2, as: UInt16.self)
    return widen(Bits(UInt32(truncatingIfNeeded: bits)))[0]
  }

  @inline(__always)
  static func storeScalar(_ number: Float, _ row: UnsafeMutableRawPointer, _ index: Int) {
    let bits = narrow(FloatLanes.splat(number)).lanes[0]
    row.storeBytes(
      of: UInt16(truncatingIfNeeded: bits), toByteOffset: index &* 2, as: UInt16.self)
  }
}

/// bfloat16: the upper half of a float32.
enum BFloat16Element: HalfElement {
  typealias Vector = FloatLanes

  @inline(__always)
  static func widen(_ bits: Bits) -> FloatLanes { (bits << 16).asFloat }

  /// Adds half of the last place kept, less one where that place is even, then cuts. A NaN keeps its sign and
  /// gets its quiet bit, which cutting alone could lose.
  @inline(__always)
  static func narrow(_ numbers: FloatLanes) -> Bits {
    let bits = Bits(of: numbers)
    let cut = bits >> 16
    let rounded = (bits + Bits(0x7FFF) + (cut & Bits(1))) >> 16
    return rounded.selecting(
      cut | Bits(0x40), where: Bits.less(Bits(0x7F80_0000), bits & Bits(0x7FFF_FFFF)))
  }
}

/// IEEE binary16: 5 bits of exponent, 10 of significand.
enum Float16Element: HalfElement {
  typealias Vector = FloatLanes

  /// A normal number's exponent is raised by 112. A subnormal one is 2^-14 short of the float32 that has its
  /// significand and the exponent of 2^-14. Infinity and NaN get the largest exponent.
  @inline(__always)
  static func widen(_ bits: Bits) -> FloatLanes {
    let sign = (bits & Bits(0x8000)) << 16
    let magnitude = (bits & Bits(0x7FFF)) << 13
    let smallest = FloatLanes.splat(0x1p-14)
    let subnormal = Bits(of: (magnitude | Bits(of: smallest)).asFloat - smallest)
    return
      ((magnitude + Bits(112 << 23))
      .selecting(subnormal, where: Bits.less(magnitude, Bits(0x400 << 13)))
      .selecting(
        magnitude | Bits(0x7F80_0000), where: Bits.less(Bits(0x7BFF << 13), magnitude))
      | sign).asFloat
  }

  /// Normal results are rounded by adding half of the last place kept to the bits. Subnormal ones are rounded
  /// by the processor: adding 0.5 to a number below 2^-14 leaves, in the sum's low bits, its multiple of 2^-24.
  /// From 65520 up the result is infinity; NaN stays NaN.
  @inline(__always)
  static func narrow(_ numbers: FloatLanes) -> Bits {
    let bits = Bits(of: numbers)
    let sign = (bits >> 16) & Bits(0x8000)
    let magnitude = bits & Bits(0x7FFF_FFFF)
    let odd = (magnitude >> 13) & Bits(1)
    let normal = (magnitude + Bits(0xFFF) - Bits(112 << 23) + odd) >> 13
    let half = FloatLanes.splat(0.5)
    let subnormal = Bits(of: magnitude.asFloat + half) - Bits(of: half)
    return
      normal
      .selecting(subnormal, where: Bits.less(magnitude, Bits(0x3880_0000)))
      .selecting(Bits(0x7C00), where: Bits.less(Bits(0x477F_EFFF), magnitude))
      .selecting(Bits(0x7E00), where: Bits.less(Bits(0x7F80_0000), magnitude))
      | sign
  }
}
