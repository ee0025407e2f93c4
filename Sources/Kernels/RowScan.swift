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
  var sweep = CountingSweep<E>(scores: scores, own: E.Vector.splat(own), tiesCount: true)
  sweep.run(0, label)
  sweep.tiesCount = false
  sweep.run(label &+ 1, classes)
  return Int(sweep.total)
}

private struct CountingSweep<E: Element>: Sweep {
  typealias Vector = E.Vector
  let scores: UnsafeRawPointer
  let own: Vector
  var tiesCount: Bool
  var partial = Vector.zero
  var total = 0.0

  @inline(__always)
  mutating func visit(_ index: Int, count: Int) {
    let score = E.load(scores, index, count: count, filler: .nan)
    let before = tiesCount ? Vector.lessOrEqual(own, score) : Vector.less(own, score)
    partial = partial + Vector.zero.selecting(Vector.splat(1), where: before)
  }

  @inline(__always)
  mutating func endBlock() {
    total += partial.wideSum
    partial = Vector.zero
  }
}

/// sums = scores + offset, elementwise. May be in place.
@inline(never)
func addOffset<E: Element>(
  _ scores: UnsafeRawPointer, _ offset: UnsafeRawPointer, _ sums: UnsafeMutableRawPointer,
  _ classes: Int, _: E.Type
) {
  var sweep = AddingSweep<E>(scores: scores, offset: offset, sums: sums)
  sweep.run(0, classes)
}

private struct AddingSweep<E: Element>: Sweep {
  typealias Vector = E.Vector
  let scores: UnsafeRawPointer
  let offset: UnsafeRawPointer
  let sums: UnsafeMutableRawPointer

  @inline(__always)
  mutating func visit(_ index: Int, count: Int) {
    let score = E.load(scores, index, count: count, filler: 0)
    E.store(
      score + classVector(offset, index, count: count, filler: 0), sums, index, count: count)
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
  sweep.run(0, classes)
}

private struct FillingSweep<E: Element>: Sweep {
  typealias Vector = E.Vector
  let row: UnsafeMutableRawPointer
  let number: Vector

  @inline(__always)
  mutating func visit(_ index: Int, count: Int) {
    E.store(number, row, index, count: count)
  }
}
