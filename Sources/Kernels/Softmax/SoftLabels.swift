import CKernels
import CSystem

// What rows of soft labels have besides their shares.

/// The peak, and the class that has it. The only one that can be all but the whole sum, it takes the place of a label,
/// which is kept out of sums.
@inline(never)
func findSoftPeak<V: Lanes>(_ row: MutableRow, _: V.Type) {
  let pointer = SoftmaxMarginPointer(row)
  let family = row.pointee.family.pointee
  let classes = pointer.pointee.classCount
  let peak: V.Scalar
  if family.class_scale != nil {
    peak = rivalPeak(pointer, ScaleOffsetTransform.self, V.self)
  } else if family.offset != nil {
    peak = rivalPeak(pointer, OffsetTransform.self, V.self)
  } else {
    peak = rivalPeak(pointer, PlainTransform.self, V.self)
  }
  row.pointee.progress.peak = Double(peak)
  if peak == -.infinity { return }
  // Of rounded sums the largest may be another.
  let rest = family.offset == nil ? 0 : largestShifted(pointer, 0, classes, peak: peak, V.self)
  let label = classOf(shifted: rest, pointer, peak: peak, V.self)
  let score = ClassScore<V>(ClassScores(pointer), label)
  row.pointee.label = Int64(label)
  row.pointee.progress.rest = Double(rest)
  row.pointee.progress.label_shifted =
    family.scale * (score.shifted(peak: Double(peak)) - Double(rest))
}

/// The first class whose v_j − peak is a number; any if there is none.
private func classOf<V: Lanes>(
  shifted number: V.Scalar, _ row: SoftmaxMarginPointer, peak: V.Scalar, _: V.Type
) -> Int {
  let (scores, classes) = (ClassScores(row), row.pointee.classCount)
  let (wanted, peakLanes) = (V.splat(number), V.splat(peak))
  var index = 0
  while index < classes {
    let end = classes &- V.width
    // Of a row of several vectors the last one ends where the row does, over the one before.
    let start = end > 0 ? min(index, end) : 0
    let shifted =
      end >= 0
      ? AnyTransform.shifted(scores, start, AllLanes<V>(), peak: peakLanes, V.self)
      : AnyTransform.shifted(
        scores, 0, SomeLanes<V>(classes, except: -1), peak: peakLanes, V.self)
    if let lane = V.firstTrue(V.equal(shifted, wanted)) { return min(start &+ lane, classes &- 1) }
    index &+= V.width
  }
  return 0
}

// Soft labels with margins. Every class y is a label, whose own score alone is lowered, by s b_y: with e_j = e^{u_j}, one sum
// S of them, R_y = S − e_y and x_y = log R_y − (u_y − s b_y)
//
//   ℓ = Σ_y q_y log(1 + e^{x_y}),   ∂ℓ/∂z_j = s d_j (e_j (A − a_j) − g_j),
//   g_y = q_y / (1 + e^{−x_y}),   a_y = g_y / R_y,   A = Σ_y a_y
//
// R_y cancels only where y has the peak. That class is kept out of the sums, and of all others R_y is at least 1, with the
// peak's own exponential in it. The peak's own R may be too small for a number beside it, but not beside s b_y: its
// rivals are counted from the largest of them, e_j = e^lift e'_j and R = e^lift R'.

@inline(never)
func softLabelsWithMargins<V: Lanes>(_ row: MutableRow, _: V.Type) {
  findSoftPeak(row, V.self)
  if row.pointee.isMasked {
    row.pointee.loss = maskedRow(row, V.self)
    return
  }
  let pointer = SoftmaxMarginPointer(row)
  let (family, progress) = (row.pointee.family.pointee, row.pointee.progress)
  let (classes, label) = (pointer.pointee.classCount, pointer.pointee.labelIndex)
  let scores = ClassScores(pointer)
  let peak = V.Scalar(progress.peak)
  let largest = Double(
    leavingOut(label, of: row) { largestShifted($0, 0, classes, peak: peak, V.self) })
  var lift = 0.0
  if largest > -.infinity {
    row.pointee.progress.rest = largest
    lift = family.scale * (largest - progress.rest)
  }
  let rivals = sumOnly(pointer, 0, classes, peak, V.self)
  let exponential = exp(progress.label_shifted)
  let total = exponential + exp(lift) * rivals

  // λ b_{j*}: the strongest of all is every other's strongest rival.
  var (strongest, rivalMargin, secondMargin) = (-1, 0.0, 0.0)
  if family.lambda != 0 {
    strongest = strongestClass(row, except: -1, V.self)
    let second = strongestClass(row, except: strongest, V.self)
    rivalMargin =
      strongest < 0 ? 0 : family.lambda * number(family.target_margin, strongest, V.self)
    secondMargin = second < 0 ? 0 : family.lambda * number(family.target_margin, second, V.self)
  }
  let margin =
    number(family.target_margin, label, V.self)
    - (label == strongest ? secondMargin : rivalMargin)
  let share = pointer.pointee.share(label, V.self)
  let logistic = ScalarLogistic(
    (log(rivals) + lift) - (progress.label_shifted - family.scale * margin))
  let own = share * logistic.sigmoid

  var sweep = SoftMarginSweep<V>(
    scores: scores, shares: Shares(pointer), shift: ShiftLanes(pointer, peak: peak),
    exponent: V.exponent(family.scale), scale: V.splat(V.Scalar(family.scale)),
    margin: family.target_margin.unsafelyUnwrapped, strongest: strongest,
    rivalMargin: V.splat(V.Scalar(rivalMargin)), secondMargin: V.splat(V.Scalar(secondMargin)),
    factor: V.splat(V.Scalar(exp(lift))), total: V.splat(V.Scalar(total)),
    logTotal: V.splat(V.Scalar(log(total) - lift)))
  sweep.run(classes, except: label)
  row.pointee.loss = product(share, logistic.softplus) + sweep.loss.total
  guard let gradient = row.pointee.gradient else { return }
  let others = sweep.perRivals.total
  let gradientScale = row.pointee.gradient_scale * family.scale
  sweep.others = V.splat(V.Scalar(others))
  sweep.ofPeak = V.splat(V.Scalar(rivals == 0 ? 0 : own / rivals))
  sweep.gradientScale = V.splat(V.Scalar(gradientScale))
  sweep.gradient = gradient
  let scale = family.class_scale == nil ? 1 : number(family.class_scale, label, V.self)
  sweep.run(classes, except: label)
  V.storeScalar(
    V.Scalar(gradientScale * scale * (exponential * others - own)), gradient, label)
}

