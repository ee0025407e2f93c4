import CKernels

// The standard normal distribution: its density φ(u) = e^(−u²/2) / √2π and its tail Φ(−|u|) = φ(u) M(|u|), with M the
// Mills ratio (MillsRatio.swift).

/// The density at u, and the probabilities of being below and above u.
struct NormalLanes<V: ProcessorLanes> {
  let density: V
  let below: V
  let above: V

  @inline(__always)
  init(_ u: V) {
    let tail = NormalTail(V.maximum(u, V.zero - u))
    let isNegative = V.less(u, V.zero)
    let rest = V.splat(1) - tail.probability
    density = tail.density
    below = rest.selecting(tail.probability, where: isNegative)
    above = tail.probability.selecting(rest, where: isNegative)
  }
}

/// The density at x >= 0, and the probability of being above it.
struct NormalTail<V: ProcessorLanes> {
  let density: V
  let probability: V

  @inline(__always)
  init(_ x: V) {
    density = V.exponential(x * x * V.splat(-0.5)) * V.splat(0.398_942_280_401_432_7)
    probability = density * V.millsRatio(x)
  }
}

/// M(x) for 0 <= x <= 13, within 3e-7 relative; the polynomial's own error is 4e-9.
#if KERNELS_PORTABLE
  @inline(never)
#else
  @inline(__always)
#endif
func floatMillsRatio(_ x: FloatLanes) -> FloatLanes {
  floatMillsRatio(
    of: FloatLanes.quotient(.splat(1), .splat(1) + x * FloatLanes.splat(millsRatioScale)))
}

/// M(x) for 0 <= x <= 27, within 3e-15 relative. The polynomial is one of s − ½.
#if KERNELS_PORTABLE
  @inline(never)
#else
  @inline(__always)
#endif
func doubleMillsRatio(_ x: DoubleLanes) -> DoubleLanes {
  let s = DoubleLanes.quotient(.splat(1), .splat(1) + x * DoubleLanes.splat(0.3))
  let w = s - DoubleLanes.splat(0.5)
  var p = DoubleLanes.splat(-0.001507368164059292)
  p = fusedIfAvailable(p, w, .splat(-0.009908686167041308))
  p = fusedIfAvailable(p, w, .splat(0.024461970491452295))
  p = fusedIfAvailable(p, w, .splat(-0.004252794002359903))
  p = fusedIfAvailable(p, w, .splat(-0.0333848424922353))
  p = fusedIfAvailable(p, w, .splat(0.028748506655157883))
  p = fusedIfAvailable(p, w, .splat(0.020487398206455114))
  p = fusedIfAvailable(p, w, .splat(-0.04608723815018382))
  p = fusedIfAvailable(p, w, .splat(0.0025964043130324815))
  p = fusedIfAvailable(p, w, .splat(0.05507525561075714))
  p = fusedIfAvailable(p, w, .splat(-0.028562636684028305))
  p = fusedIfAvailable(p, w, .splat(-0.06384311519933263))
  p = fusedIfAvailable(p, w, .splat(0.057842731640867874))
  p = fusedIfAvailable(p, w, .splat(0.09100441511282713))
  p = fusedIfAvailable(p, w, .splat(-0.09234700110783652))
  p = fusedIfAvailable(p, w, .splat(-0.19442584304321017))
  p = fusedIfAvailable(p, w, .splat(0.07287814348816404))
  p = fusedIfAvailable(p, w, .splat(0.5566793360761001))
  p = fusedIfAvailable(p, w, .splat(0.8677910732483847))
  p = fusedIfAvailable(p, w, .splat(0.8250791764691389))
  p = fusedIfAvailable(p, w, .splat(0.5563978167745887))
  return p * s
}
