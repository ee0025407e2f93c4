/// Index of the first NaN or +∞, or −1.
@inline(never)
func firstNotFinite<V: Lanes>(_ logits: UnsafeRawPointer, _ classes: Int, _: V.Type) -> Int {
  let infinity = V.splat(.infinity)
  var index = 0
  while index < classes {
    let count = min(V.width, classes &- index)
    let logit = V.load(logits, index, count: count, filler: 0)
    if !V.allTrue(V.less(logit, infinity)) {
      var suspect = index
      while suspect < index &+ count {
        if !(V.loadScalar(logits, suspect) < .infinity) { return suspect }
        suspect &+= 1
      }
    }
    index &+= V.width
  }
  return -1
}

/// Whether a logit is NaN or +∞. Threads vote once, at the end: at every vote they wait for one another.
@inline(__always)
func hasBadLogit<V: Lanes>(_ logits: UnsafeRawPointer, _ classes: Int, _: V.Type) -> Bool {
  if !V.lanesAreThreads { return firstNotFinite(logits, classes, V.self) >= 0 }
  var sweep = BoundSweep<V>(logits: logits, bound: V.splat(.infinity))
  sweep.run(classes: classes)
  return !V.allTrue(sweep.isLess)
}

private struct BoundSweep<Vector: Lanes>: Sweep {
  let logits: UnsafeRawPointer
  let bound: Vector
  var isLess = Vector.range(0, Vector.width, except: -1)

  @inline(__always)
  mutating func visit<L: LaneSelection>(_ index: Int, _ lanes: L) where L.Vector == Vector {
    let logit = lanes.keep(lanes.load(logits, index), filler: 0)
    isLess = Vector.both(isLess, Vector.less(logit, bound))
  }
}

/// How many classes rank before the label: strictly above it, or tied with a lower index. NaN is before nothing;
/// a label whose score is NaN ranks last.
@inline(never)
func classesBefore<V: Lanes>(
  _ scores: UnsafeRawPointer, _ classes: Int, _ label: Int, _: V.Type
) -> Int {
  let own = V.loadScalar(scores, label)
  if own.isNaN { return classes &- 1 }
  var above = CountingSweep<V>(scores: scores, own: V.splat(own), countsTies: false)
  above.run(classes: classes, exceptLabel: label)
  var tied = CountingSweep<V>(scores: scores, own: V.splat(own), countsTies: true)
  tied.run(classes: label)
  return Int(above.sum.total + tied.sum.total)
}

/// Counts the scores above the label's own, or those that equal it.
private struct CountingSweep<Vector: Lanes>: Sweep {
  let scores: UnsafeRawPointer
  let own: Vector
  let countsTies: Bool
  var sum = BlockSum<Vector>()

  @inline(__always)
  mutating func visit<L: LaneSelection>(_ index: Int, _ lanes: L) where L.Vector == Vector {
    // -infinity is above nothing; a label at -infinity has ties, but none in lanes that are not there.
    let score = lanes.keep(
      lanes.load(scores, index), filler: countsTies ? .nan : -.infinity)
    let counts = countsTies ? Vector.equal(own, score) : Vector.less(own, score)
    sum.partial = sum.partial + Vector.zero.selecting(Vector.splat(1), where: counts)
  }

  @inline(__always)
  mutating func endBlock() { sum.endBlock() }
}

/// sums = scores + offset, elementwise. May be in place.
@inline(never)
func addOffset<V: Lanes>(
  _ scores: UnsafeRawPointer, _ offset: UnsafeRawPointer, _ sums: UnsafeMutableRawPointer,
  _ classes: Int, _: V.Type
) {
  var sweep = AddingSweep<V>(scores: scores, offset: offset, sums: sums)
  sweep.run(classes: classes)
}

private struct AddingSweep<Vector: Lanes>: Sweep {
  let scores: UnsafeRawPointer
  let offset: UnsafeRawPointer
  let sums: UnsafeMutableRawPointer

  @inline(__always)
  mutating func visit<L: LaneSelection>(_ index: Int, _ lanes: L) where L.Vector == Vector {
    lanes.store(
      lanes.load(scores, index) + lanes.loadOfClass(offset, index), sums, index)
  }
}

/// The same number in every element.
@inline(never)
func fill<V: Lanes>(
  _ row: UnsafeMutableRawPointer, with number: V.Scalar, _ classes: Int, _: V.Type
) {
  var sweep = FillingSweep<V>(row: row, number: V.splat(number))
  sweep.run(classes: classes)
}

private struct FillingSweep<Vector: Lanes>: Sweep {
  let row: UnsafeMutableRawPointer
  let number: Vector

  @inline(__always)
  mutating func visit<L: LaneSelection>(_ index: Int, _ lanes: L) where L.Vector == Vector {
    lanes.store(number, row, index)
  }
}
