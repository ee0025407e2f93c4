/// Index of the first NaN or +∞, or −1.
@inline(__always)
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
@inline(__always)
func classesBefore<E: Element>(
  _ scores: UnsafeRawPointer, _ classes: Int, _ label: Int, _: E.Type
) -> Int {
  let own = E.loadScalar(scores, label)
  if own.isNaN { return classes &- 1 }
  let ownLanes = E.Vector.splat(own)
  let one = E.Vector.splat(1)
  var before = 0.0
  func count(from start: Int, to end: Int, tiesCount: Bool) {
    // Lanes count in the arithmetic type, exactly up to 2^24: far beyond a block's worth.
    var blockStart = start
    while blockStart < end {
      let blockEnd = min(end, blockStart &+ 1 << 16)
      var partial = E.Vector.zero
      sweep(blockStart, blockEnd, width: E.Vector.width) { index, count in
        let score = E.load(scores, index, count: count, filler: .nan)
        partial =
          partial
          + E.Vector.zero.selecting(one, where: tiesCount
              ? E.Vector.lessOrEqual(ownLanes, score) : E.Vector.less(ownLanes, score))
      }
      before += partial.wideSum
      blockStart = blockEnd
    }
  }
  count(from: 0, to: label, tiesCount: true)
  count(from: label &+ 1, to: classes, tiesCount: false)
  return Int(before)
}

/// sums = scores + offset, elementwise. May be in place.
@inline(__always)
func addOffset<E: Element>(
  _ scores: UnsafeRawPointer, _ offset: UnsafeRawPointer, _ sums: UnsafeMutableRawPointer,
  _ classes: Int, _: E.Type
) {
  sweep(0, classes, width: E.Vector.width) { index, count in
    let score = E.load(scores, index, count: count, filler: 0)
    E.store(
      score + classVector(offset, index, count: count, filler: 0), sums, index, count: count)
  }
}

/// Rounds float64 numbers into elements.
@inline(__always)
func store<E: Element>(
  _ numbers: UnsafePointer<Double>, _ elements: UnsafeMutableRawPointer, _ count: Int, _: E.Type
) {
  var index = 0
  while index < count {
    E.storeScalar(E.Vector.Scalar(numbers[index]), elements, index)
    index &+= 1
  }
}
