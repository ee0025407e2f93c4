import CKernels

// The sweeps of the softmax-margin kernel. What they sum leaves the label out; what they put in the gradient at the
// label is overwritten later. Their entry points are functions of their own, so that each is compiled once for an
// element type and a transformation. They take a pointer: a copy of the row would be read, in whole vectors, before
// its members have left the processor's store buffer.

typealias SoftmaxMarginPointer = UnsafePointer<SoftmaxMarginRow>

extension SoftmaxMarginRow {
  @inline(__always)
  var classCount: Int { Int(truncatingIfNeeded: family.pointee.classes) }
  @inline(__always)
  var labelIndex: Int { Int(truncatingIfNeeded: label) }
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
  if V.lanesAreThreads {
    var sweep = SumSweep<T, V>(row, peak)
    sweep.run(start, end, around: row.pointee.labelIndex)
    return sweep.sum.total
  }
  guard let gradient else { return sumOnly(row, start, end, peak, V.self) }
  var sweep = KeepingSweep<T, V>(
    sums: SumSweep(row, peak), gradient: gradient,
    next: row.pointee.next_gradient ?? row.pointee.next_logits)
  sweep.run(start, end, around: row.pointee.labelIndex)
  return sweep.sums.sum.total
}

/// The sum alone, compiled once for all transformations: of rows whose gradient nobody wants, or is smoothed.
@inline(never)
func sumOnly<V: Lanes>(
  _ row: SoftmaxMarginPointer, _ start: Int, _ end: Int, _ peak: V.Scalar, _: V.Type
) -> Double {
  var sweep = SumSweep<AnyTransform, V>(row, peak)
  sweep.run(start, end, around: row.pointee.labelIndex)
  return sweep.sum.total
}

private struct SumSweep<T: SoftmaxMarginTransform, Vector: Lanes>: Sweep {
  let scores: ClassScores
  let shift: ShiftLanes<Vector>
  let exponent: Exponent<Vector>
  let next: UnsafeRawPointer
  let nextBytes: Int
  var sum = BlockSum<Vector>()

  @inline(__always)
  init(_ row: SoftmaxMarginPointer, _ peak: Vector.Scalar) {
    scores = ClassScores(row)
    shift = ShiftLanes(row, peak: peak, isRounded: T.isRounded)
    exponent = Vector.exponent(row.pointee.family.pointee.scale)
    next = row.pointee.next_logits
    nextBytes = Int(truncatingIfNeeded: row.pointee.family.pointee.next_bytes)
  }

  @inline(__always)
  mutating func add<L: LaneSelection>(_ index: Int, _ lanes: L) -> Vector
  where L.Vector == Vector {
    let exponential = Vector.softmaxExponential(
      T.shifted(scores, index, lanes, shift), exponent)
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

/// The gradient of a row without shares from the logits anew.
@inline(__always)
func writeExponentials<T: SoftmaxMarginTransform, V: Lanes>(
  _ row: SoftmaxMarginPointer, to gradient: UnsafeMutableRawPointer, _: T.Type, _: V.Type
) {
  let progress = row.pointee.progress
  var sweep = WritingSweep<T, V>(
    scores: ClassScores(row), gradient: gradient,
    shift: ShiftLanes(row, peak: V.Scalar(progress.peak), isRounded: T.isRounded),
    exponent: V.exponent(row.pointee.family.pointee.scale),
    weight: V.splat(V.Scalar(progress.weight)))
  // Whoever writes the label's own gradient does not wait for this.
  sweep.run(classes: row.pointee.classCount, exceptLabel: row.pointee.labelIndex)
}

private struct WritingSweep<T: SoftmaxMarginTransform, Vector: Lanes>: Sweep {
  let scores: ClassScores
  let gradient: UnsafeMutableRawPointer
  let shift: ShiftLanes<Vector>
  let exponent: Exponent<Vector>
  let weight: Vector

  @inline(__always)
  mutating func visit<L: LaneSelection>(_ index: Int, _ lanes: L) where L.Vector == Vector {
    let result =
      Vector.softmaxExponential(T.shifted(scores, index, lanes, shift), exponent) * weight
    lanes.store(scaled(result, scores, index, lanes, T.self), gradient, index)
  }
}

/// The chain rule's factor d_j.
@inline(__always)
func scaled<T: SoftmaxMarginTransform, L: LaneSelection>(
  _ gradient: L.Vector, _ scores: ClassScores, _ index: Int, _ lanes: L, _: T.Type
) -> L.Vector {
  guard T.scalesClasses, let scale = scores.scale else { return gradient }
  return gradient * lanes.loadOfClass(scale, index)
}
