/// Something done to every element of a row, a vector at a time.
///
/// A type rather than a closure, because a method can be made to be inlined: a closure that is called in two places
/// becomes a function, and a call for every vector costs more than what it does.
protocol Sweep {
  associatedtype Vector: Lanes

  /// Does the elements from `index` on that the selection holds.
  mutating func visit<L: LaneSelection>(_ index: Int, _ lanes: L) where L.Vector == Vector

  /// Called after at most `elementsPerBlock` elements, so that sums can be carried on in a wider type.
  mutating func endBlock()
}

/// Elements that are summed in the arithmetic type at the most.
private let elementsPerBlock = 512

/// Elements of a block that may hold the label.
private let elementsAround = 128

/// Rows so short are still on their way to the cache when they are read again, as vectors that begin elsewhere.
private let fewestAligned = 256

extension Sweep {
  @inline(__always)
  mutating func endBlock() {}

  /// Visits every class, but for the label if there is one.
  ///
  /// Vectors start at multiples of their width. The label's vector, and a last one that the row does not fill, are
  /// visited with a selection of lanes.
  @inline(__always)
  mutating func run(classes: Int, exceptLabel label: Int = -1) {
    if Vector.lanesAreThreads { return runMasked(classes, except: label) }
    let width = Vector.width
    let wholeEnd = classes / width &* width
    let labelStart = label < 0 ? wholeEnd : label / width &* width
    var index = 0
    while true {
      let end = index <= labelStart ? min(labelStart, wholeEnd) : wholeEnd
      runWhole(index, end)
      let isLabels = end < wholeEnd
      if !isLabels && wholeEnd == classes { return }
      let start = isLabels ? labelStart : wholeEnd
      visit(start, SomeLanes(min(width, classes &- start), except: label &- start))
      endBlock()
      if !isLabels { return }
      index = labelStart &+ width
    }
  }

  /// Visits classes where the order does not matter. Vectors lie on the cache's lines, as seen from the row's address:
  /// over two of them, a store takes twice the time.
  @inline(__always)
  mutating func run(_ start: Int, _ end: Int, alignedTo row: UnsafeRawPointer) {
    let width = Vector.width
    var index = start
    if end &- start >= fewestAligned {
      index &+= Vector.elementsToLine(row, start)
      if index > start { visit(start, SomeLanes(index &- start, except: -1)) }
    }
    let wholeEnd = end &- width
    while index <= wholeEnd {
      visit(index, AllLanes<Vector>())
      index &+= width
    }
    if index < end { visit(index, SomeLanes(end &- index, except: -1)) }
  }

  /// Visits [start, end). The label is left out of what `keep` lets through, but what its lane holds is stored. A start
  /// other than 0 is a multiple of `elementsPerBlock`.
  ///
  /// Blocks are the same wherever the label is, so that the processor can foresee where they end: a wrong guess
  /// costs as much as several vectors. Only in the label's own block is every vector looked at for it.
  @inline(__always)
  mutating func run(_ start: Int, _ end: Int, around label: Int) {
    if Vector.lanesAreThreads { return runMasked(end, except: label) }
    let width = Vector.width
    let wholeEnd = end & ~(width &- 1)
    var index = start
    while index < wholeEnd {
      let blockEnd = min(wholeEnd, index &+ elementsAround)
      if UInt(bitPattern: label &- index) < UInt(bitPattern: elementsAround) {
        while index < blockEnd {
          visit(index, AllLanesButOne(label &- index))
          index &+= width
        }
      } else {
        while index < blockEnd {
          visit(index, AllLanes<Vector>())
          index &+= width
        }
      }
      if index & (elementsPerBlock &- 1) == 0 { endBlock() }
    }
    if wholeEnd < end {
      visit(wholeEnd, LastLanes(end &- wholeEnd, except: label &- wholeEnd))
    }
    endBlock()
  }

