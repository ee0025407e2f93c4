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

/// Elements summed in the arithmetic type before the sum is carried on in float64.
private let elementsPerPartialSum = 512

@inline(__always)
func softmaxMargin<E: Element>(_ row: SoftmaxMarginRow, _: E.Type) -> Double {
  if row.class_scale != nil { return softmaxMargin(row, ScaleOffsetTransform.self, E.self) }
  if row.offset != nil { return softmaxMargin(row, OffsetTransform.self, E.self) }
  return softmaxMargin(row, PlainTransform.self, E.self)
}

@inline(__always)
private func softmaxMargin<T: SoftmaxMarginTransform, E: Element>(
  _ row: SoftmaxMarginRow, _: T.Type, _: E.Type
) -> Double {
  let logits = row.logits
  let label = Int(truncatingIfNeeded: row.label)
  let labelMargin = labelMargin(row, logits, E.self)
  let labelScore = T.score(row, logits, label, E.self) - labelMargin
  let labelIsMasked = E.loadScalar(logits, label) == -.infinity

  let rivalPeak = Double(rivalPeak(row, logits, T.self, E.self))
  let peak = rivalPeak > labelScore ? rivalPeak : labelScore
  if peak == -.infinity { return maskedRow(row, logits, E.self) }
  let peakLanes = E.Vector.splat(E.Vector.Scalar(peak))
  let roundedPeak = Double(E.Vector.Scalar(peak))

  // Where the exponentials can wait in the gradient's own row, the last sweep only scales them.
  let keepsExponentials = E.isArithmeticType && row.smoothing_sum == 0
  let sums = rivalSums(
    row, logits, peak: peakLanes, keepIn: keepsExponentials ? row.gradient : nil, T.self, E.self)

  let labelShifted = row.scale * (labelScore - roundedPeak)
  let labelExponential = exp(labelShifted)
  let total = sums.exponentials + labelExponential
  let logTotal =
    sums.exponentials <= labelExponential
    ? log1p(sums.exponentials / labelExponential) + labelShifted : log(total)
  let hardLoss =
    sums.exponentials <= labelExponential
    ? log1p(sums.exponentials / labelExponential) : logTotal - labelShifted
  let labelSmoothing = smoothingScalar(row, label, E.self)
  var loss = product(row.hard, hardLoss)
  if row.smoothing_sum != 0 {
    loss +=
      row.smoothing_sum * logTotal - sums.smoothedScores - product(labelSmoothing, labelShifted)
  }

  guard let gradient = row.gradient else { return loss }
  let gradientScale = row.gradient_scale * row.scale
  let weight = gradientScale * (row.hard + row.smoothing_sum) / total
  var labelGradient =
    gradientScale
    * (row.smoothing_sum * labelExponential / total - row.hard * sums.exponentials / total
      - labelSmoothing)
  if row.class_scale != nil { labelGradient *= classScalar(row.class_scale, label, E.Vector.self) }

  let segments = Segments(label: label, classes: Int(truncatingIfNeeded: row.classes))
  let weightLanes = E.Vector.splat(E.Vector.Scalar(weight))
  let scaleLanes = E.Vector.splat(E.Vector.Scalar(row.scale))
  let gradientScaleLanes = E.Vector.splat(E.Vector.Scalar(gradientScale))
  segments.forEach { start, end in
    sweep(start, end, width: E.Vector.width) { index, count in
      var result: E.Vector
      if keepsExponentials {
        result = E.load(gradient, index, count: count, filler: 0) * weightLanes
      } else {
        let shifted = T.shifted(row, logits, index, count: count, peak: peakLanes, E.self)
        result = E.Vector.exponential(shifted * scaleLanes) * weightLanes
        if row.smoothing_sum != 0 {
          let smoothing = smoothing(row, index, count: count, E.self)
          result = (result - smoothing * gradientScaleLanes)
            .selecting(E.Vector.zero, where: E.Vector.equal(shifted, E.Vector.minusInfinity))
        }
      }
      if row.class_scale != nil {
        result = result * classVector(row.class_scale, index, count: count, filler: 1)
      }
      E.store(result, gradient, index, count: count)
    }
  }
  E.storeScalar(
    labelIsMasked && !total.isNaN ? 0 : E.Vector.Scalar(labelGradient), gradient, label)
  return loss
}

/// A weight times a term that is infinite where a class is masked out: nothing, if the weight is 0.
@inline(__always)
private func product(_ weight: Double, _ term: Double) -> Double {
  weight == 0 && term.isInfinite ? 0 : weight * term
}

/// q_j of one class.
@inline(__always)
private func smoothingScalar<E: Element>(_ row: SoftmaxMarginRow, _ index: Int, _: E.Type) -> Double {
  row.smoothing == nil
    ? row.smoothing_sum / Double(row.classes) : classScalar(row.smoothing, index, E.Vector.self)
}

/// q_j for the elements from `index` on; 0 in lanes beyond `count`.
@inline(never)
private func smoothing<E: Element>(
  _ row: SoftmaxMarginRow, _ index: Int, count: Int, _: E.Type
) -> E.Vector {
  if row.smoothing != nil { return classVector(row.smoothing, index, count: count, filler: 0) }
  let share = E.Vector.splat(E.Vector.Scalar(row.smoothing_sum / Double(row.classes)))
  return count == E.Vector.width ? share : firstLanes(of: share, count: count)
}

