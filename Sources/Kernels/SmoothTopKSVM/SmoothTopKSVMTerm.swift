import CSystem

/// The loss τ log(1 + e^ρ) and s, from log(σ_k / σ_{k−1}) of odds that are counted from a logit.
struct SmoothTopKSVMTerm {
  let value: Double
  let share: Double

  init(
    k: Int64, tau: Double, alpha: Double, center: Double, own: Double, logRatio: Double
  ) {
    // τ ρ, but for the part that is small: the difference of the logits and the margin may be all of it.
    let gap = (center - own) / Double(k) + alpha
    let rho = gap / tau + logRatio
    share = rho > 0 ? 1 / (1 + exp(-rho)) : exp(rho) / (1 + exp(rho))
    value = rho > 0 ? gap + tau * (logRatio + log1p(exp(-rho))) : tau * log1p(exp(rho))
  }
}