  /// Visits every class but one, each vector masked.
  @inline(__always)
  private mutating func runMasked(_ classes: Int, except label: Int) {
    var index = 0
    while index < classes {
      var vectors = Int32(elementsPerBlock / 16)
      while index < classes && vectors > 0 {
        visit(
          index, SomeLanes(min(Vector.width, classes &- index), except: label &- index))
        index &+= Vector.width
        vectors &-= 1
      }
      endBlock()
    }
  }

  /// Visits [start, end), a whole number of vectors.
  @inline(__always)
  private mutating func runWhole(_ start: Int, _ end: Int) {
    var index = start
    while index < end {
      let blockEnd = min(end, index &+ elementsPerBlock)
      while index < blockEnd {
        visit(index, AllLanes<Vector>())
        index &+= Vector.width
      }
      endBlock()
    }
  }
}

/// A sum of vectors: in the arithmetic type within a block, in float64 from block to block.
struct BlockSum<Vector: Lanes> {
  var partial = Vector.zero
  private var wide = Vector.Wide()

  @inline(__always)
  init() {}

  @inline(__always)
  var total: Double { wide.wideSum }

  @inline(__always)
  mutating func endBlock() {
    wide += partial.wide
    partial = Vector.zero
  }
}

/// Which lanes of a vector stand for elements to be done. What the others hold is never used or stored.
protocol LaneSelection {
  associatedtype Vector: Lanes

  func load(_ row: UnsafeRawPointer, _ index: Int) -> Vector
  func loadOfClass(_ numbers: UnsafeRawPointer, _ index: Int) -> Vector

  /// The vector, with `filler` in the lanes that are not selected.
  func keep(_ vector: Vector, filler: Vector.Scalar) -> Vector

  func store(_ vector: Vector, _ row: UnsafeMutableRawPointer, _ index: Int)
  func storeOfClass(_ vector: Vector, _ numbers: UnsafeMutableRawPointer, _ index: Int)
}

/// Selections that load and store every lane.
protocol WholeSelection: LaneSelection {}

extension WholeSelection {
  @inline(__always)
  func load(_ row: UnsafeRawPointer, _ index: Int) -> Vector { Vector.load(row, index) }

  @inline(__always)
  func loadOfClass(_ numbers: UnsafeRawPointer, _ index: Int) -> Vector {
    Vector.loadOfClass(numbers, index)
  }

  @inline(__always)
  func store(_ vector: Vector, _ row: UnsafeMutableRawPointer, _ index: Int) {
    Vector.store(vector, row, index)
  }

  @inline(__always)
  func storeOfClass(_ vector: Vector, _ numbers: UnsafeMutableRawPointer, _ index: Int) {
    Vector.storeOfClass(vector, numbers, index)
  }
}

struct AllLanes<Vector: Lanes>: WholeSelection {
  @inline(__always)
  init() {}

  @inline(__always)
  func keep(_ vector: Vector, filler: Vector.Scalar) -> Vector { vector }
}

/// All lanes are loaded and stored, but one is not kept.
struct AllLanesButOne<Vector: Lanes>: WholeSelection {
  private let all: ChosenLanes<Vector>

  /// Any lane, perhaps one that a vector has not.
  @inline(__always)
  init(_ lane: Int) { all = ChosenLanes(Vector.width, except: lane) }

  @inline(__always)
  func keep(_ vector: Vector, filler: Vector.Scalar) -> Vector { all.keep(vector, filler) }
}

/// The first lanes are loaded and stored, but one of them is not kept.
struct LastLanes<Vector: Lanes>: LaneSelection {
  private let present: SomeLanes<Vector>
  private let kept: SomeLanes<Vector>

  @inline(__always)
  init(_ count: Int, except: Int) {
    present = SomeLanes(count, except: -1)
    kept = SomeLanes(count, except: except)
  }

  @inline(__always)
  func load(_ row: UnsafeRawPointer, _ index: Int) -> Vector { present.load(row, index) }

