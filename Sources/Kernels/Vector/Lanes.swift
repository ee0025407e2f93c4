import CKernels

/// A vector of the arithmetic type, 64 bytes wide on every instruction set, so that results are put together in
/// the same order everywhere.
///
/// The standard library's generic SIMD operations loop over lanes; these requirements are met by its concrete
/// operators, which are single instructions, and by those of CLanes.h.
protocol Lanes: Coefficient {
  associatedtype Scalar: BinaryFloatingPoint & BitwiseCopyable
  associatedtype Mask

  static var width: Int { get }

  static var quadrature: QuadraturePrecision { get }

  /// The number in every lane.
  static func splat(_ number: Scalar) -> Self
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

  // Of Coefficient, `multiplyAdd` has one rounding where the instruction set can and two where it cannot.

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

  /// The smaller of the two; `a` where either is NaN.
  @inline(__always)
  static func minimum(_ a: Self, _ b: Self) -> Self {
    a.selecting(b, where: less(b, a))
  }

  @inline(__always)
  static func constant(_ number: Double) -> Self { splat(Scalar(number)) }

  @inline(__always)
  static var minusInfinity: Self { splat(-.infinity) }

  @inline(__always)
  static var zero: Self { splat(0) }
}

typealias FloatLanes = SIMD16<Float>
typealias DoubleLanes = SIMD8<Double>

#if KERNELS_PORTABLE
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
