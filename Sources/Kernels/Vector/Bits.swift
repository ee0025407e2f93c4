import CKernels

/// Thirty-two bits a lane: the words of the generator, and the bits of float32 numbers.
///
/// The standard library's operators on integer vectors, addition apart, loop over lanes; these are single
/// instructions.
struct Bits: BitwiseCopyable {
  let lanes: SIMD16<UInt32>

  @inline(__always)
  init(_ lanes: SIMD16<UInt32>) { self.lanes = lanes }

  @inline(__always)
  init(_ value: UInt32) { lanes = lanes_splat_u32(value) }

  @inline(__always)
  init(of numbers: FloatLanes) { lanes = lanes_bits_f32(numbers) }

  /// Lane 0.
  @inline(__always)
  var first: UInt32 { lanes[0] }

  /// The float32 numbers that have these bits.
  @inline(__always)
  var asFloat: FloatLanes { lanes_from_bits_f32(lanes) }

  @inline(__always)
  static func + (a: Bits, b: Bits) -> Bits { Bits(a.lanes &+ b.lanes) }

  @inline(__always)
  static func - (a: Bits, b: Bits) -> Bits { Bits(a.lanes &- b.lanes) }

  @inline(__always)
  static func & (a: Bits, b: Bits) -> Bits { Bits(lanes_and(a.lanes, b.lanes)) }

  @inline(__always)
  static func | (a: Bits, b: Bits) -> Bits { Bits(lanes_or(a.lanes, b.lanes)) }

  @inline(__always)
  static func ^ (a: Bits, b: Bits) -> Bits { Bits(lanes_xor(a.lanes, b.lanes)) }

  @inline(__always)
  static func << (a: Bits, count: UInt32) -> Bits { Bits(lanes_shift_left(a.lanes, count)) }

  @inline(__always)
  static func >> (a: Bits, count: UInt32) -> Bits { Bits(lanes_shift_right(a.lanes, count)) }

  /// Shifts right, filling with the sign.
  @inline(__always)
  func shiftedArithmetically(_ count: UInt32) -> Bits {
    Bits(lanes_shift_right_arithmetic(lanes, count))
  }

  @inline(__always)
  static func less(_ a: Bits, _ b: Bits) -> FloatLanes.Mask { lanes_less_u32(a.lanes, b.lanes) }

  @inline(__always)
  static func equal(_ a: Bits, _ b: Bits) -> FloatLanes.Mask { lanes_equal_u32(a.lanes, b.lanes) }

  /// `other` where the mask is set.
  @inline(__always)
  func selecting(_ other: Bits, where mask: FloatLanes.Mask) -> Bits {
    Bits(lanes_select_u32(mask, lanes, other.lanes))
  }
}
