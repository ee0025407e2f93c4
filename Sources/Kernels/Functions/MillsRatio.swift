// The Mills ratio M(x) = Φ(−x) / φ(x) for x >= 0 is s P(s) with s = 1 / (1 + 0.3 x), which takes [0, ∞) to (0, 1], and a
// polynomial P fitted by interpolation in Chebyshev's nodes.

@inline(__always)
var millsRatioScale: Float { 0.3 }

/// M(x) for s of x up to 13, in float32.
@inline(__always)
func floatMillsRatio<C: Coefficient>(of s: C) -> C {
  var p = C.constant(-0.052_095_521_24)
  p = C.multiplyAdd(p, s, .constant(0.284_091_323_6))
  p = C.multiplyAdd(p, s, .constant(-0.577_546_955_2))
  p = C.multiplyAdd(p, s, .constant(0.488_311_916_6))
  p = C.multiplyAdd(p, s, .constant(-0.205_573_394_9))
  p = C.multiplyAdd(p, s, .constant(0.244_595_795_9))
  p = C.multiplyAdd(p, s, .constant(0.195_239_245_9))
  p = C.multiplyAdd(p, s, .constant(0.276_590_645_3))
  p = C.multiplyAdd(p, s, .constant(0.299_689_412_1))
  p = C.multiplyAdd(p, s, .constant(0.300_011_694_4))
  return p * s
}
