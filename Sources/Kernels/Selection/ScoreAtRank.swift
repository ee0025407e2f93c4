import CKernels

/// How many scores are above the threshold.
@inline(never)
func countAbove<V: ProcessorLanes>(
  _ scores: UnsafeRawPointer, _ count: Int, _ threshold: V.Scalar, _: V.Type
) -> Int {
  var sweep = AboveSweep<V>(scores: scores, threshold: V.splat(threshold))
  sweep.run(classes: count)
  return Int(sweep.sum.total)
}

private struct AboveSweep<Vector: ProcessorLanes>: Sweep {
  let scores: UnsafeRawPointer
  let threshold: Vector
  var sum = BlockSum<Vector>()

  @inline(__always)
  mutating func visit<L: LaneSelection>(_ index: Int, _ lanes: L) where L.Vector == Vector {
    let score = lanes.keep(lanes.load(scores, index), filler: -.infinity)
    sum.partial =
      sum.partial
      + Vector.zero.selecting(Vector.splat(1), where: Vector.less(threshold, score))
  }

  @inline(__always)
  mutating func endBlock() { sum.endBlock() }
}

/// The largest score.
@inline(never)
func largestScore<V: ProcessorLanes>(_ scores: UnsafeRawPointer, _ count: Int, _: V.Type)
  -> V.Scalar
{
  var sweep = LargestSweep<V>(scores: scores)
  sweep.run(classes: count)
  return sweep.largest.largest
}

private struct LargestSweep<Vector: ProcessorLanes>: Sweep {
  let scores: UnsafeRawPointer
  var largest = Vector.minusInfinity

  @inline(__always)
  init(scores: UnsafeRawPointer) { self.scores = scores }

  @inline(__always)
  mutating func visit<L: LaneSelection>(_ index: Int, _ lanes: L) where L.Vector == Vector {
    largest = Vector.maximum(
      largest, lanes.keep(lanes.load(scores, index), filler: -.infinity))
  }
}

/// A number that is at or just above the score of rank r: at most `tolerance` above, or the next number of the type.
/// Nil if fewer than r scores are above −∞. Found by bisection on the count of scores above a threshold, which
/// needs no memory and takes a scan of the row a step.
@inline(never)
func scoreAtRank<V: ProcessorLanes>(
  _ scores: UnsafeRawPointer, _ count: Int, rank: Int, tolerance: Double, _: V.Type
) -> V.Scalar? {
  if countAbove(scores, count, -.infinity, V.self) < rank { return nil }
  var range = RangeSweep<V>(scores: scores)
  range.run(classes: count)
  // More than r − 1 scores are above `lower`, and fewer than r above `upper`.
  var lower = -range.negated.largest
  var upper = range.largest.largest
  if countAbove(scores, count, lower, V.self) < rank { return lower }
  while Double(upper) - Double(lower) > tolerance {
    let middle = lower / 2 + upper / 2
    if !(middle > lower && middle < upper) { break }
    if countAbove(scores, count, middle, V.self) < rank {
      upper = middle
    } else {
      lower = middle
    }
  }
  return upper
}

/// The largest score, and the largest of the negated scores that are numbers above −∞.
private struct RangeSweep<Vector: ProcessorLanes>: Sweep {
  let scores: UnsafeRawPointer
  var largest = Vector.minusInfinity
  var negated = Vector.minusInfinity

  @inline(__always)
  init(scores: UnsafeRawPointer) { self.scores = scores }

  @inline(__always)
  mutating func visit<L: LaneSelection>(_ index: Int, _ lanes: L) where L.Vector == Vector {
    let score = lanes.keep(lanes.load(scores, index), filler: -.infinity)
    largest = Vector.maximum(largest, score)
    let negative = (Vector.zero - score)
      .selecting(Vector.minusInfinity, where: Vector.equal(score, Vector.minusInfinity))
    negated = Vector.maximum(negated, negative)
  }
}
