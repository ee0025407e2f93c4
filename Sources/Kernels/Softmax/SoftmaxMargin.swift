import CKernels
import CSystem

// The softmax-margin family:
//
//   u_j = s (v_j − [j = y] (b_y − λ b_{j*})),   v_j = d_j z_j + a_j,   j* = argmax_{j ≠ y} z_j
//   ℓ = hard (1 − p_y)^γ (lse(u) − u_y) + Σ_j q_j (lse(u) − u_j),   p = softmax(u)
//   ∂ℓ/∂z_j = s d_j ((f hard + Σ q) p_j − f hard [j = y] − q_j),
//   with q the shares of the classes in what is smoothed, or soft labels; then hard = 0, and y is the peak's class,
//   f = (1 − p_y)^γ (1 + γ p_y (−log p_y) / (1 − p_y)),   1 where γ = 0
//
// Three sweeps over a row that stays in the cache: its peak; the exponentials below the peak, with their sum;
// the gradient. Between two sweeps a row waits a hundred cycles for what the last one found (a sum of lanes, an
// exponential, a division), as long as a sweep over five hundred classes takes: so that several rows are swept by
// turns, one step of all of them after another.

typealias MutableRow = UnsafeMutablePointer<SoftmaxMarginRow>

/// Rows of one family, not so many that the first has left the cache when it is its turn again.
@inline(never)
func softmaxMargin<T: SoftmaxMarginTransform, V: Lanes>(
  _ rows: MutableRow, _ count: Int, _: T.Type, _: V.Type
) {
  if count == 1 && V.isFloat32 && rows.pointee.isLong {
    return softmaxMarginInPieces(rows, T.self, V.self)
  }
  let end = rows + count
  var row = rows
  while row < end {
    findPeak(row, T.self, V.self)
    row += 1
  }
  row = rows
  while row < end {
    row.pointee.progress.label_exponential = exp(row.pointee.progress.label_shifted)
    row += 1
  }
  row = rows
  while row < end {
    if !row.pointee.isMasked { addRivals(row, T.self, V.self) }
    row += 1
  }
  row = rows
  while row < end {
    if !row.pointee.isMasked { weigh(row, T.self, V.self) }
    row += 1
  }
  row = rows
  while row < end {
    if !row.pointee.isMasked, let gradient = row.pointee.gradient {
      writeGradient(row, to: gradient, T.self, V.self)
    }
    row += 1
  }
  row = rows
  if T.leavesCoarseRows && row.pointee.progress.is_left != 0 { return }
  while row < end {
    row.pointee.loss = row.pointee.isMasked ? maskedRow(row, V.self) : row.pointee.value
    row += 1
  }
}

/// The row's peak, and the label's score below it.
@inline(__always)
private func findPeak<T: SoftmaxMarginTransform, V: Lanes>(_ row: MutableRow, _: T.Type, _: V.Type)
{
  if row.pointee.targets != nil { return findSoftPeak(row, V.self) }
  let pointer = SoftmaxMarginPointer(row)
  let family = row.pointee.family
  let label = Int(truncatingIfNeeded: row.pointee.label)
  row.pointee.widen(0, Int(truncatingIfNeeded: family.pointee.classes))
  let scores = ClassScores(pointer)
  // Threads that share a row have read what they need of it by itself once they have a sum: it may then be written over.
  let margin = labelMargin(pointer, V.self)
  let score = ClassScore<V>(scores, label)
  let isMasked = V.loadScalar(scores.logits, label) == -.infinity
  let rivals = row.pointee.hasShares ? nil : V.rivals(of: pointer, T.self)
  let rivalPeak = Double(rivals?.peak ?? rivalPeak(pointer, T.self, V.self))
  let labelScore = score.score - margin
  let peak = Double(V.Scalar(rivalPeak > labelScore ? rivalPeak : labelScore))
  row.pointee.progress.peak = peak
  row.pointee.progress.label_is_masked = isMasked ? 1 : 0
  row.pointee.progress.label_shifted =
    family.pointee.scale * (score.shifted(peak: peak) - margin)
  let isCoarse = family.pointee.isCoarse(peak, V.self)
  if T.leavesCoarseRows && isCoarse {
    row.pointee.progress.peak = -.infinity
    row.pointee.progress.is_left = 1
  } else if isCoarse {
    refinePeak(row, rivalPeak: rivalPeak, score, margin: margin)
  } else if let rivals {
    row.pointee.progress.rivals = rivals.sum * exp(family.pointee.scale * (rivalPeak - peak))
    row.pointee.progress.has_rivals = 1
  }
}

/// The sum of the rivals' exponentials. Where they can wait in the gradient's own row, its last sweep only scales them.
@inline(__always)
private func addRivals<T: SoftmaxMarginTransform, V: Lanes>(
  _ row: MutableRow, _: T.Type, _: V.Type
) {
  if V.lanesAreThreads && row.pointee.progress.has_rivals != 0 { return }
  var kept = row.pointee.gradient
  if row.pointee.hasShares && addShares(row, V.self) || V.lanesAreThreads {
    row.pointee.progress.has_masked = 1
    kept = nil
  }
  row.pointee.progress.rivals = rivalSum(
    SoftmaxMarginPointer(row), peak: V.Scalar(row.pointee.progress.peak), keepIn: kept, T.self,
    V.self)
}

