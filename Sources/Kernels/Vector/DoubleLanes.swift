import CKernels

extension SIMD8<Double>: Coefficient, Lanes, ProcessorLanes {
  typealias Mask = SIMD8<Int64>

  @inline(__always)
  static var width: Int { 8 }

  @inline(__always)
  static var quadrature: QuadraturePrecision { .float64 }

  @inline(__always)
  static func splat(_ number: Scalar) -> Self { lanes_splat_f64(number) }

  @inline(__always)
  static func + (a: Self, b: Self) -> Self { lanes_add_f64(a, b) }

  @inline(__always)
  static func - (a: Self, b: Self) -> Self { lanes_subtract_f64(a, b) }

  @inline(__always)
  static func * (a: Self, b: Self) -> Self { lanes_multiply_f64(a, b) }

  @inline(__always)
  static func quotient(_ a: Self, _ b: Self) -> Self { lanes_divide_f64(a, b) }

  @inline(__always)
  static func load(_ address: UnsafeRawPointer, where mask: Mask, filler: Self) -> Self {
    lanes_load_f64(address, mask, filler)
  }

  @inline(__always)
  static func store(_ vector: Self, _ address: UnsafeMutableRawPointer, where mask: Mask) {
    lanes_store_f64(address, mask, vector)
  }

  @inline(__always)
  static func less(_ a: Self, _ b: Self) -> Mask { lanes_less_f64(a, b) }

  @inline(__always)
  static func lessOrEqual(_ a: Self, _ b: Self) -> Mask { lanes_less_or_equal_f64(a, b) }

  @inline(__always)
  static func equal(_ a: Self, _ b: Self) -> Mask { lanes_equal_f64(a, b) }

  @inline(__always)
  static func range(_ first: Int, _ end: Int, except: Int) -> Mask {
    lanes_range_f64(
      Int64(truncatingIfNeeded: first), Int64(truncatingIfNeeded: end),
      Int64(truncatingIfNeeded: except))
  }

  @inline(__always)
  func selecting(_ other: Self, where mask: Mask) -> Self {
    lanes_select_f64(mask, self, other)
  }

  @inline(__always)
  static func anyTrue(_ mask: Mask) -> Bool { lanes_any_i64(mask) }

  @inline(__always)
  static func allTrue(_ mask: Mask) -> Bool { lanes_all_i64(mask) }

  @inline(__always)
  static func bits(_ mask: Mask) -> UInt32 { lanes_bits_of_mask_i64(mask) }

  @inline(__always)
  static func both(_ a: Mask, _ b: Mask) -> Mask { lanes_both_i64(a, b) }

  @inline(__always)
  static func either(_ a: Mask, _ b: Mask) -> Mask { lanes_either_i64(a, b) }

  @inline(__always)
  static func multiplyAdd(_ a: Self, _ b: Self, _ c: Self) -> Self {
    fusedIfAvailable(a, b, c)
  }

  @inline(__always)
  static func exponential(_ x: Self) -> Self { doubleExponential(x) }

  @inline(__always)
  static func softmaxExponential(_ x: Self, _ exponent: Exponent<Self>) -> Self {
    doubleExponential(x * exponent.factor)
  }

  @inline(__always)
  static func exponent(_ scale: Double) -> Exponent<Self> { doubleExponent(scale) }

  @inline(__always)
  static func millsRatio(_ x: Self) -> Self { doubleMillsRatio(x) }

  @inline(__always)
  static func logarithmOfOnePlus(_ x: Self) -> Self { doubleLogarithmOfOnePlus(x) }

  @inline(__always)
  static func widen(_ numbers: UnsafePointer<Float>) -> Self {
    lanes_widen_f32(UnsafeRawPointer(numbers).loadUnaligned(as: SIMD8<Float>.self))
  }

  @inline(__always)
  static func peaks(_ row: UnsafeRawPointer, _ first: Int) -> FloatLanes? { nil }

  @inline(__always)
  static func doubles(_ row: UnsafeRawPointer, _ index: Int) -> DoubleLanes { load(row, index) }

  @inline(__always)
  var wide: DoubleLanes { self }

  @inline(__always)
  var wideSum: Double {
    let four = lowHalf + highHalf
    let two = four.lowHalf + four.highHalf
    return two.x + two.y
  }

  @inline(__always)
  var largest: Double { lanes_largest_f64(self) }
}
