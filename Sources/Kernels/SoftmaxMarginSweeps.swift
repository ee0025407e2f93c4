import CKernels

// The sweeps of the softmax-margin kernel. Each leaves the label out. Their entry points are functions of their own,
// so that each is compiled once for an element type and a transformation.

extension SoftmaxMarginRow {
  @inline(__always)
  fileprivate func sweepRivals<S: Sweep>(_ sweep: inout S) {
    sweep.run(
      classes: Int(truncatingIfNeeded: classes), exceptLabel: Int(truncatingIfNeeded: label))
  }
}

/// The largest v_j, rounded; −∞ if there is none. NaN is passed over, the sum will find it. The label counts where it
/// has no margin: the peak is then the same with it, and its vector needs no care.
@inline(never)
func rivalPeak<T: SoftmaxMarginTransform, V: Lanes>(
  _ row: SoftmaxMarginRow, _: T.Type, _: V.Type
) -> V.Scalar {
  var sweep = PeakSweep<T, V>(row: row)
  sweep.run(
    classes: Int(truncatingIfNeeded: row.classes),
    exceptLabel: row.margin == nil ? -1 : Int(truncatingIfNeeded: row.label))
  return V.maximum(sweep.older, sweep.newer).largest
}

private struct PeakSweep<T: SoftmaxMarginTransform, Vector: Lanes>: Sweep {
  let row: SoftmaxMarginRow
  // Two by turns: one would wait for its own last result.
  var older = Vector.minusInfinity
  var newer = Vector.minusInfinity

  @inline(__always)
  mutating func visit<L: LaneSelection>(_ index: Int, _ lanes: L) where L.Vector == Vector {
    let peak = Vector.maximum(older, T.shifted(row, index, lanes, peak: Vector.zero, Vector.self))
    older = newer
    newer = peak
  }
}

/// argmax_{j ≠ y} z_j, the lowest index among equals; −1 if no rival is a number.
@inline(never)
func strongestRival<V: Lanes>(_ row: SoftmaxMarginRow, _: V.Type) -> Int {
  let classes = Int(truncatingIfNeeded: row.classes)
  let label = Int(truncatingIfNeeded: row.label)
  let peak = rivalPeak(row, PlainTransform.self, V.self)
  let peakLanes = V.splat(peak)
  var index = 0
  while index < classes {
    let count = min(V.width, classes &- index)
    let logit = V.load(row.logits, index, count: count, filler: .nan)
    if V.anyTrue(V.equal(logit, peakLanes)) {
      var rival = index
      while rival < index &+ count {
        if rival != label && V.loadScalar(row.logits, rival) == peak { return rival }
        rival &+= 1
      }
    }
    index &+= V.width
  }
  return -1
}

/// Σ e^{s(v_j − peak)}; the exponentials themselves go into `gradient`, if given.
@inline(never)
func rivalSum<T: SoftmaxMarginTransform, V: Lanes>(
  _ row: SoftmaxMarginRow, peak: V.Scalar, keepIn gradient: UnsafeMutableRawPointer?,
  _: T.Type, _: V.Type
) -> Double {
  var sweep = SumSweep<T, V>(row: row, peak: peak, gradient: gradient)
  row.sweepRivals(&sweep)
  return sweep.sum.total
}

private struct SumSweep<T: SoftmaxMarginTransform, Vector: Lanes>: Sweep {
  let row: SoftmaxMarginRow
  let peak: Vector
  let scale: Vector
  let gradient: UnsafeMutableRawPointer?
  var sum = BlockSum<Vector>()

  @inline(__always)
  init(row: SoftmaxMarginRow, peak: Vector.Scalar, gradient: UnsafeMutableRawPointer?) {
    self.row = row
    self.peak = Vector.splat(peak)
    scale = Vector.splat(Vector.Scalar(row.scale))
    self.gradient = gradient
  }

  @inline(__always)
  mutating func visit<L: LaneSelection>(_ index: Int, _ lanes: L) where L.Vector == Vector {
    let exponential = Vector.exponential(
      T.shifted(row, index, lanes, peak: peak, Vector.self) * scale)
    sum.partial = sum.partial + exponential
    lanes_prefetch_read(row.next_logits + index &* Vector.scalarBytes)
    if let next = row.next_gradient { lanes_prefetch_write(next + index &* Vector.scalarBytes) }
    if let gradient { lanes.store(exponential, gradient, index) }
  }

  @inline(__always)
  mutating func endBlock() { sum.endBlock() }
}

/// Multiplies the exponentials kept in the gradient's row.
@inline(never)
func scaleExponentials<T: SoftmaxMarginTransform, V: Lanes>(
  _ row: SoftmaxMarginRow, in gradient: UnsafeMutableRawPointer, by weight: Double, _: T.Type,
  _: V.Type
) {
  var sweep = ScalingSweep<T, V>(
    row: row, gradient: gradient, weight: V.splat(V.Scalar(weight)))
  row.sweepRivals(&sweep)
}