/// What exponentials are multiplied by to become a gradient, and the label's own gradient.
@inline(__always)
func weigh<T: SoftmaxMarginTransform, V: Lanes>(_ row: MutableRow, _: T.Type, _: V.Type) {
  let (family, progress) = (row.pointee.family.pointee, row.pointee.progress)
  let focus =
    family.focal_gamma == 0 ? Focus.none : row.pointee.labelTerm.focus(gamma: family.focal_gamma)
  row.pointee.progress.focus = focus.valueFactor

  let gradientScale = row.pointee.gradient_scale * family.scale
  let total = progress.rivals + progress.label_exponential
  let perTotal = gradientScale / total
  let own = row.pointee.hard * focus.gradientFactor + progress.label_share
  row.pointee.progress.weight = perTotal * (own + progress.other_shares)

  let label = Int(truncatingIfNeeded: row.pointee.label)
  var gradient =
    perTotal * (progress.other_shares * progress.label_exponential - own * progress.rivals)
  if T.scalesClasses, let scale = family.class_scale {
    gradient *= number(scale, label, V.self)
  }
  row.pointee.progress.label_gradient =
    progress.label_is_masked != 0 && !total.isNaN ? 0 : gradient
}

@inline(__always)
private func writeGradient<T: SoftmaxMarginTransform, V: Lanes>(
  _ row: MutableRow, to gradient: UnsafeMutableRawPointer, _: T.Type, _: V.Type
) {
  let (family, progress) = (row.pointee.family.pointee, row.pointee.progress)
  let pointer = SoftmaxMarginPointer(row)
  let classes = Int(truncatingIfNeeded: family.classes)
  let label = Int(truncatingIfNeeded: row.pointee.label)
  if row.pointee.hasShares {
    takeShares(pointer, from: gradient, V.self)
  } else if V.lanesAreThreads {
    writeExponentials(pointer, to: gradient, T.self, V.self)
  } else {
    scaleExponentials(pointer, 0, classes, in: gradient, by: progress.weight, T.self, V.self)
  }
  V.storeScalar(V.Scalar(progress.label_gradient), gradient, label)
  row.pointee.narrow(0, classes)
}

extension SoftmaxMarginRow {
  /// Reads part of the logits, if they are stored elsewhere.
  @inline(__always)
  func widen(_ start: Int, _ end: Int) {
    if let conversion = family.pointee.conversion, let stored = stored_logits {
      conversion.pointee.widen(stored + start &* 2, logits + start &* 4, Int64(end &- start))
    }
  }

  /// Puts part of the gradient where it belongs, if that is elsewhere.
  @inline(__always)
  func narrow(_ start: Int, _ end: Int) {
    if let conversion = family.pointee.conversion, let gradient, let stored = stored_gradient {
      conversion.pointee.narrow(
        gradient + start &* 4, stored + start &* 2, Int64(end &- start))
    }
  }
}

extension SoftmaxMarginRow {
  /// Whether no class is left: all are masked, or NaN.
  @inline(__always)
  var isMasked: Bool { progress.peak == -.infinity }

  @inline(__always)
  fileprivate var labelTerm: LabelTerm {
    LabelTerm(
      rivals: progress.rivals, exponential: progress.label_exponential,
      shifted: progress.label_shifted)
  }

  @inline(__always)
  var value: Double {
    let own = product(hard * progress.focus + progress.label_share, labelTerm.loss)
    return hasShares ? own + othersLoss : own
  }

  /// Σ_{j ≠ y} q_j (lse(u) − u_j)
  @inline(never)
  private var othersLoss: Double {
    progress.other_shares * labelTerm.logTotal - progress.shared_scores
  }
}

/// b_y − λ b_{j*}.
@inline(__always)
private func labelMargin<V: Lanes>(_ row: SoftmaxMarginPointer, _: V.Type) -> Double {
  let family = row.pointee.family
  guard let margin = family.pointee.margin else { return 0 }
  let own = margin[Int(truncatingIfNeeded: row.pointee.label)]
  if family.pointee.lambda == 0 { return own }
  let rival = strongestRival(row, V.self)
  return rival < 0 ? own : own - family.pointee.lambda * margin[rival]
}

/// The loss of a row with no class left: NaN if a logit is NaN, else every class is masked, the label too.
@inline(never)
func maskedRow<V: Lanes>(_ row: MutableRow, _: V.Type) -> Double {
  let classes = Int(truncatingIfNeeded: row.pointee.family.pointee.classes)
  return maskedRow(
    row, hasNaN: hasBadLogit(row.pointee.logits, classes, V.self), V.self)
}

@inline(never)
func maskedRow<V: Lanes>(_ row: MutableRow, hasNaN: Bool, _: V.Type) -> Double {
  let classes = Int(truncatingIfNeeded: row.pointee.family.pointee.classes)
  let shares =
    row.pointee.targets == nil
    ? row.pointee.family.pointee.smoothing_sum : row.pointee.totalShare(V.self)
  let isBad = hasNaN || shares.isNaN
  if let gradient = row.pointee.gradient {
    fill(gradient, with: isBad ? .nan : 0, classes, V.self)
    row.pointee.narrow(0, classes)
  }
  return isBad ? .nan : product(row.pointee.hard, .infinity) + product(shares, .infinity)
}
