import CKernels

// The sweeps of the softmax-margin kernel. What they sum leaves the label out; what they put in the gradient at the
// label is overwritten later. Their entry points are functions of their own, so that each is compiled once for an
// element type and a transformation. They take a pointer: a copy of the row would be read, in whole vectors, before
// its members have left the processor's store buffer.

typealias SoftmaxMarginPointer = UnsafePointer<SoftmaxMarginRow>

extension SoftmaxMarginRow {
  @inline(__always)
  fileprivate var classCount: Int { Int(truncatingIfNeeded: family.pointee.classes) }
  @inline(__always)
  fileprivate var labelIndex: Int { Int(truncatingIfNeeded: label) }
  @inline(__always)
  fileprivate func scale<V: Lanes>(_: V.Type) -> V { V.splat(V.Scalar(family.pointee.scale)) }
}

/// The largest v_j, rounded; −∞ if there is none. NaN may be passed over or not: the sum will find it. The label counts
/// where it has no margin: the peak is then the same with it.
@inline(never)
func rivalPeak<T: SoftmaxMarginTransform, V: Lanes>(
  _ row: SoftmaxMarginPointer, _: T.Type, _: V.Type
) -> V.Scalar {
  rivalPeak(row, 0, row.pointee.classCount, T.self, V.self)
}

/// The same of [start, end).
@inline(__always)
func rivalPeak<T: SoftmaxMarginTransform, V: Lanes>(
  _ row: SoftmaxMarginPointer, _ start: Int, _ end: Int, _: T.Type, _: V.Type
) -> V.Scalar {
  let label = row.pointee.labelIndex
  if row.pointee.family.pointee.margin == nil || label < start || label >= end {
    return peak(row, start, end, T.self, V.self).largest
  }
  return V.maximum(
    peak(row, start, label, T.self, V.self), peak(row, label &+ 1, end, T.self, V.self)
  ).largest
}

/// The largest v_j of [start, end), in some lane. The first vector and the last may lie over others: the maximum does
/// not mind, and those between lie on the cache's lines.
@inline(never)
private func peak<T: SoftmaxMarginTransform, V: Lanes>(
  _ row: SoftmaxMarginPointer, _ start: Int, _ end: Int, _: T.Type, _: V.Type
) -> V {
  let scores = ClassScores(row)
  let last = end &- V.width
  if last < start { return shortPeak(scores, start, end, T.self, V.self) }
  // Four by turns: one would wait for its own last result.
  var first: V = score(scores, start, T.self)
  var second: V = score(scores, last, T.self)
  var (third, fourth) = (first, second)
  var index = start &+ V.elementsToLine(scores.logits, start)
  let foursEnd = last &- 3 &* V.width
  while index <= foursEnd {
    first = V.maximum(first, score(scores, index, T.self))
    second = V.maximum(second, score(scores, index &+ V.width, T.self))
    third = V.maximum(third, score(scores, index &+ 2 &* V.width, T.self))
    fourth = V.maximum(fourth, score(scores, index &+ 3 &* V.width, T.self))
    index &+= 4 &* V.width
  }
  while index < last {
    first = V.maximum(first, score(scores, index, T.self))
    index &+= V.width
  }
  return V.maximum(V.maximum(first, second), V.maximum(third, fourth))
}

@inline(__always)
private func score<T: SoftmaxMarginTransform, V: Lanes>(
  _ scores: ClassScores, _ index: Int, _: T.Type
) -> V {
  T.shifted(scores, index, AllLanes<V>(), peak: V.zero, V.self)
}

/// Fewer classes than a vector has lanes.
@inline(__always)
private func shortPeak<T: SoftmaxMarginTransform, V: Lanes>(
  _ scores: ClassScores, _ start: Int, _ end: Int, _: T.Type, _: V.Type
) -> V {
  T.shifted(
    scores, start, SomeLanes<V>(max(0, end &- start), except: -1), peak: V.zero, V.self)
}

