// ln(1 + x) = 2 artanh(s) with s = x / (2 + x), for x from 0 to 1. As s is then at most 1/3, its series
// 2 (s + s³/3 + s⁵/5 + …) converges fast, and as every term is positive the result keeps its relative accuracy as x
// tends to 0. s³ and what follows are s · s² q(s²), q fitted by the Remez algorithm for the least relative error of
// the whole.

/// Float32: q of degree 3, error 4.5e-9.
#if KERNELS_PORTABLE
  @inline(never)
#else
  @inline(__always)
#endif
func floatLogarithmOfOnePlus<V: Lanes>(_ x: V) -> V where V.Scalar == Float {
  let s = V.quotient(x, x + V.splat(2))
  let square = s * s
  var q = V.splat(0.280_119_897_8)
  q = V.multiplyAdd(q, square, V.splat(0.280_018_046))
  q = V.multiplyAdd(q, square, V.splat(0.400_215_272_87))
  q = V.multiplyAdd(q, square, V.splat(0.666_664_162_86))
  return V.multiplyAdd(s, q * square, s + s)
}

#if !KERNELS_DEVICE
  /// Float64: q of degree 8, error 4.9e-17.
  #if KERNELS_PORTABLE
    @inline(never)
  #else
    @inline(__always)
  #endif
  func doubleLogarithmOfOnePlus(_ x: DoubleLanes) -> DoubleLanes {
    let s = DoubleLanes.quotient(x, x + DoubleLanes.splat(2))
    let square = s * s
    var q = DoubleLanes.splat(0.177_397_458_059_588_963_8)
    q = fusedIfAvailable(q, square, DoubleLanes.splat(0.099_028_265_868_233_650_45))
    q = fusedIfAvailable(q, square, DoubleLanes.splat(0.135_863_132_816_457_449))
    q = fusedIfAvailable(q, square, DoubleLanes.splat(0.153_642_956_104_513_017_6))
    q = fusedIfAvailable(q, square, DoubleLanes.splat(0.181_828_140_684_189_309_2))
    q = fusedIfAvailable(q, square, DoubleLanes.splat(0.222_221_929_047_545_587_6))
    q = fusedIfAvailable(q, square, DoubleLanes.splat(0.285_714_290_579_961_436_8))
    q = fusedIfAvailable(q, square, DoubleLanes.splat(0.399_999_999_960_497_048_1))
    q = fusedIfAvailable(q, square, DoubleLanes.splat(0.666_666_666_666_776_944_2))
    return fusedIfAvailable(s, q * square, s + s)
  }
#endif
