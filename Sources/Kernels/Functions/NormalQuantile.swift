import CKernels

// Standard normal numbers from uniform ones, by the inverse of the distribution function. Products and sums are
// rounded one by one, never fused, so that the numbers are the same bits on every instruction set. Where a vector takes
// four registers, a function is compiled once: inlined, they would be a tenth of the library.

/// Numbers of (0, 1] with their complements, (word + ½) / 2³² and 1 less that: both keep their relative accuracy near 0.
struct UniformLanes {
  let share: FloatLanes
  let complement: FloatLanes

  @inline(__always)
  init(_ word: Bits) {
    share = Self.number(word)
    complement = Self.number(word ^ Bits(0xFFFF_FFFF))
  }

  @inline(__always)
  private static func number(_ word: Bits) -> FloatLanes {
    (lanes_number_u32(word.lanes) + FloatLanes.splat(0.5)) * FloatLanes.splat(0x1p-32)
  }
}

/// A polynomial, its terms in pairs (Estrin): the processor need not wait for one before it begins the next.
@inline(__always)
private func polynomial(
  _ x: FloatLanes, _ a: (Float, Float, Float, Float, Float, Float, Float, Float)
) -> FloatLanes {
  let square = x * x
  let (a0, a1) = (pair(x, a.0, a.1), pair(x, a.2, a.3))
  let (a2, a3) = (pair(x, a.4, a.5), pair(x, a.6, a.7))
  return (a0 + a1 * square) + (a2 + a3 * square) * (square * square)
}

@inline(__always)
private func pair(_ x: FloatLanes, _ a: Float, _ b: Float) -> FloatLanes {
  FloatLanes.splat(a) + FloatLanes.splat(b) * x
}

/// The number that a standard normal variable exceeds with probability s, given s and 1 − s, within 2e-6 max(1, |Z|).
///
/// Z = (1 − 2s) P(w) with w = −ln(4 s (1 − s)): P is a polynomial of w where w <= 5, else of √w. Fitted for the least
/// relative error, 9e-8 and 5e-7. The idea of w is Giles's, "Approximating the erfinv function", GPU Computing Gems, 2011.
#if KERNELS_PORTABLE
  @inline(never)
#else
  @inline(__always)
#endif
func normalQuantile(survival: FloatLanes, complement: FloatLanes) -> FloatLanes {
  let w = FloatLanes.splat(0) - logarithm(survival * complement * FloatLanes.splat(4))
  let isTail = FloatLanes.less(.splat(5), w)
  let factor = centralFactor(w).selecting(tailFactor(w), where: isTail)
  return (complement - survival) * factor
}

/// The same where few are in a tail: of sixteen plain draws one is in 5 of 100 cases.
#if KERNELS_PORTABLE
  @inline(never)
#else
  @inline(__always)
#endif
func centralNormalQuantile(survival: FloatLanes, complement: FloatLanes) -> FloatLanes {
  let w = FloatLanes.splat(0) - logarithm(survival * complement * FloatLanes.splat(4))
  let isTail = FloatLanes.less(.splat(5), w)
  var factor = centralFactor(w)
  if FloatLanes.anyTrue(isTail) { factor = factor.selecting(tailFactor(w), where: isTail) }
  return (complement - survival) * factor
}

@inline(__always)
private func centralFactor(_ w: FloatLanes) -> FloatLanes {
  let x = w - FloatLanes.splat(2.5)
  let (square, lower) = (
    x * x,
    polynomial(
      x,
      (
        2.123_313_567, 0.348_802_659_9, -5.908_171_049e-3, -1.773_010_151e-3, 3.091_502_66e-4,
        -6.217_994_242e-6, -4.990_581_349e-6, 4.861_040_716e-7
      ))
  )
  let fourth = square * square
  return lower + FloatLanes.splat(4.035_592_411e-8) * (fourth * fourth)
}

@inline(__always)
private func tailFactor(_ w: FloatLanes) -> FloatLanes {
  let x = lanes_square_root(w) - FloatLanes.splat(3.642_910_223)
  let (square, lower) = (
    x * x,
    polynomial(
      x,
      (
        4.920_768_252, 1.425_793_891, 3.597_209_709e-3, -2.177_203_775e-3, 8.590_272_896e-4,
        -5.871_343_53e-4, 5.255_148_228e-4, -2.087_781_31e-4
      ))
  )
  let fourth = square * square
  return lower + FloatLanes.splat(1.730_813_546e-5) * (fourth * fourth)
}

/// The smallest of sixteen uniform numbers, m = 1 − (1 − v)^(1/16) from one, and 1 − m.
///
/// With x = −ln(1 − v) / 16 it is 1 − e^−x = x R(x), R of degree 6 fitted over 0 <= x <= 1.44, relative error 3e-8.
#if KERNELS_PORTABLE
  @inline(never)
#else
  @inline(__always)
#endif
func smallestOfSixteen(_ v: UniformLanes) -> (smallest: FloatLanes, complement: FloatLanes) {
  let x = logarithmOfComplement(v) * FloatLanes.splat(-0.0625)
  let r = polynomial(
    x,
    (
      0.999_999_971_4, -0.499_998_180_8, 0.166_647_257, -0.041_587_381_28, 8.175_757_293e-3,
      -1.223_078_04e-3, 1.062_036_898e-4, 0
    ))
  let smallest = r * x
  return (smallest, FloatLanes.splat(1) - smallest)
}

/// Signed numbers below 2^22 in size as float32, through the significand of 1.5 · 2^23.
@inline(__always)
private func wholeNumber(_ bits: Bits) -> FloatLanes {
  (bits + Bits(0x4B40_0000)).asFloat - FloatLanes.splat(0x1.8p23)
}

/// ln u for 0 < u <= 1, within 1e-7 relative: u = 2^k (1 + f) with √½ <= 1 + f < √2.
@inline(__always)
private func logarithm(_ u: FloatLanes) -> FloatLanes {
  let bits = Bits(of: u)
  let exponent = (bits - Bits(0x3F35_04F3)).shiftedArithmetically(23)
  return logarithm(exponent, (bits - (exponent << 23)).asFloat - FloatLanes.splat(1))
}

/// ln(1 − v): where 1 − v has no power of two taken off, f is −v itself, with all its bits.
@inline(__always)
private func logarithmOfComplement(_ v: UniformLanes) -> FloatLanes {
  let bits = Bits(of: v.complement)
  let exponent = (bits - Bits(0x3F35_04F3)).shiftedArithmetically(23)
  let rounded = (bits - (exponent << 23)).asFloat - FloatLanes.splat(1)
  return logarithm(
    exponent,
    rounded.selecting(FloatLanes.splat(0) - v.share, where: Bits.equal(exponent, Bits(0))))
}

/// k ln 2 + ln(1 + f), with ln(1 + f) = f − f²/2 + f³ q(f), q of degree 7 fitted by the Remez algorithm for the least
/// relative error, 6e-9.
@inline(__always)
private func logarithm(_ exponent: Bits, _ f: FloatLanes) -> FloatLanes {
  let q = polynomial(
    f,
    (
      0.333_333_317_1, -0.250_008_210_3, 0.200_012_268_7, -0.166_233_575_3, 0.142_017_58,
      -0.131_601_804_7, 0.127_615_773_5, -0.076_345_029_1
    ))
  let square = f * f
  let correction = square * (q * f) - square * FloatLanes.splat(0.5)
  return wholeNumber(exponent) * FloatLanes.splat(0.693_147_18) + (f + correction)
}
