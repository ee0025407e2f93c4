import CKernels
import CSystem

// The softmax-margin family on one row:
//
//   u_j = s (v_j − [j = y] (b_y − λ b_{j*})),   v_j = d_j z_j + a_j,   j* = argmax_{j ≠ y} z_j
//   ℓ = hard (1 − p_y)^γ (lse(u) − u_y) + Σ_j q_j (lse(u) − u_j),   p = softmax(u)
//   ∂ℓ/∂z_j = s d_j ((f hard + Σ q) p_j − f hard [j = y] − q_j),
//   f = (1 − p_y)^γ (1 + γ p_y (−log p_y) / (1 − p_y)),   1 where γ = 0
//
// Three sweeps over a row that stays in the cache: its peak; the exponentials below the peak, with their sum;
// the gradient. The label is kept out of the sum R of its rivals' exponentials, because 1 − p_y = R / (R + e_y) and
// −log p_y = log1p(R / e_y) then keep their relative accuracy when p_y is close to 1, where 1 − p_y itself
// would cancel.

func softmaxMargin<V: Lanes>(_ row: SoftmaxMarginPointer, _: V.Type) -> Double {
  if row.pointee.class_scale != nil {
    return softmaxMargin(row, ScaleOffsetTransform.self, V.self)
  }
  if row.pointee.offset != nil { return softmaxMargin(row, OffsetTransform.self, V.self) }
  return softmaxMargin(row, PlainTransform.self, V.self)
}

@inline(never)
private func softmaxMargin<T: SoftmaxMarginTransform, V: Lanes>(
  _ pointer: SoftmaxMarginPointer, _: T.Type, _: V.Type
) -> Double {
  let row = pointer.pointee
  let labelIndex = Int(truncatingIfNeeded: row.label)
  let labelMargin = labelMargin(pointer, V.self)
  let labelScore = T.shiftedScore(row, labelIndex, peak: 0, V.self) - labelMargin
  let labelIsMasked = V.loadScalar(row.logits, labelIndex) == -.infinity

  let rivalPeak = Double(rivalPeak(pointer, T.self, V.self))
  let exactPeak = rivalPeak > labelScore ? rivalPeak : labelScore
  if exactPeak == -.infinity { return maskedRow(pointer, V.self) }
  let peak = V.Scalar(exactPeak)

  let labelShifted =
    row.scale * (T.shiftedScore(row, labelIndex, peak: Double(peak), V.self) - labelMargin)
  let labelExponential = exp(labelShifted)

  // Where the exponentials can wait in the gradient's own row, the last sweep only scales them.
  let keepsExponentials = row.smoothing_sum == 0
  let rivals = rivalSum(
    pointer, peak: peak, keepIn: keepsExponentials ? row.gradient : nil, T.self, V.self)
  let total = rivals + labelExponential
  let labelSmoothing = smoothingNumber(row, labelIndex, V.self)
  let smoothedScores =
    row.smoothing_sum == 0 ? 0 : smoothedScores(pointer, peak: peak, V.self)

  let label = LabelTerm(rivals: rivals, exponential: labelExponential, shifted: labelShifted)
  let focus = row.focal_gamma == 0 ? Focus.none : label.focus(gamma: row.focal_gamma)

  // The gradient first: the logarithm that follows can then be waited for while the next row is begun.
  if let gradient = row.gradient {
    let gradientScale = row.gradient_scale * row.scale
    let perTotal = gradientScale / total
    let hard = row.hard * focus.gradientFactor
    let weight = perTotal * (hard + row.smoothing_sum)
    if keepsExponentials {
      scaleExponentials(pointer, in: gradient, by: weight, T.self, V.self)
    } else {
      writeGradient(
        pointer, to: gradient, peak: peak, weight: weight, gradientScale: gradientScale, V.self)
    }
    var labelGradient =
      perTotal * (row.smoothing_sum * labelExponential - hard * rivals)
      - gradientScale * labelSmoothing
    if T.scalesClasses { labelGradient *= number(row.class_scale, labelIndex, V.self) }
    V.storeScalar(
      labelIsMasked && !total.isNaN ? 0 : V.Scalar(labelGradient), gradient, labelIndex)
  }

  let hardLoss = product(row.hard * focus.valueFactor, label.loss)
  if row.smoothing_sum == 0 { return hardLoss }
  return hardLoss + row.smoothing_sum * label.logTotal - smoothedScores
    - product(labelSmoothing, labelShifted)
}

/// What the label adds to a row, from R, the sum of its rivals' exponentials, and its own, all less the peak.
private struct LabelTerm {
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
private struct Focus {
  let valueFactor: Double
  let gradientFactor: Double

  @inline(__always)
  static var none: Focus { Focus(valueFactor: 1, gradientFactor: 1) }
}

/// A weight times a term that is infinite where a class is masked out: nothing, if the weight is 0.
@inline(__always)
private func product(_ weight: Double, _ term: Double) -> Double {
  weight == 0 && term.isInfinite ? 0 : weight * term
}

/// b_y − λ b_{j*}.
@inline(__always)
private func labelMargin<V: Lanes>(_ pointer: SoftmaxMarginPointer, _: V.Type) -> Double {
  let row = pointer.pointee
  guard let margin = row.margin else { return 0 }
  let own = margin[Int(truncatingIfNeeded: row.label)]
  if row.rival_share == 0 { return own }
  let rival = strongestRival(pointer, V.self)
  return rival < 0 ? own : own - row.rival_share * margin[rival]
}

/// A row with no class left: NaN if a logit is NaN, else every class is masked, the label too.
@inline(never)
private func maskedRow<V: Lanes>(_ row: SoftmaxMarginPointer, _: V.Type) -> Double {
  let row = row.pointee
  let classes = Int(truncatingIfNeeded: row.classes)
  let hasNaN = firstNotFinite(row.logits, classes, V.self) >= 0
  if let gradient = row.gradient { fill(gradient, with: hasNaN ? .nan : 0, classes, V.self) }
  return hasNaN ? .nan : product(row.hard, .infinity) + product(row.smoothing_sum, .infinity)
}
