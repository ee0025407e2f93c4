import CKernels

extension SIMD16<Float>: Coefficient, Lanes, ProcessorLanes {
  typealias Mask = SIMD16<Int32>

  @inline(__always)
  static var width: Int { 16 }

  @inline(__always)
  static var quadrature: QuadraturePrecision { .float32 }

  @inline(__always)
  static func splat(_ number: Scalar) -> Self { lanes_splat_f32(number) }

  @inline(__always)
  static func + (a: Self, b: Self) -> Self { lanes_add_f32(a, b) }

  @inline(__always)
  static func - (a: Self, b: Self) -> Self { lanes_subtract_f32(a, b) }

  @inline(__always)
  static func * (a: Self, b: Self) -> Self { lanes_multiply_f32(a, b) }

  @inline(__always)
  static func quotient(_ a: Self, _ b: Self) -> Self { lanes_divide_f32(a, b) }

  @inline(__always)
  static func load(_ address: UnsafeRawPointer, where mask: Mask, filler: Self) -> Self {
    lanes_load_f32(address, mask, filler)
  }

  @inline(__always)
  static func store(_ vector: Self, _ address: UnsafeMutableRawPointer, where mask: Mask) {
    lanes_store_f32(address, mask, vector)
  }

  @inline(__always)
  static func less(_ a: Self, _ b: Self) -> Mask { lanes_less_f32(a, b) }

  @inline(__always)
  static func lessOrEqual(_ a: Self, _ b: Self) -> Mask { lanes_less_or_equal_f32(a, b) }

  @inline(__always)
  static func equal(_ a: Self, _ b: Self) -> Mask { lanes_equal_f32(a, b) }

  @inline(__always)
  static func range(_ first: Int, _ end: Int, except: Int) -> Mask {
    lanes_range_f32(
      Int32(truncatingIfNeeded: first), Int32(truncatingIfNeeded: end),
      Int32(truncatingIfNeeded: except))
  }

  @inline(__always)
  func selecting(_ other: Self, where mask: Mask) -> Self {
    lanes_select_f32(mask, self, other)
  }

  @inline(__always)
  static func anyTrue(_ mask: Mask) -> Bool { lanes_any_i32(mask) }

  @inline(__always)
  static func allTrue(_ mask: Mask) -> Bool { lanes_all_i32(mask) }

  @inline(__always)
  static func bits(_ mask: Mask) -> UInt32 { lanes_bits_of_mask_i32(mask) }

  @inline(__always)
  static func both(_ a: Mask, _ b: Mask) -> Mask { lanes_both_i32(a, b) }

  @inline(__always)
  static func either(_ a: Mask, _ b: Mask) -> Mask { lanes_either_i32(a, b) }

  @inline(__always)
  static func multiplyAdd(_ a: Self, _ b: Self, _ c: Self) -> Self {
    fusedIfAvailable(a, b, c)
  }

  @inline(__always)
  static func exponential(_ x: Self) -> Self { floatExponential(x) }

  @inline(__always)
  static func softmaxExponential(_ x: Self, _ exponent: Exponent<Self>) -> Self {
    floatSoftmaxExponential(x, exponent)
  }

  @inline(__always)
  static func exponent(_ scale: Double) -> Exponent<Self> { floatExponent(scale) }

  @inline(__always)
  static func millsRatio(_ x: Self) -> Self { floatMillsRatio(x) }

  @inline(__always)
  static func logarithmOfOnePlus(_ x: Self) -> Self { floatLogarithmOfOnePlus(x) }

  @inline(__always)
  static func widen(_ numbers: UnsafePointer<Float>) -> Self {
    UnsafeRawPointer(numbers).loadUnaligned(as: Self.self)
  }

  @inline(__always)
  static func peaks(_ row: UnsafeRawPointer, _ first: Int) -> FloatLanes? {
    lanes_peaks_f32(row + first &* scalarBytes)
  }

  @inline(__always)
  static func doubles(_ row: UnsafeRawPointer, _ index: Int) -> DoubleLanes {
    lanes_widen_f32(row.loadUnaligned(fromByteOffset: index &* 4, as: SIMD8<Float>.self))
  }

  @inline(__always)
  var wide: DoubleLanes { lanes_widen_f32(lowHalf) + lanes_widen_f32(highHalf) }

  @inline(__always)
  var wideSum: Double { wide.wideSum }

  @inline(__always)
  var largest: Float { lanes_largest_f32(self) }
}