/// The classes below and above the label.
private struct Segments {
  let label: Int
  let classes: Int

  @inline(__always)
  func forEach(_ body: (_ start: Int, _ end: Int) -> Void) {
    var start = 0
    var end = label
    while true {
      body(start, end)
      if end == classes { break }
      start = end &+ 1
      end = classes
    }
  }
}

/// b_y − λ b_{j*}.
@inline(__always)
private func labelMargin<E: Element>(
  _ row: SoftmaxMarginRow, _ logits: UnsafeRawPointer, _: E.Type
) -> Double {
  guard let margin = row.margin else { return 0 }
  let own = margin[Int(truncatingIfNeeded: row.label)]
  if row.rival_share == 0 { return own }
  let rival = strongestRival(row, logits, E.self)
  return rival < 0 ? own : own - row.rival_share * margin[rival]
}

/// The largest v_j among the label's rivals, and its rounding; −∞ if there is none. NaN is passed over, the sum
/// will find it.
@inline(__always)
private func rivalPeak<T: SoftmaxMarginTransform, E: Element>(
  _ row: SoftmaxMarginRow, _ logits: UnsafeRawPointer, _: T.Type, _: E.Type
) -> E.Vector.Scalar {
  let segments = Segments(
    label: Int(truncatingIfNeeded: row.label), classes: Int(truncatingIfNeeded: row.classes))
  var peak = E.Vector.minusInfinity
  segments.forEach { start, end in
    sweep(start, end, width: E.Vector.width) { index, count in
      let score = T.shifted(row, logits, index, count: count, peak: E.Vector.zero, E.self)
      peak = E.Vector.maximum(peak, score)
    }
  }
  return peak.largest
}

/// argmax_{j ≠ y} z_j, the lowest index among equals; −1 if no rival is a number.
@inline(__always)
private func strongestRival<E: Element>(
  _ row: SoftmaxMarginRow, _ logits: UnsafeRawPointer, _: E.Type
) -> Int {
  let classes = Int(truncatingIfNeeded: row.classes)
  let label = Int(truncatingIfNeeded: row.label)
  let peak = rivalPeak(row, logits, PlainTransform.self, E.self)
  let peakLanes = E.Vector.splat(peak)
  var index = 0
  while index < classes {
    let count = min(E.Vector.width, classes &- index)
    let logit = E.load(logits, index, count: count, filler: .nan)
    if E.Vector.anyTrue(E.Vector.equal(logit, peakLanes)) {
      var rival = index
      while rival < index &+ count {
        if rival != label && E.loadScalar(logits, rival) == peak { return rival }
        rival &+= 1
      }
    }
    index &+= E.Vector.width
  }
  return -1
}

/// Σ_{j ≠ y} e^{s(v_j − peak)} and, with smoothing, Σ_{j ≠ y} q_j s (v_j − peak).
@inline(__always)
private func rivalSums<T: SoftmaxMarginTransform, E: Element>(
  _ row: SoftmaxMarginRow, _ logits: UnsafeRawPointer, peak: E.Vector,
  keepIn gradient: UnsafeMutableRawPointer?, _: T.Type, _: E.Type
) -> (exponentials: Double, smoothedScores: Double) {
  let segments = Segments(
    label: Int(truncatingIfNeeded: row.label), classes: Int(truncatingIfNeeded: row.classes))
  let scale = E.Vector.splat(E.Vector.Scalar(row.scale))
  var exponentials = 0.0
  var smoothedScores = 0.0
  segments.forEach { start, end in
    var blockStart = start
    while blockStart < end {
      let blockEnd = min(end, blockStart &+ elementsPerPartialSum)
      var partial = E.Vector.zero
      var smoothedPartial = E.Vector.zero
      sweep(blockStart, blockEnd, width: E.Vector.width) { index, count in
        let score =
          T.shifted(row, logits, index, count: count, peak: peak, E.self) * scale
        let exponential = E.Vector.exponential(score)
        partial = partial + exponential
        if let gradient { E.store(exponential, gradient, index, count: count) }
        if row.smoothing_sum != 0 {
          // Lanes beyond the row hold −∞, which 0 times would make NaN.
          let smoothing = smoothing(row, index, count: count, E.self)
          smoothedPartial =
            smoothedPartial
            + (smoothing * score).selecting(E.Vector.zero, where: E.Vector.equal(smoothing, E.Vector.zero))
        }
      }
      exponentials += partial.wideSum
      smoothedScores += smoothedPartial.wideSum
      blockStart = blockEnd
    }
  }
  return (exponentials, smoothedScores)
}

/// A row with no class left: NaN if a logit is NaN, else every class is masked, the label too.
@inline(__always)
private func maskedRow<E: Element>(
  _ row: SoftmaxMarginRow, _ logits: UnsafeRawPointer, _: E.Type
) -> Double {
  let hasNaN = firstNotFinite(logits, Int(truncatingIfNeeded: row.classes), E.self) >= 0
  if let gradient = row.gradient {
    sweep(0, Int(truncatingIfNeeded: row.classes), width: E.Vector.width) { index, count in
      E.store(E.Vector.splat(hasNaN ? .nan : 0), gradient, index, count: count)
    }
  }
  return hasNaN ? .nan : product(row.hard, .infinity) + product(row.smoothing_sum, .infinity)
}