/// argmax_{j ≠ y} z_j, the lowest index among equals; −1 if no rival is a number.
@inline(never)
func strongestRival<V: Lanes>(_ pointer: SoftmaxMarginPointer, _: V.Type) -> Int {
  let row = pointer.pointee
  let (classes, label) = (row.classCount, row.labelIndex)
  let peak = rivalPeak(pointer, PlainTransform.self, V.self)
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

/// Σ e^{s(v_j − peak)}; the exponentials themselves go into `gradient`, if given, the label's too.
@inline(__always)
func rivalSum<T: SoftmaxMarginTransform, V: Lanes>(
  _ row: SoftmaxMarginPointer, peak: V.Scalar, keepIn gradient: UnsafeMutableRawPointer?,
  _: T.Type, _: V.Type
) -> Double {
  rivalSum(row, 0, row.pointee.classCount, peak: peak, keepIn: gradient, T.self, V.self)
}

/// The same of [start, end), where a start other than 0 is a multiple of 512.
@inline(never)
func rivalSum<T: SoftmaxMarginTransform, V: Lanes>(
  _ row: SoftmaxMarginPointer, _ start: Int, _ end: Int, peak: V.Scalar,
  keepIn gradient: UnsafeMutableRawPointer?, _: T.Type, _: V.Type
) -> Double {
  guard let gradient else { return sumOnly(row, start, end, peak, V.self) }
  var sweep = KeepingSweep<T, V>(
    sums: SumSweep(row, peak), gradient: gradient,
    next: row.pointee.next_gradient ?? row.pointee.next_logits)
  sweep.run(start, end, around: row.pointee.labelIndex)
  return sweep.sums.sum.total
}

/// The sum alone, compiled once for all transformations: of rows whose gradient nobody wants, or is smoothed.
@inline(never)
private func sumOnly<V: Lanes>(
  _ row: SoftmaxMarginPointer, _ start: Int, _ end: Int, _ peak: V.Scalar, _: V.Type
) -> Double {
  var sweep = SumSweep<AnyTransform, V>(row, peak)
  sweep.run(start, end, around: row.pointee.labelIndex)
  return sweep.sum.total
}

private struct SumSweep<T: SoftmaxMarginTransform, Vector: Lanes>: Sweep {
  let scores: ClassScores
  let peak: Vector
  let exponent: Exponent<Vector>
  let next: UnsafeRawPointer
  let nextBytes: Int
  var sum = BlockSum<Vector>()

  @inline(__always)
  init(_ row: SoftmaxMarginPointer, _ peak: Vector.Scalar) {
    scores = ClassScores(row)
    self.peak = Vector.splat(peak)
    exponent = Vector.exponent(row.pointee.family.pointee.scale)
    next = row.pointee.next_logits
    nextBytes = Int(truncatingIfNeeded: row.pointee.family.pointee.next_bytes)
  }

  @inline(__always)
  mutating func add<L: LaneSelection>(_ index: Int, _ lanes: L) -> Vector
  where L.Vector == Vector {
    let exponential = Vector.softmaxExponential(
      T.shifted(scores, index, lanes, peak: peak, Vector.self), exponent)
    sum.partial = sum.partial + exponential
    lanes_prefetch_read(next + index &* nextBytes)
    return exponential
  }

  @inline(__always)
  mutating func visit<L: LaneSelection>(_ index: Int, _ lanes: L) where L.Vector == Vector {
    _ = add(index, lanes)
  }

  @inline(__always)
  mutating func endBlock() { sum.endBlock() }
}

private struct KeepingSweep<T: SoftmaxMarginTransform, Vector: Lanes>: Sweep {
  var sums: SumSweep<T, Vector>
  let gradient: UnsafeMutableRawPointer
  let next: UnsafeRawPointer

  @inline(__always)
  mutating func visit<L: LaneSelection>(_ index: Int, _ lanes: L) where L.Vector == Vector {
    lanes.store(sums.add(index, lanes), gradient, index)
    lanes_prefetch_write(next + index &* sums.nextBytes)
  }

  @inline(__always)
  mutating func endBlock() { sums.endBlock() }
}

/// Multiplies the exponentials kept in the gradient's row, those of [start, end).
@inline(never)
func scaleExponentials<T: SoftmaxMarginTransform, V: Lanes>(
  _ row: SoftmaxMarginPointer, _ start: Int, _ end: Int, in gradient: UnsafeMutableRawPointer,
  by weight: Double, _: T.Type, _: V.Type
) {
  var sweep = ScalingSweep<T, V>(
    scores: ClassScores(row), gradient: gradient, weight: V.splat(V.Scalar(weight)))
  sweep.run(start, end, alignedTo: gradient)
}

private struct ScalingSweep<T: SoftmaxMarginTransform, Vector: Lanes>: Sweep {
  let scores: ClassScores
  let gradient: UnsafeMutableRawPointer
  let weight: Vector

  @inline(__always)
  mutating func visit<L: LaneSelection>(_ index: Int, _ lanes: L) where L.Vector == Vector {
    let result = lanes.load(UnsafeRawPointer(gradient), index) * weight
    lanes.store(scaled(result, scores, index, lanes, T.self), gradient, index)
  }
}

/// Writes the gradient from the logits, for rows whose exponentials were not kept.
@inline(never)
func writeGradient<V: Lanes>(
  _ row: SoftmaxMarginPointer, to gradient: UnsafeMutableRawPointer, peak: V.Scalar,
  weight: Double, gradientScale: Double, _: V.Type
) {
  var sweep = GradientSweep<V>(
    scores: ClassScores(row), smoothing: Smoothing(row), gradient: gradient, peak: V.splat(peak),
    exponent: V.exponent(row.pointee.family.pointee.scale),
    weight: V.splat(V.Scalar(weight)),
    gradientScale: V.splat(V.Scalar(gradientScale)))
  sweep.run(classes: row.pointee.classCount)
}

private struct GradientSweep<Vector: Lanes>: Sweep {
  let scores: ClassScores
  let smoothing: Smoothing<Vector>
  let gradient: UnsafeMutableRawPointer
  let peak: Vector
  let exponent: Exponent<Vector>
  let weight: Vector
  let gradientScale: Vector

  @inline(__always)
  mutating func visit<L: LaneSelection>(_ index: Int, _ lanes: L) where L.Vector == Vector {
    let shifted = AnyTransform.shifted(scores, index, lanes, peak: peak, Vector.self)
    let logit = lanes.load(scores.logits, index)
    // A class that is masked out has no gradient, whatever its smoothing; NaN, if the row is NaN.
    let result =
      (Vector.softmaxExponential(shifted, exponent) * weight
      - smoothing.share(index, lanes) * gradientScale)
      .selecting(weight * Vector.zero, where: Vector.equal(logit, Vector.minusInfinity))
    lanes.store(scaled(result, scores, index, lanes, AnyTransform.self), gradient, index)
  }
}

/// The chain rule's factor d_j.
@inline(__always)
private func scaled<T: SoftmaxMarginTransform, L: LaneSelection>(
  _ gradient: L.Vector, _ scores: ClassScores, _ index: Int, _ lanes: L, _: T.Type
) -> L.Vector {
  guard T.scalesClasses, let scale = scores.scale else { return gradient }
  return gradient * lanes.load(scale, index)
}

/// Σ q_j s (v_j − peak).
@inline(never)
func smoothedScores<V: Lanes>(
  _ row: SoftmaxMarginPointer, peak: V.Scalar, _: V.Type
) -> Double {
  var sweep = SmoothedScoresSweep<V>(
    scores: ClassScores(row), smoothing: Smoothing(row), peak: V.splat(peak),
    scale: row.pointee.scale(V.self))
  sweep.run(classes: row.pointee.classCount, exceptLabel: row.pointee.labelIndex)
  return sweep.sum.total
}

private struct SmoothedScoresSweep<Vector: Lanes>: Sweep {
  let scores: ClassScores
  let smoothing: Smoothing<Vector>
  let peak: Vector
  let scale: Vector
  var sum = BlockSum<Vector>()

  @inline(__always)
  mutating func visit<L: LaneSelection>(_ index: Int, _ lanes: L) where L.Vector == Vector {
    let score = AnyTransform.shifted(scores, index, lanes, peak: peak, Vector.self) * scale
    let share = smoothing.share(index, lanes)
    // Where nothing is smoothed, a score of −∞ (masked out, or a lane not selected) counts for nothing.
    let counting = score.selecting(Vector.zero, where: Vector.equal(share, Vector.zero))
    sum.partial = Vector.multiplyAdd(share, counting, sum.partial)
  }

  @inline(__always)
  mutating func endBlock() { sum.endBlock() }
}

/// q: the share of every class in what is smoothed.
private struct Smoothing<Vector: Lanes> {
  private let shares: UnsafeRawPointer?
  /// Where all are equal.
  private let equalShare: Vector

  @inline(__always)
  init(_ row: SoftmaxMarginPointer) {
    shares = row.pointee.family.pointee.smoothing
    equalShare = Vector.splat(Vector.Scalar(row.pointee.family.pointee.equalShare))
  }

  /// q_j; 0 in lanes that are not selected.
  @inline(__always)
  func share<L: LaneSelection>(_ index: Int, _ lanes: L) -> Vector where L.Vector == Vector {
    lanes.keep(shares.map { lanes.load($0, index) } ?? equalShare, filler: 0)
  }
}

extension SoftmaxMarginFamily {
  @inline(__always)
  fileprivate var equalShare: Double { smoothing_sum / Double(classes) }

  /// q_j of one class.
  @inline(__always)
  func smoothing<V: Lanes>(_ index: Int, _: V.Type) -> Double {
    if smoothing_sum == 0 { return 0 }
    return smoothing == nil ? equalShare : number(smoothing, index, V.self)
  }
}
