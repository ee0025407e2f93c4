// The two 16-bit storage types, converted with integer operations on whole vectors: the same bits on every
// instruction set, and no call where the processor lacks a conversion.

/// A 16-bit storage type, given by its conversions.
protocol HalfElement: Element where Vector == FloatLanes {
  static func widen(_ bits: SIMD16<UInt32>) -> FloatLanes
  static func narrow(_ numbers: FloatLanes) -> SIMD16<UInt32>
}

extension HalfElement {
  @inline(__always) static var byteCount: Int { 2 }
  @inline(__always) static var isArithmeticType: Bool { false }

  @inline(__always)
  static func load(_ row: UnsafeRawPointer, _ index: Int) -> FloatLanes {
    widen(
      SIMD16<UInt32>(
        truncatingIfNeeded: row.loadUnaligned(
          fromByteOffset: index &* 2, as: SIMD16<UInt16>.self)))
  }

  @inline(__always)
  static func store(_ vector: FloatLanes, _ row: UnsafeMutableRawPointer, _ index: Int) {
    row.storeBytes(
      of: SIMD16<UInt16>(truncatingIfNeeded: narrow(vector)), toByteOffset: index &* 2,
      as: SIMD16<UInt16>.self)
  }

  @inline(__always)
  static func loadScalar(_ row: UnsafeRawPointer, _ index: Int) -> Float {
    let bits = row.loadUnaligned(fromByteOffset: index &* 2, as: UInt16.self)
    return widen(SIMD16<UInt32>(repeating: UInt32(truncatingIfNeeded: bits)))[0]
  }

  @inline(__always)
  static func storeScalar(_ number: Float, _ row: UnsafeMutableRawPointer, _ index: Int) {
    let bits = narrow(FloatLanes(repeating: number))[0]
    row.storeBytes(
      of: UInt16(truncatingIfNeeded: bits), toByteOffset: index &* 2, as: UInt16.self)
  }
}

/// bfloat16: the upper half of a float32.
enum BFloat16Element: HalfElement {
  typealias Vector = FloatLanes

  @inline(__always)
  static func widen(_ bits: SIMD16<UInt32>) -> FloatLanes {
    unsafeBitCast(bits &<< SIMD16<UInt32>(repeating: 16), to: FloatLanes.self)
  }

  /// Adds half of the last place kept, less one where that place is even, then cuts. A NaN keeps its sign and
  /// gets its quiet bit, which cutting alone could lose.
  @inline(__always)
  static func narrow(_ numbers: FloatLanes) -> SIMD16<UInt32> {
    let bits = unsafeBitCast(numbers, to: SIMD16<UInt32>.self)
    let sixteen = SIMD16<UInt32>(repeating: 16)
    let cut = bits &>> sixteen
    let odd = cut & SIMD16<UInt32>(repeating: 1)
    let rounded = (bits &+ SIMD16<UInt32>(repeating: 0x7FFF) &+ odd) &>> sixteen
    return rounded.replacing(
      with: cut | SIMD16<UInt32>(repeating: 0x40), where: .!(numbers .== numbers))
  }
}

/// IEEE binary16: 5 bits of exponent, 10 of significand.
enum Float16Element: HalfElement {
  typealias Vector = FloatLanes

  /// A normal number's exponent is raised by 112. A subnormal one is 2^-14 short of the float32 that has its
  /// significand and the exponent of 2^-14. Infinity and NaN get the largest exponent.
  @inline(__always)
  static func widen(_ bits: SIMD16<UInt32>) -> FloatLanes {
    let sign =
      (bits & SIMD16<UInt32>(repeating: 0x8000)) &<< SIMD16<UInt32>(repeating: 16)
    let magnitude =
      (bits & SIMD16<UInt32>(repeating: 0x7FFF)) &<< SIMD16<UInt32>(repeating: 13)
    var result = magnitude &+ SIMD16<UInt32>(repeating: 112 << 23)
    let smallest = FloatLanes(repeating: 0x1p-14)
    let above = magnitude | unsafeBitCast(smallest, to: SIMD16<UInt32>.self)
    result.replace(
      with: unsafeBitCast(
        unsafeBitCast(above, to: FloatLanes.self) - smallest, to: SIMD16<UInt32>.self),
      where: magnitude .< SIMD16<UInt32>(repeating: 0x400 << 13))
    result.replace(
      with: magnitude | SIMD16<UInt32>(repeating: 0x7F80_0000),
      where: magnitude .>= SIMD16<UInt32>(repeating: 0x7C00 << 13))
    return unsafeBitCast(result | sign, to: FloatLanes.self)
  }

  /// Normal results are rounded by adding half of the last place kept to the bits. Subnormal ones are rounded
  /// by the processor: adding 0.5 to a number below 2^-14 leaves, in the sum's low bits, its multiple of 2^-24.
  @inline(__always)
  static func narrow(_ numbers: FloatLanes) -> SIMD16<UInt32> {
    let bits = unsafeBitCast(numbers, to: SIMD16<UInt32>.self)
    let sign = (bits &>> SIMD16<UInt32>(repeating: 16)) & SIMD16<UInt32>(repeating: 0x8000)
    let magnitude = bits & SIMD16<UInt32>(repeating: 0x7FFF_FFFF)
    let odd = (magnitude &>> SIMD16<UInt32>(repeating: 13)) & SIMD16<UInt32>(repeating: 1)
    let rebias = SIMD16<UInt32>(repeating: 0xFFF &- (112 << 23))
    let normal = (magnitude &+ rebias &+ odd) &>> SIMD16<UInt32>(repeating: 13)
    let half = FloatLanes(repeating: 0.5)
    let subnormal =
      unsafeBitCast(
        unsafeBitCast(magnitude, to: FloatLanes.self) + half, to: SIMD16<UInt32>.self)
      &- unsafeBitCast(half, to: SIMD16<UInt32>.self)
    var result = normal.replacing(
      with: subnormal, where: magnitude .< SIMD16<UInt32>(repeating: 0x3880_0000))
    // From 65520 up, infinity; NaN stays NaN.
    result.replace(
      with: SIMD16<UInt32>(repeating: 0x7C00),
      where: magnitude .>= SIMD16<UInt32>(repeating: 0x477F_F000))
    result.replace(
      with: SIMD16<UInt32>(repeating: 0x7E00),
      where: magnitude .> SIMD16<UInt32>(repeating: 0x7F80_0000))
    return result | sign
  }
}
