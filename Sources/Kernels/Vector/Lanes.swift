import CKernels

/// A vector of the arithmetic type, 64 bytes wide on every instruction set, so that results are put together in
/// the same order everywhere.
///
/// The standard library's generic SIMD operations loop over lanes; these requirements are met by its concrete
/// operators, which are single instructions, and by those of CLanes.h.
protocol Lanes: BitwiseCopyable {
  associatedtype Scalar: BinaryFloatingPoint & BitwiseCopyable
  associatedtype Mask

  static var width: Int { get }

  static var quadrature: QuadraturePrecision { get }

  /// The number in every lane.
  static func splat(_ number: Scalar) -> Self
  static func + (a: Self, b: Self) -> Self
  static func - (a: Self, b: Self) -> Self
  static func * (a: Self, b: Self) -> Self
  static func quotient(_ a: Self, _ b: Self) -> Self

  /// Loads the lanes where the mask is set, at any address; the others are the filler's and are not read.
  static func load(_ address: UnsafeRawPointer, where mask: Mask, filler: Self) -> Self
  /// Stores the lanes where the mask is set, at any address; the others are not written.
  static func store(_ vector: Self, _ address: UnsafeMutableRawPointer, where mask: Mask)

  /// Comparisons are false where either is NaN.
  static func less(_ a: Self, _ b: Self) -> Mask
  static func lessOrEqual(_ a: Self, _ b: Self) -> Mask
  static func equal(_ a: Self, _ b: Self) -> Mask
  /// The lanes from `first` to `end` − 1, but for `except`.
  static func range(_ first: Int, _ end: Int, except: Int) -> Mask

  /// `other` where the mask is set.
  func selecting(_ other: Self, where mask: Mask) -> Self
  static func anyTrue(_ mask: Mask) -> Bool
  static func allTrue(_ mask: Mask) -> Bool
  /// A bit for every lane, that of lane 0 the lowest.
  static func bits(_ mask: Mask) -> UInt32
  static func both(_ a: Mask, _ b: Mask) -> Mask
  static func either(_ a: Mask, _ b: Mask) -> Mask

  /// a · b + c, with one rounding where the instruction set has it and two where it has not.
  static func multiplyAdd(_ a: Self, _ b: Self, _ c: Self) -> Self

  /// e^x for x up to about 1, within 5 units of 2^-24 (2^-53), relative; 0 below the smallest normal result; NaN for
  /// NaN.
  static func exponential(_ x: Self) -> Self

  /// e^(s x) for x up to about 0, as softmax has it; s above 0.
  static func softmaxExponential(_ x: Self, _ exponent: Exponent<Self>) -> Self
  static func exponent(_ scale: Double) -> Exponent<Self>

  /// The Mills ratio Φ(−x) / φ(x) of the standard normal distribution, for x >= 0.
  static func millsRatio(_ x: Self) -> Self

  /// ln(1 + x) for 0 <= x <= 1, within 4 units of 2^-24 (2^-53), relative; NaN for NaN.
  static func logarithmOfOnePlus(_ x: Self) -> Self

  /// Widens sixteen or eight float32 numbers, as many as there are lanes.
  static func widen(_ numbers: UnsafePointer<Float>) -> Self

  /// The highest of each of sixteen times sixteen scores; nil where there is no short way to it.
  static func peaks(_ row: UnsafeRawPointer, _ first: Int) -> FloatLanes?

  /// Eight elements of a row from `index` on, as float64.
  static func doubles(_ row: UnsafeRawPointer, _ index: Int) -> DoubleLanes

  /// The sum of the lanes, taken in float64.
  var wideSum: Double { get }

  /// The lanes in float64; where there are sixteen, each added to the one eight places on.
  var wide: DoubleLanes { get }

  /// No lane may be NaN.
  var largest: Scalar { get }
}

extension Lanes {
  /// The larger of the two; `a` where either is NaN.
  @inline(__always)
  static func maximum(_ a: Self, _ b: Self) -> Self {
    a.selecting(b, where: less(a, b))
  }

  @inline(__always)
  static var minusInfinity: Self { splat(-.infinity) }

  @inline(__always)
  static var zero: Self { splat(0) }
}

typealias FloatLanes = SIMD16<Float>
typealias DoubleLanes = SIMD8<Double>

#if KERNELS_PORTABLE && arch(x86_64)
  // Baseline x86-64 has no fused multiply-add: asking for one would call libm for every lane.
  @inline(__always)
  func fusedIfAvailable(_ a: FloatLanes, _ b: FloatLanes, _ c: FloatLanes) -> FloatLanes {
    a * b + c
  }
  @inline(__always)
  func fusedIfAvailable(_ a: DoubleLanes, _ b: DoubleLanes, _ c: DoubleLanes) -> DoubleLanes {
    a * b + c
  }
#else
  @inline(__always)
  func fusedIfAvailable(_ a: FloatLanes, _ b: FloatLanes, _ c: FloatLanes) -> FloatLanes {
    c.addingProduct(a, b)
  }
  @inline(__always)
  func fusedIfAvailable(_ a: DoubleLanes, _ b: DoubleLanes, _ c: DoubleLanes) -> DoubleLanes {
    c.addingProduct(a, b)
  }
#endif

extension SIMD16<Float>: Lanes {
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

extension SIMD8<Double>: Lanes {
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
