/// Index of the first NaN or +∞, or −1.
@inline(never)
func firstNotFinite<E: Element>(_ logits: UnsafeRawPointer, _ classes: Int, _: E.Type) -> Int {
  let infinity = E.Vector.splat(.infinity)
  var index = 0
  while index < classes {
    let count = min(E.Vector.width, classes &- index)
    let logit = E.load(logits, index, count: count, filler: 0)
    if !E.Vector.allTrue(E.Vector.less(logit, infinity)) {
      var suspect = index
      while suspect < index &+ count {
        if !(E.loadScalar(logits, suspect) < .infinity) { return suspect }
        suspect &+= 1
      }
    }
    index &+= E.Vector.width
  }
  return -1
}

/// How many classes rank before the label: strictly above it, or tied with a lower index. NaN is before nothing;
/// a label whose score is NaN ranks last.
@inline(never)
func classesBefore<E: Element>(
  _ scores: UnsafeRawPointer, _ classes: Int, _ label: Int, _: E.Type
) -> Int {
  let own = E.loadScalar(scores, label)
  if own.isNaN { return classes &- 1 }
  var above = CountingSweep<E>(scores: scores, own: E.Vector.splat(own), countsTies: false)
  above.run(classes: classes, exceptLabel: label)
  var tied = CountingSweep<E>(scores: scores, own: E.Vector.splat(own), countsTies: true)
  tied.run(classes: label)
  return Int(above.sum.total + tied.sum.total)
}

/// Counts the scores above the label's own, or those that equal it.
private struct CountingSweep<E: Element>: Sweep {
  typealias Vector = E.Vector
  let scores: UnsafeRawPointer
  let own: Vector
  let countsTies: Bool
  var sum = BlockSum<Vector>()

  @inline(__always)
  mutating func visit<L: LaneSelection>(_ index: Int, _ lanes: L) where L.Vector == E.Vector {
    // -infinity is above nothing; a label at -infinity has ties, but none in lanes that are not there.
    let score = lanes.keep(
      lanes.load(scores, index, E.self), filler: countsTies ? .nan : -.infinity)
    let counts = countsTies ? Vector.equal(own, score) : Vector.less(own, score)
    sum.partial = sum.partial + Vector.zero.selecting(Vector.splat(1), where: counts)
  }

  @inline(__always)
  mutating func endBlock() { sum.endBlock() }
}

/// sums = scores + offset, elementwise. May be in place.
@inline(never)
func addOffset<E: Element>(
  _ scores: UnsafeRawPointer, _ offset: UnsafeRawPointer, _ sums: UnsafeMutableRawPointer,
  _ classes: Int, _: E.Type
) {
  var sweep = AddingSweep<E>(scores: scores, offset: offset, sums: sums)
  sweep.run(classes: classes)
}

private struct AddingSweep<E: Element>: Sweep {
  typealias Vector = E.Vector
  let scores: UnsafeRawPointer
  let offset: UnsafeRawPointer
  let sums: UnsafeMutableRawPointer

  @inline(__always)
  mutating func visit<L: LaneSelection>(_ index: Int, _ lanes: L) where L.Vector == E.Vector {
    lanes.store(
      lanes.load(scores, index, E.self) + lanes.load(offset, index), sums, index, E.self)
  }
}

/// Rounds float64 numbers into elements.
@inline(never)
func store<E: Element>(
  _ numbers: UnsafePointer<Double>, _ elements: UnsafeMutableRawPointer, _ count: Int, _: E.Type
) {
  var index = 0
  while index < count {
    E.storeScalar(E.Vector.Scalar(numbers[index]), elements, index)
    index &+= 1
  }
}

/// The same number in every element.
@inline(never)
func fill<E: Element>(
  _ row: UnsafeMutableRawPointer, with number: E.Vector.Scalar, _ classes: Int, _: E.Type
) {
  var sweep = FillingSweep<E>(row: row, number: E.Vector.splat(number))
  sweep.run(classes: classes)
}

private struct FillingSweep<E: Element>: Sweep {
  typealias Vector = E.Vector
  let row: UnsafeMutableRawPointer
  let number: Vector

  @inline(__always)
  mutating func visit<L: LaneSelection>(_ index: Int, _ lanes: L) where L.Vector == E.Vector {
    lanes.store(number, row, index, E.self)
  }
}