  @inline(__always)
  func loadOfClass(_ numbers: UnsafeRawPointer, _ index: Int) -> Vector {
    present.loadOfClass(numbers, index)
  }

  @inline(__always)
  func keep(_ vector: Vector, filler: Vector.Scalar) -> Vector {
    kept.keep(vector, filler: filler)
  }

  @inline(__always)
  func store(_ vector: Vector, _ row: UnsafeMutableRawPointer, _ index: Int) {
    present.store(vector, row, index)
  }

  @inline(__always)
  func storeOfClass(_ vector: Vector, _ numbers: UnsafeMutableRawPointer, _ index: Int) {
    present.storeOfClass(vector, numbers, index)
  }
}

/// The others are neither loaded nor stored.
struct SomeLanes<Vector: Lanes>: LaneSelection {
  private let some: ChosenLanes<Vector>

  /// The first `count` lanes, but for one.
  @inline(__always)
  init(_ count: Int, except: Int) { some = ChosenLanes(count, except: except) }

  @inline(__always)
  func load(_ row: UnsafeRawPointer, _ index: Int) -> Vector {
    some.load(row + index &* Vector.scalarBytes, 0)
  }

  @inline(__always)
  func loadOfClass(_ numbers: UnsafeRawPointer, _ index: Int) -> Vector {
    some.loadOfClass(numbers, index)
  }

  @inline(__always)
  func keep(_ vector: Vector, filler: Vector.Scalar) -> Vector { some.keep(vector, filler) }

  @inline(__always)
  func store(_ vector: Vector, _ row: UnsafeMutableRawPointer, _ index: Int) {
    some.store(vector, row + index &* Vector.scalarBytes)
  }

  @inline(__always)
  func storeOfClass(_ vector: Vector, _ numbers: UnsafeMutableRawPointer, _ index: Int) {
    some.storeOfClass(vector, numbers, index)
  }
}

/// The first lanes of a vector, but for one.
///
/// A mask, where the processor loads and stores by one. The portable kernels ask for every lane: in functions, for
/// written out in every place that would be a third of them.
struct ChosenLanes<Vector: Lanes> {
  #if KERNELS_PORTABLE
    private let (count, except): (Int, Int)

    @inline(__always)
    init(_ count: Int, except: Int) { (self.count, self.except) = (count, except) }

    private var mask: Vector.Mask {
      @inline(__always) get { Vector.range(0, count, except: except) }
    }
  #else
    private let mask: Vector.Mask

    @inline(__always)
    init(_ count: Int, except: Int) { mask = Vector.range(0, count, except: except) }
  #endif

  #if KERNELS_PORTABLE
    @inline(never)
  #else
    @inline(__always)
  #endif
  func load(_ address: UnsafeRawPointer, _ filler: Vector.Scalar) -> Vector {
    Vector.load(address, where: mask, filler: Vector.splat(filler))
  }

  #if KERNELS_PORTABLE
    @inline(never)
  #else
    @inline(__always)
  #endif
  func keep(_ vector: Vector, _ filler: Vector.Scalar) -> Vector {
    Vector.splat(filler).selecting(vector, where: mask)
  }

  #if KERNELS_PORTABLE
    @inline(never)
  #else
    @inline(__always)
  #endif
  func store(_ vector: Vector, _ address: UnsafeMutableRawPointer) {
    Vector.store(vector, address, where: mask)
  }

  @inline(__always)
  func loadOfClass(_ numbers: UnsafeRawPointer, _ index: Int) -> Vector {
    Vector.lanesAreThreads
      ? Vector.loadOfClass(numbers, index, where: mask)
      : load(numbers + index &* Vector.scalarBytes, 0)
  }

  @inline(__always)
  func storeOfClass(_ vector: Vector, _ numbers: UnsafeMutableRawPointer, _ index: Int) {
    if Vector.lanesAreThreads {
      Vector.storeOfClass(vector, numbers, index, where: mask)
    } else {
      store(vector, numbers + index &* Vector.scalarBytes)
    }
  }
}
