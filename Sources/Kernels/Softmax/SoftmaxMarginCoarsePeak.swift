import CKernels

// Rows whose peak is so large that its rounding, times s, is more than an exponential can take: of v_j − peak, put
// together from the same large terms in another order, all may then be far below 0, or some far above. What the largest
// of them is, the rest, is taken off them as well.

extension SoftmaxMarginFamily {
  /// Whether a peak is rounded by so much. Offsets may be larger than the sums they are part of.
  @inline(__always)
  func isCoarse<V: Lanes>(_ peak: Double, _: V.Type) -> Bool {
    let most = 8.0
    return (offset != nil || margin != nil) && abs(peak) < .infinity
      && scale * Double(V.Scalar.ulpOfOne) * (abs(peak) + largest_offset) > most
  }
}

/// A label that is above what its rivals are counted from by more, in float64, is counted from itself.
let highestAbove = 600.0

/// Takes the peak of the rivals alone, and finds the rest.
@inline(never)
func refinePeak<V: Lanes>(
  _ row: MutableRow, rivalPeak: Double, _ label: ClassScore<V>, margin: Double
) {
  let pointer = SoftmaxMarginPointer(row)
  let peak = rivalPeak > -.infinity ? rivalPeak : row.pointee.progress.peak
  let own = label.shifted(peak: peak) - margin
  var rest = Double(
    largestShifted(pointer, 0, pointer.pointee.classCount, peak: V.Scalar(peak), V.self))
  var shifted = row.pointee.family.pointee.scale * (own - rest)
  if shifted > highestAbove { (rest, shifted) = (Double(V.Scalar(own)), 0) }
  row.pointee.progress.peak = peak
  row.pointee.progress.rest = rest
  row.pointee.progress.label_shifted = shifted
}

/// The largest v_j − peak of [start, end), with the roundings that it has in the sweeps; −∞ if there is none. The label
/// counts where it has no margin.
@inline(never)
func largestShifted<V: Lanes>(
  _ row: SoftmaxMarginPointer, _ start: Int, _ end: Int, peak: V.Scalar, _: V.Type
) -> V.Scalar {
  var sweep = LargestSweep<V>(scores: ClassScores(row), peak: V.splat(peak))
  sweep.run(
    start, end, around: row.pointee.family.pointee.margin == nil ? -1 : row.pointee.labelIndex)
  return sweep.largest.largest
}

private struct LargestSweep<Vector: Lanes>: Sweep {
  let scores: ClassScores
  let peak: Vector
  var largest = Vector.minusInfinity

  @inline(__always)
  mutating func visit<L: LaneSelection>(_ index: Int, _ lanes: L) where L.Vector == Vector {
    largest = Vector.maximum(
      largest, AnyTransform.shifted(scores, index, lanes, peak: peak, Vector.self))
  }
}
