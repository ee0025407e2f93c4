/// A number that coefficients can be: float64, or a vector with another polynomial in every lane.
protocol Coefficient: BitwiseCopyable {
  static func constant(_ number: Double) -> Self
  static func + (a: Self, b: Self) -> Self
  static func - (a: Self, b: Self) -> Self
  static func * (a: Self, b: Self) -> Self
  /// a · b + c
  static func multiplyAdd(_ a: Self, _ b: Self, _ c: Self) -> Self
}

extension Double: Coefficient {
  @inline(__always)
  static func constant(_ number: Double) -> Double { number }

  /// Two roundings: fused, it would be a call of libm on processors that cannot.
  @inline(__always)
  static func multiplyAdd(_ a: Double, _ b: Double, _ c: Double) -> Double { a * b + c }
}
