import CGPU

extension Float: Coefficient {
  @inline(__always) static func constant(_ number: Double) -> Float { Float(number) }
  @inline(__always)
  static func multiplyAdd(_ a: Float, _ b: Float, _ c: Float) -> Float { gpu_fma(a, b, c) }
}

/// e^x for x up to 0, in float32, but for all of x's digits.
@inline(__always)
func deviceExponential(_ x: Double) -> Float {
  let (perUnit, high) = (1.442_695_040_888_963_4, Float(x))
  let factor = Float(perUnit)
  let power = deviceExponential(high, factor, Float(perUnit - Double(factor)), -87.3)
  return power == 0 ? 0 : gpu_fma(power, Float(x - Double(high)), power)
}

/// The standard normal distribution at x >= 0, in float32.
struct NormalPoint {
  /// φ(x).
  let density: Float
  /// Φ(−x) / φ(x).
  let ratio: Float

  @inline(__always)
  init(_ x: Float) {
    let square = x * x
    // What its rounding has left out: of the size of a result's error times x².
    let left = x < 20 ? gpu_fma(x, x, -square) * -0.5 : 0
    let (perUnit, factor) = (0.721_347_520_444_481_7, Float(0.721_347_520_444_481_7))
    let power = deviceExponential(-square, factor, Float(perUnit - Double(factor)), -174.6)
    density = gpu_fma(power, left, power) * 0.398_942_28
    ratio = x < 13 ? floatMillsRatio(of: 1 / gpu_fma(x, millsRatioScale, 1)) : Self.series(x)
  }

  /// φ's asymptotic series.
  @inline(__always)
  private static func series(_ x: Float) -> Float {
    let (inverse, square) = (1 / x, 1 / (x * x))
    return inverse
      * (1 - square * (1 - 3 * square * (1 - 5 * square * (1 - 7 * square))))
  }

  /// Φ(−x).
  @inline(__always)
  var tail: Double { Double(density * ratio) }
}
