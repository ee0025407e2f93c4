import CKernels

// The two 16-bit storage types, converted with integer operations on whole vectors: the same bits on every
// instruction set, and no call where the processor lacks a conversion. Kernels never see them: a row is widened to
// float32 before, and its gradient narrowed after.

/// A 16-bit storage type, given by its conversions.
protocol HalfElement {
  static func widen(_ bits: Bits) -> FloatLanes
  /// Rounds to nearest even.
  static func narrow(_ numbers: FloatLanes) -> Bits

  /// Narrows as many numbers as it can two vectors at a time, and returns how many.
  static func narrowPairs(
    _ numbers: UnsafeRawPointer, _ row: UnsafeMutableRawPointer, _ count: Int
  ) -> Int
}

extension HalfElement {
  @inline(__always)
  static func narrowPairs(
    _ numbers: UnsafeRawPointer, _ row: UnsafeMutableRawPointer, _ count: Int
  ) -> Int { 0 }
}

/// Widens a row into float32.
@inline(never)
func widen<H: HalfElement>(
  _ row: UnsafeRawPointer, _ numbers: UnsafeMutableRawPointer, _ count: Int, _: H.Type
) {
  forEachVector(count) { index, count in
    FloatLanes.store(H.widen(loadHalves(row, index, count)), numbers, index, count: count)
  }
}

/// Rounds float32 numbers into a row.
@inline(never)
func narrow<H: HalfElement>(
  _ numbers: UnsafeRawPointer, _ row: UnsafeMutableRawPointer, _ count: Int, _: H.Type
) {
  let done = H.narrowPairs(numbers, row, count)
  let (numbers, row) = (numbers + done &* 4, row + done &* 2)
  forEachVector(count &- done) { index, count in
    let vector = FloatLanes.load(numbers, index, count: count, filler: 0)
    storeHalves(H.narrow(vector), row, index, count)
  }
}

/// Vectors of a row, the last of which lies over its predecessor; in rows shorter than a vector, a part of one. The body
/// is there three times, so that nothing is asked within the loop: 5 instructions a vector widen bfloat16, 13 narrow it (8
/// where two vectors are narrowed together).
@inline(__always)
private func forEachVector(_ count: Int, _ body: (_ index: Int, _ count: Int) -> Void) {
  let width = FloatLanes.width
  if count < width {
    if count > 0 { body(0, count) }
    return
  }
  var index = 0
  while index <= count &- width {
    body(index, width)
    index &+= width
  }
  if index < count { body(count &- width, width) }
}

@inline(__always)
private func loadHalves(_ row: UnsafeRawPointer, _ index: Int, _ count: Int) -> Bits {
  var halves = SIMD16<UInt16>()
  if count == FloatLanes.width {
    halves = row.loadUnaligned(fromByteOffset: index &* 2, as: SIMD16<UInt16>.self)
  } else {
    withUnsafeMutableBytes(of: &halves) { bytes in
      bytes.baseAddress?.copyMemory(from: row + index &* 2, byteCount: count &* 2)
    }
  }
  return Bits(lanes_widen_u16(halves))
}

@inline(__always)
private func storeHalves(
  _ bits: Bits, _ row: UnsafeMutableRawPointer, _ index: Int, _ count: Int
) {
  let halves = lanes_narrow_u32(bits.lanes)
  if count == FloatLanes.width {
    row.storeBytes(of: halves, toByteOffset: index &* 2, as: SIMD16<UInt16>.self)
  } else {
    withUnsafeBytes(of: halves) { bytes in
      if let base = bytes.baseAddress {
        (row + index &* 2).copyMemory(from: base, byteCount: count &* 2)
      }
    }
  }
}

/// bfloat16: the upper half of a float32.
enum BFloat16Element: HalfElement {
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

  /// The same but for NaN, which ends it.
  @inline(__always)
  static func narrowPairs(
    _ numbers: UnsafeRawPointer, _ row: UnsafeMutableRawPointer, _ count: Int
  ) -> Int {
    var index = 0
    while index &+ 2 &* FloatLanes.width <= count {
      let first = FloatLanes.load(numbers, index)
      let second = FloatLanes.load(numbers, index &+ FloatLanes.width)
      let areNumbers = FloatLanes.both(
        FloatLanes.equal(first, first), FloatLanes.equal(second, second))
      if !FloatLanes.allTrue(areNumbers) { break }
      let halves = lanes_upper_halves(roundedUp(first).lanes, roundedUp(second).lanes)
      row.storeBytes(of: halves, toByteOffset: index &* 2, as: SIMD32<UInt16>.self)
      index &+= 2 &* FloatLanes.width
    }
    return index
  }

  @inline(__always)
  private static func roundedUp(_ numbers: FloatLanes) -> Bits {
    let bits = Bits(of: numbers)
    return bits + Bits(0x7FFF) + ((bits >> 16) & Bits(1))
  }
}

/// IEEE binary16: 5 bits of exponent, 10 of significand.
enum Float16Element: HalfElement {
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
