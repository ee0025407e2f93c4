import CKernels

// The largest scores of a row.

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
  if V.lanesAreThreads {
    var sweep = PeakSweep<T, V>(scores: ClassScores(row))
    sweep.run(classes: end, exceptLabel: row.pointee.family.pointee.margin == nil ? -1 : label)
    return sweep.peak.largest
  }
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

private struct PeakSweep<T: SoftmaxMarginTransform, Vector: Lanes>: Sweep {
  let scores: ClassScores
  var peak = Vector.minusInfinity

  @inline(__always)
  mutating func visit<L: LaneSelection>(_ index: Int, _ lanes: L) where L.Vector == Vector {
    peak = Vector.maximum(
      peak, T.shifted(scores, index, lanes, peak: Vector.zero, Vector.self))
  }
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
