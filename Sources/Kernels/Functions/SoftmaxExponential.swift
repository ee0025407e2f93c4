import CKernels

// e^(s x) for the x of one softmax, of which all are 0 or less: fewer steps than the exponential of any number.
//
// e^(s x) = 2^t with t = x (s / ln 2) = n + f, n whole and |f| <= 1/2. The multiplication by s costs nothing then. With
// s / ln 2 in two parts and fused steps, no error of t is felt in f, however far below the peak x lies.

@inline(__always)
func doubleExponent(_ scale: Double) -> Exponent<DoubleLanes> {
  Exponent(factor: .splat(scale), rest: .splat(0), least: .splat(0))
}

#if KERNELS_PORTABLE
  @inline(__always)
  func floatExponent(_ scale: Double) -> Exponent<FloatLanes> {
    Exponent(factor: .splat(Float(scale)), rest: .splat(0), least: .splat(0))
  }

  @inline(__always)
  func floatSoftmaxExponential(_ x: FloatLanes, _ exponent: Exponent<FloatLanes>) -> FloatLanes {
    floatExponential(x * exponent.factor)
  }
#else
  /// At the least x, t is between what is rounded to the smallest exponent and what is not: from there on the result is 0.
  @inline(__always)
  func floatExponent(_ scale: Double) -> Exponent<FloatLanes> {
    #if KERNELS_AVX512
      let lowest = -126.5
    #else
      let lowest = -127.0
    #endif
    let exact = scale * 1.442_695_040_888_963_4
    let factor = Float(exact)
    return Exponent(
      factor: .splat(factor), rest: .splat(Float(exact - Double(factor))),
      least: .splat(Float(lowest / exact)))
  }

  /// 2^f is a polynomial of degree 5 fitted for the least relative error on [-1/2, 1/2], 8.1e-8; with all roundings the
  /// result is within 3 units of 2^-24.
  @inline(__always)
  func floatSoftmaxExponential(
    _ argument: FloatLanes, _ exponent: Exponent<FloatLanes>
  ) -> FloatLanes {
    #if KERNELS_AVX512
      let x = argument
    #else
      let x = FloatLanes.maximum(argument, exponent.least)
    #endif
    let shifter = FloatLanes.splat(0x1.8p23 + 127)
    let shifted = fusedIfAvailable(x, exponent.factor, shifter)
    let n = shifted - shifter
    let f = fusedIfAvailable(
      x, exponent.rest, lanes_multiply_subtract(x, exponent.factor, n))
    var p = FloatLanes.splat(0.001_327_463_3)
    p = fusedIfAvailable(p, f, FloatLanes.splat(0.009_671_962))
    p = fusedIfAvailable(p, f, FloatLanes.splat(0.055_506_784))
    p = fusedIfAvailable(p, f, FloatLanes.splat(0.240_222_35))
    p = fusedIfAvailable(p, f, FloatLanes.splat(0.693_147_06))
    p = fusedIfAvailable(p, f, FloatLanes.splat(1))
    #if KERNELS_AVX512
      return lanes_scale_f32(p, n, x, exponent.least)
    #else
      return p * lanes_from_bits_f32(lanes_shift_left(lanes_bits_f32(shifted), 23))
    #endif
  }
#endif
