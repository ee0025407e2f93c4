/// Something done to every element of a row, a vector at a time.
///
/// A type rather than a closure, because a method can be made to be inlined: a closure that is called in two places
/// becomes a function, and a call for every vector costs more than what it does.
protocol Sweep {
  associatedtype Vector: Lanes

  /// Does `count` elements from `index` on: a whole vector, or fewer at the end of a stretch.
  mutating func visit(_ index: Int, count: Int)

  /// Called after at most `elementsPerBlock` elements, so that sums can be carried on in a wider type.
  mutating func endBlock()
}

/// Elements that are summed in the arithmetic type at the most.
let elementsPerBlock = 512

extension Sweep {
  @inline(__always)
  mutating func endBlock() {}

  /// Visits [start, end).
  @inline(__always)
  mutating func run(_ start: Int, _ end: Int) {
    var index = start
    while index < end {
      let blockEnd = min(end, index &+ elementsPerBlock)
      while index &+ Vector.width <= blockEnd {
        visit(index, count: Vector.width)
        index &+= Vector.width
      }
      if index < blockEnd { visit(index, count: blockEnd &- index) }
      endBlock()
      index = blockEnd
    }
  }

  /// Visits every class but the label.
  @inline(__always)
  mutating func run(classes: Int, exceptLabel label: Int) {
    var start = 0
    var end = label
    while true {
      run(start, end)
      if end == classes { return }
      start = end &+ 1
      end = classes
    }
  }
}
