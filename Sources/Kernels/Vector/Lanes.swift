import CKernels

/// A vector of the arithmetic type, 64 bytes wide on every instruction set, so that results are put together in
/// the same order everywhere.
///
/// The standard library's generic SIMD operations loop over lanes; these requirements are met by its concrete
/// operators, which are single instructions, and by those of CLanes.h.
protocol Lanes: Coefficient {
  associatedtype Scalar: BinaryFloatingPoint & BitwiseCopyable
  associatedtype Mask
  /// The lanes in float64, as sums are carried on in.
  associatedtype Wide: WideLanes

  static var width: Int { get }

  /// Bytes of an element of a row.
  static var scalarBytes: Int { get }

  /// Whether lanes are threads of a device. To leave some out costs nothing then, so that all vectors are masked and a
  /// sweep is compiled once; an exponential costs less than a place to wait in; and what one lane has stored another may
  /// not load before a collective.
  static var lanesAreThreads: Bool { get }

  /// The number in every lane.
  static func splat(_ number: Scalar) -> Self
  static func quotient(_ a: Self, _ b: Self) -> Self

  // Elements of a row, a whole vector from `index` on, or one.
  static func load(_ row: UnsafeRawPointer, _ index: Int) -> Self
  static func store(_ vector: Self, _ row: UnsafeMutableRawPointer, _ index: Int)
  static func loadScalar(_ row: UnsafeRawPointer, _ index: Int) -> Scalar
  static func storeScalar(_ number: Scalar, _ row: UnsafeMutableRawPointer, _ index: Int)

  // The same of a vector indexed by class, which has the arithmetic type even where rows have 16 bits.
  static func loadOfClass(_ numbers: UnsafeRawPointer, _ index: Int) -> Self
  static func loadOfClass(_ numbers: UnsafeRawPointer, _ index: Int, where mask: Mask) -> Self
  static func loadScalarOfClass(_ numbers: UnsafeRawPointer, _ index: Int) -> Scalar
  static func storeOfClass(_ vector: Self, _ numbers: UnsafeMutableRawPointer, _ index: Int)
  static func storeOfClass(
    _ vector: Self, _ numbers: UnsafeMutableRawPointer, _ index: Int, where mask: Mask)
  static func storeScalarOfClass(
    _ number: Scalar, _ numbers: UnsafeMutableRawPointer, _ index: Int)

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

  /// The rivals' largest score, and the sum of their exponentials below it, of one sweep; nil where two are faster.
  static func rivals<T: SoftmaxMarginTransform>(
    of row: SoftmaxMarginPointer, _: T.Type
  ) -> RivalSum<Self>?

  /// The larger of the two; where either is NaN, one of them.
  static func maximum(_ a: Self, _ b: Self) -> Self

  /// `other` where the mask is set.
  func selecting(_ other: Self, where mask: Mask) -> Self
  static func anyTrue(_ mask: Mask) -> Bool
  static func allTrue(_ mask: Mask) -> Bool
  /// The first lane that is set; nil if none is.
  static func firstTrue(_ mask: Mask) -> Int?
  static func both(_ a: Mask, _ b: Mask) -> Mask
  static func either(_ a: Mask, _ b: Mask) -> Mask

  // Of Coefficient, `multiplyAdd` has one rounding where the instruction set can and two where it cannot.

  /// e^x for x up to about 1, within 5 units of 2^-24 (2^-53), relative; 0 below the smallest normal result; NaN for
  /// NaN.
  static func exponential(_ x: Self) -> Self

  /// e^(s x) for x up to about 0, as softmax has it; s above 0.
  static func softmaxExponential(_ x: Self, _ exponent: Exponent<Self>) -> Self
  static func exponent(_ scale: Double) -> Exponent<Self>

  /// ln(1 + x) for 0 <= x <= 1, within 4 units of 2^-24 (2^-53), relative; NaN for NaN.
  static func logarithmOfOnePlus(_ x: Self) -> Self

  /// The sum of the lanes, taken in float64.
  var wideSum: Double { get }

  /// The lanes in float64; where there are sixteen, each added to the one eight places on.
  var wide: Wide { get }

  /// No lane may be NaN.
  var largest: Scalar { get }
}

/// s, and the x from which on downwards the result is 0.
struct Exponent<Vector: Lanes> {
  let factor: Vector
  /// What the factor's rounding has left out.
  let rest: Vector
  let least: Vector
}

/// What `Lanes.rivals` finds.
struct RivalSum<Vector: Lanes> {
  let peak: Vector.Scalar
  let sum: Double
}

/// Sums in float64.
protocol WideLanes: BitwiseCopyable {
  /// 0 in every lane.
  init()
  static func += (a: inout Self, b: Self)
  var wideSum: Double { get }
}

extension Lanes {
  @inline(__always)
  static var lanesAreThreads: Bool { false }

  @inline(__always)
  static func rivals<T: SoftmaxMarginTransform>(
    of row: SoftmaxMarginPointer, _: T.Type
  ) -> RivalSum<Self>? { nil }

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