/// The class with the largest logit, the first of equals; −1 if none is a number.
@inline(never)
private func strongestClass<V: Lanes>(_ row: MutableRow, except label: Int, _: V.Type) -> Int {
  leavingOut(label, of: row) { strongestRival($0, V.self) }
}

/// Something of a row without one of its classes.
@inline(__always)
private func leavingOut<Found>(
  _ label: Int, of row: MutableRow, _ find: (MutableRow) -> Found
) -> Found {
  var family = row.pointee.family.pointee
  // Margins leave the label out.
  family.margin = family.target_margin.map { $0.assumingMemoryBound(to: Double.self) }
  return withUnsafePointer(to: &family) { family in
    var copy = row.pointee
    copy.family = family
    copy.label = Int64(label)
    return find(&copy)
  }
}

/// The terms of every class but one: their sums, or once these are known the gradient.
private struct SoftMarginSweep<Vector: Lanes> {
  let scores: ClassScores
  let shares: Shares<Vector>
  let shift: ShiftLanes<Vector>
  let exponent: Exponent<Vector>
  let scale: Vector
  let margin: UnsafeRawPointer
  let strongest: Int
  let rivalMargin: Vector
  let secondMargin: Vector
  /// e^lift.
  let factor: Vector
  let total: Vector
  /// Less the lift.
  let logTotal: Vector
  var loss = BlockSum<Vector>()
  var perRivals = BlockSum<Vector>()
  var gradient: UnsafeMutableRawPointer?
  /// A, but for the peak's own term; and that, times e^lift.
  var others = Vector.zero
  var ofPeak = Vector.zero
  var gradientScale = Vector.zero

  @inline(never)
  mutating func run(_ classes: Int, except label: Int) {
    var index = 0
    while index < classes {
      visit(index, SomeLanes(min(Vector.width, classes &- index), except: label &- index))
      index &+= Vector.width
    }
  }

  @inline(__always)
  private mutating func visit(_ index: Int, _ lanes: SomeLanes<Vector>) {
    let logit = lanes.load(scores.logits, index)
    let shifted = AnyTransform.shifted(scores, index, lanes, shift)
    let lifted = Vector.softmaxExponential(shifted, exponent)
    let exponential = lifted * factor
    let rivals = total - exponential
    let share = shares.share(index, lanes)
    let place = strongest &- index
    let lowered =
      lanes.loadOfClass(margin, index)
      - rivalMargin.selecting(
        secondMargin, where: Vector.range(place, place &+ 1, except: -1))
    let logRivals =
      logTotal - Vector.logarithmOfOnePlus(Vector.quotient(exponential, rivals))
    let logistic = Logistic<Vector>(logRivals - (shifted - lowered) * scale)
    let own = share * logistic.sigmoid
    let perRivals = Vector.quotient(own, rivals)
    if let gradient {
      let result =
        (((others - perRivals) * exponential + ofPeak * lifted) - own) * gradientScale
      // A class that is masked out has no gradient; NaN, if the row is NaN.
      let kept = result.selecting(
        (others + ofPeak) * Vector.zero, where: Vector.equal(logit, Vector.minusInfinity))
      lanes.store(scaled(kept, scores, index, lanes, AnyTransform.self), gradient, index)
    } else {
      let counting = logistic.softplus.selecting(
        Vector.zero, where: Vector.equal(share, Vector.zero))
      loss.partial = Vector.multiplyAdd(share, counting, loss.partial)
      self.perRivals.partial = self.perRivals.partial + perRivals
      loss.endBlock()
      self.perRivals.endBlock()
    }
  }
}
