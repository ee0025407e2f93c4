import CSystem

/// What the label adds to a row, from R, the sum of its rivals' exponentials, and its own, all less the peak.
///
/// The label is kept out of R, because 1 − p_y = R / (R + e_y) and −log p_y = log1p(R / e_y) then keep their relative
/// accuracy when p_y is close to 1, where 1 − p_y itself would cancel.
struct LabelTerm {
  let rivals: Double
  let exponential: Double
  /// The logarithm of `exponential`.
  let shifted: Double

  /// −log p_y = lse(u) − u_y.
  @inline(__always)
  var loss: Double {
    rivals <= exponential ? log1p(rivals / exponential) : log(rivals + exponential) - shifted
  }

  /// lse(u), less the peak.
  @inline(__always)
  var logTotal: Double {
    rivals <= exponential ? loss + shifted : log(rivals + exponential)
  }

  /// L p_y / (1 − p_y) tends to 1 as p_y tends to 1, and to 0 as it tends to 0.
  @inline(never)
  func focus(gamma: Double) -> Focus {
    let total = rivals + exponential
    let (own, others) = (exponential / total, rivals / total)
    let power = pow(others, gamma)
    let slope = others == 0 ? 1 : own == 0 ? 0 : own * loss / others
    return Focus(valueFactor: power, gradientFactor: power * (1 + gamma * slope))
  }
}

/// The focal loss's factors on cross-entropy and on its gradient.
struct Focus {
  let valueFactor: Double
  let gradientFactor: Double

  @inline(__always)
  static var none: Focus { Focus(valueFactor: 1, gradientFactor: 1) }
}

/// A weight times a term that is infinite where a class is masked out: nothing, if the weight is 0.
@inline(__always)
func product(_ weight: Double, _ term: Double) -> Double {
  weight == 0 && term.isInfinite ? 0 : weight * term
}
