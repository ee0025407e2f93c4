import CKernels

// e^x = 2^n e^r with n = round(x / ln 2) and |r| <= ln(2)/2 (Cody & Waite): ln 2 is taken away in two parts, the
// first with trailing zeros so that n times it is exact. e^r is a polynomial. n comes from adding 1.5 · 2^23
// (1.5 · 2^52) and the exponent's bias: the sum's low bits are then the exponent field of 2^n, without a conversion.
//
// x is first raised to where n is one less than the smallest exponent: that 2^n has no bits, so that e^x is 0 for every
// smaller x, and nothing overflows on the way. NaN passes through: only p must be NaN.
//
// Where a vector takes four registers, they are compiled once: a call costs little beside so many instructions.

/// Float32: e^r = 1 + r + r² q(r), q of degree 4 fitted by the Remez algorithm for the least relative error,
/// 3.3e-9.
#if KERNELS_PORTABLE
  @inline(never)
#else
  @inline(__always)
#endif
func floatExponential(_ argument: FloatLanes) -> FloatLanes {
  let x = FloatLanes.maximum(argument, .splat(-88))
  let shifter = FloatLanes.splat(0x1.8p23 + 127)
  let shifted = fusedIfAvailable(x, FloatLanes.splat(1.442_695_04), shifter)
  let n = shifted - shifter
  let r = floatRemainder(x, n)
  var q = FloatLanes.splat(0.001_381_314_508)
  q = fusedIfAvailable(q, r, FloatLanes.splat(0.008_369_418_836))
  q = fusedIfAvailable(q, r, FloatLanes.splat(0.041_668_456_78))
  q = fusedIfAvailable(q, r, FloatLanes.splat(0.166_665_147_9))
  q = fusedIfAvailable(q, r, FloatLanes.splat(0.499_999_930_5))
  let p = fusedIfAvailable(fusedIfAvailable(q, r, .splat(1)), r, .splat(1))
  return p * lanes_from_bits_f32(lanes_shift_left(lanes_bits_f32(shifted), 23))
}

#if KERNELS_PORTABLE
  @inline(__always)
  private func floatRemainder(_ x: FloatLanes, _ n: FloatLanes) -> FloatLanes {
    (x - n * FloatLanes.splat(0.693_359_375)) + n * FloatLanes.splat(2.121_944_4e-4)
  }
#else
  /// One fused step: n times the rounding error of ln 2 is below 2.5e-7 for every x that matters.
  @inline(__always)
  private func floatRemainder(_ x: FloatLanes, _ n: FloatLanes) -> FloatLanes {
    fusedIfAvailable(n, FloatLanes.splat(-0.693_147_18), x)
  }
#endif

/// Float64: e^r by its Taylor series to degree 13, whose remainder is below 5e-18 for |r| <= ln(2)/2.
#if KERNELS_PORTABLE
  @inline(never)
#else
  @inline(__always)
#endif
func doubleExponential(_ argument: DoubleLanes) -> DoubleLanes {
  let x = DoubleLanes.maximum(argument, .splat(-709))
  let shifter = DoubleLanes.splat(0x1.8p52 + 1023)
  let shifted = fusedIfAvailable(x, DoubleLanes.splat(1.442_695_040_888_963_4), shifter)
  let n = shifted - shifter
  var r = fusedIfAvailable(n, DoubleLanes.splat(-0.693_147_180_369_123_816_490), x)
  r = fusedIfAvailable(n, DoubleLanes.splat(-1.908_214_929_270_587_700_02e-10), r)
  var p = DoubleLanes.splat(1 / 6_227_020_800)
  p = fusedIfAvailable(p, r, DoubleLanes.splat(1 / 479_001_600))
  p = fusedIfAvailable(p, r, DoubleLanes.splat(1 / 39_916_800))
  p = fusedIfAvailable(p, r, DoubleLanes.splat(1 / 3_628_800))
  p = fusedIfAvailable(p, r, DoubleLanes.splat(1 / 362_880))
  p = fusedIfAvailable(p, r, DoubleLanes.splat(1 / 40_320))
  p = fusedIfAvailable(p, r, DoubleLanes.splat(1 / 5_040))
  p = fusedIfAvailable(p, r, DoubleLanes.splat(1 / 720))
  p = fusedIfAvailable(p, r, DoubleLanes.splat(1 / 120))
  p = fusedIfAvailable(p, r, DoubleLanes.splat(1 / 24))
  p = fusedIfAvailable(p, r, DoubleLanes.splat(1 / 6))
  p = fusedIfAvailable(p, r, DoubleLanes.splat(0.5))
  p = fusedIfAvailable(p, r * r, r) + DoubleLanes.splat(1)
  return p * lanes_from_bits_f64(lanes_shift_left_u64(lanes_bits_f64(shifted), 52))
}
