import CGPU

/// e^(s x) for x up to about 0, given s in parts (`Exponent`): 2^t as the device has it, and what t's rounding has left out.
/// Within 2^-22, however far below 0 x lies. 0 for −∞, NaN for NaN.
@inline(__always)
func deviceExponential(_ x: Float, _ factor: Float, _ rest: Float, _ least: Float) -> Float {
  let t = x * factor
  let power = gpu_exp2(t)
  let left = gpu_fma(x, rest, gpu_fma(x, factor, -t)) * 0.693_147_18
  return x <= least ? 0 : gpu_fma(power, left, power)
}