private struct ScalingSweep<T: SoftmaxMarginTransform, Vector: Lanes>: Sweep {
  let row: SoftmaxMarginRow
  let gradient: UnsafeMutableRawPointer
  let weight: Vector

  @inline(__always)
  mutating func visit<L: LaneSelection>(_ index: Int, _ lanes: L) where L.Vector == Vector {
    let result = lanes.load(UnsafeRawPointer(gradient), index) * weight
    lanes.store(scaled(result, row, index, lanes, T.self), gradient, index)
  }
}

/// Writes the gradient from the logits, for rows whose exponentials were not kept.
@inline(never)
func writeGradient<T: SoftmaxMarginTransform, V: Lanes>(
  _ row: SoftmaxMarginRow, to gradient: UnsafeMutableRawPointer, peak: V.Scalar,
  weight: Double, gradientScale: Double, _: T.Type, _: V.Type
) {
  var sweep = GradientSweep<T, V>(
    row: row, gradient: gradient, peak: V.splat(peak),
    scale: V.splat(V.Scalar(row.scale)),
    weight: V.splat(V.Scalar(weight)),
    gradientScale: V.splat(V.Scalar(gradientScale)))
  row.sweepRivals(&sweep)
}

private struct GradientSweep<T: SoftmaxMarginTransform, Vector: Lanes>: Sweep {
  let row: SoftmaxMarginRow
  let gradient: UnsafeMutableRawPointer
  let peak: Vector
  let scale: Vector
  let weight: Vector
  let gradientScale: Vector

  @inline(__always)
  mutating func visit<L: LaneSelection>(_ index: Int, _ lanes: L) where L.Vector == Vector {
    let shifted = T.shifted(row, index, lanes, peak: peak, Vector.self)
    var result = Vector.exponential(shifted * scale) * weight
    if row.smoothing_sum != 0 {
      let logit = lanes.load(row.logits, index)
      // A class that is masked out has no gradient, whatever its smoothing; NaN, if the row is NaN.
      result = (result - smoothing(row, index, lanes) * gradientScale)
        .selecting(weight * Vector.zero, where: Vector.equal(logit, Vector.minusInfinity))
    }
    lanes.store(scaled(result, row, index, lanes, T.self), gradient, index)
  }
}

/// The chain rule's factor d_j.
@inline(__always)
private func scaled<T: SoftmaxMarginTransform, L: LaneSelection>(
  _ gradient: L.Vector, _ row: SoftmaxMarginRow, _ index: Int, _ lanes: L, _: T.Type
) -> L.Vector {
  guard T.scalesClasses, let scale = row.class_scale else { return gradient }
  return gradient * lanes.load(scale, index)
}

/// Σ q_j s (v_j − peak).
@inline(never)
func smoothedScores<T: SoftmaxMarginTransform, V: Lanes>(
  _ row: SoftmaxMarginRow, peak: V.Scalar, _: T.Type, _: V.Type
) -> Double {
  var sweep = SmoothedScoresSweep<T, V>(
    row: row, peak: V.splat(peak), scale: V.splat(V.Scalar(row.scale)))
  row.sweepRivals(&sweep)
  return sweep.sum.total
}

private struct SmoothedScoresSweep<T: SoftmaxMarginTransform, Vector: Lanes>: Sweep {
  let row: SoftmaxMarginRow
  let peak: Vector
  let scale: Vector
  var sum = BlockSum<Vector>()

  @inline(__always)
  mutating func visit<L: LaneSelection>(_ index: Int, _ lanes: L) where L.Vector == Vector {
    let score = T.shifted(row, index, lanes, peak: peak, Vector.self) * scale
    let share = smoothing(row, index, lanes)
    // Where nothing is smoothed, a score of −∞ (masked out, or a lane not selected) counts for nothing.
    let counting = score.selecting(Vector.zero, where: Vector.equal(share, Vector.zero))
    sum.partial = Vector.multiplyAdd(share, counting, sum.partial)
  }

  @inline(__always)
  mutating func endBlock() { sum.endBlock() }
}

/// q_j of one class.
@inline(__always)
func smoothingNumber<V: Lanes>(_ row: SoftmaxMarginRow, _ index: Int, _: V.Type) -> Double {
  row.smoothing == nil
    ? row.smoothing_sum / Double(row.classes) : number(row.smoothing, index, V.self)
}

/// q_j; 0 in lanes that are not selected.
@inline(__always)
private func smoothing<L: LaneSelection>(
  _ row: SoftmaxMarginRow, _ index: Int, _ lanes: L
) -> L.Vector {
  let share =
    row.smoothing.map { lanes.load($0, index) }
    ?? L.Vector.splat(L.Vector.Scalar(row.smoothing_sum / Double(row.classes)))
  return lanes.keep(share, filler: 0)
}
