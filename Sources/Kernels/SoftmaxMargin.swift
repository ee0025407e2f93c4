import CKernels
import CSystem

// The softmax-margin family on one row:
//
//   u_j = s (v_j − [j = y] (b_y − λ b_{j*})),   v_j = d_j z_j + a_j,   j* = argmax_{j ≠ y} z_j
//   ℓ = hard · (lse(u) − u_y) + Σ_j q_j (lse(u) − u_j)
//   ∂ℓ/∂z_j = s d_j ((hard + Σ q) p_j − hard [j = y] − q_j),   p = softmax(u)
//
// Three sweeps over a row that stays in the cache: its peak; the exponentials below the peak, with their sum;
// the gradient. The label is kept out of the sum R of its rivals' exponentials, because 1 − p_y = R / (R + e_y) and
// −log p_y = log1p(R / e_y) then keep their relative accuracy when p_y is close to 1, where 1 − p_y itself
// would cancel.

func softmaxMargin<E: Element>(_ row: SoftmaxMarginRow, _: E.Type) -> Double {
  if row.class_scale != nil { return softmaxMargin(row, ScaleOffsetTransform.self, E.self) }
  if row.offset != nil { return softmaxMargin(row, OffsetTransform.self, E.self) }
  return softmaxMargin(row, PlainTransform.self, E.self)
}

@inline(never)
private func softmaxMargin<T: SoftmaxMarginTransform, E: Element>(
  _ row: SoftmaxMarginRow, _: T.Type, _: E.Type
) -> Double {
  let label = Int(truncatingIfNeeded: row.label)
  let labelMargin = labelMargin(row, E.self)
  let labelScore = T.shiftedScore(row, label, peak: 0, E.self) - labelMargin
  let labelIsMasked = E.loadScalar(row.logits, label) == -.infinity

  let rivalPeak = Double(rivalPeak(row, T.self, E.self))
  let exactPeak = rivalPeak > labelScore ? rivalPeak : labelScore
  if exactPeak == -.infinity { return maskedRow(row, E.self) }
  let peak = E.Vector.Scalar(exactPeak)

  let labelShifted =
    row.scale * (T.shiftedScore(row, label, peak: Double(peak), E.self) - labelMargin)
  let labelExponential = exp(labelShifted)

  // Where the exponentials can wait in the gradient's own row, the last sweep only scales them.
  let keepsExponentials = E.isArithmeticType && row.smoothing_sum == 0
  let rivals = rivalSum(
    row, peak: peak, keepIn: keepsExponentials ? row.gradient : nil, T.self, E.self)
  let total = rivals + labelExponential
  let labelSmoothing = smoothingNumber(row, label, E.self)
  let smoothedScores =
    row.smoothing_sum == 0 ? 0 : smoothedScores(row, peak: peak, T.self, E.self)

  // The gradient first: the logarithm that follows can then be waited for while the next row is begun.
  if let gradient = row.gradient {
    let gradientScale = row.gradient_scale * row.scale
    let perTotal = gradientScale / total
    let weight = perTotal * (row.hard + row.smoothing_sum)
    if keepsExponentials {
      scaleExponentials(row, in: gradient, by: weight, T.self, E.self)
    } else {
      writeGradient(
        row, to: gradient, peak: peak, weight: weight, gradientScale: gradientScale, T.self,
        E.self)
    }
    var labelGradient =
      perTotal * (row.smoothing_sum * labelExponential - row.hard * rivals)
      - gradientScale * labelSmoothing
    if T.scalesClasses { labelGradient *= number(row.class_scale, label, E.Vector.self) }
    E.storeScalar(
      labelIsMasked && !total.isNaN ? 0 : E.Vector.Scalar(labelGradient), gradient, label)
  }

  // lse(u) and lse(u) − u_y, both less the peak.
  let logTotal: Double
  let labelLoss: Double
  if rivals <= labelExponential {
    labelLoss = log1p(rivals / labelExponential)
    logTotal = labelLoss + labelShifted
  } else {
    logTotal = log(total)
    labelLoss = logTotal - labelShifted
  }
  let hardLoss = product(row.hard, labelLoss)
  if row.smoothing_sum == 0 { return hardLoss }
  return hardLoss + row.smoothing_sum * logTotal - smoothedScores
    - product(labelSmoothing, labelShifted)
}

/// A weight times a term that is infinite where a class is masked out: nothing, if the weight is 0.
@inline(__always)
private func product(_ weight: Double, _ term: Double) -> Double {
  weight == 0 && term.isInfinite ? 0 : weight * term
}

/// b_y − λ b_{j*}.
@inline(__always)
private func labelMargin<E: Element>(_ row: SoftmaxMarginRow, _: E.Type) -> Double {
  guard let margin = row.margin else { return 0 }
  let own = margin[Int(truncatingIfNeeded: row.label)]
  if row.rival_share == 0 { return own }
  let rival = strongestRival(row, E.self)
  return rival < 0 ? own : own - row.rival_share * margin[rival]
}

/// A row with no class left: NaN if a logit is NaN, else every class is masked, the label too.
@inline(never)
private func maskedRow<E: Element>(_ row: SoftmaxMarginRow, _: E.Type) -> Double {
  let classes = Int(truncatingIfNeeded: row.classes)
  let hasNaN = firstNotFinite(row.logits, classes, E.self) >= 0
  if let gradient = row.gradient { fill(gradient, with: hasNaN ? .nan : 0, classes, E.self) }
  return hasNaN ? .nan : product(row.hard, .infinity) + product(row.smoothing_sum, .infinity)
}
