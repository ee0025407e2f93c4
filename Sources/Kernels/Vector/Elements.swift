// Loading and storing elements of rows. Pointers need no alignment.

extension Lanes {
  @inline(__always)
  static var scalarBytes: Int { MemoryLayout<Scalar>.size }

  /// Whether the arithmetic type is float32; float64 if not.
  @inline(__always)
  static var isFloat32: Bool { MemoryLayout<Scalar>.size == 4 }

  /// How many elements from `index` on lie before the next line of the cache, a vector's width at most.
  @inline(__always)
  static func elementsToLine(_ row: UnsafeRawPointer, _ index: Int) -> Int {
    let address = Int(bitPattern: row) &+ index &* scalarBytes
    return ((0 &- address) & 63) / scalarBytes
  }

  /// A whole vector of elements from `index` on.
  @inline(__always)
  static func load(_ row: UnsafeRawPointer, _ index: Int) -> Self {
    row.loadUnaligned(fromByteOffset: index &* scalarBytes, as: Self.self)
  }

  @inline(__always)
  static func store(_ vector: Self, _ row: UnsafeMutableRawPointer, _ index: Int) {
    row.storeBytes(of: vector, toByteOffset: index &* scalarBytes, as: Self.self)
  }

  @inline(__always)
  static func loadScalar(_ row: UnsafeRawPointer, _ index: Int) -> Scalar {
    row.loadUnaligned(fromByteOffset: index &* scalarBytes, as: Scalar.self)
  }

  @inline(__always)
  static func storeScalar(_ number: Scalar, _ row: UnsafeMutableRawPointer, _ index: Int) {
    row.storeBytes(of: number, toByteOffset: index &* scalarBytes, as: Scalar.self)
  }

  @inline(__always)
  static func loadOfClass(_ numbers: UnsafeRawPointer, _ index: Int) -> Self {
    load(numbers, index)
  }

  @inline(__always)
  static func loadOfClass(_ numbers: UnsafeRawPointer, _ index: Int, where mask: Mask) -> Self {
    load(numbers + index &* scalarBytes, where: mask, filler: zero)
  }

  @inline(__always)
  static func loadScalarOfClass(_ numbers: UnsafeRawPointer, _ index: Int) -> Scalar {
    loadScalar(numbers, index)
  }

  @inline(__always)
  static func storeOfClass(_ vector: Self, _ numbers: UnsafeMutableRawPointer, _ index: Int) {
    store(vector, numbers, index)
  }

  @inline(__always)
  static func storeOfClass(
    _ vector: Self, _ numbers: UnsafeMutableRawPointer, _ index: Int, where mask: Mask
  ) {
    store(vector, numbers + index &* scalarBytes, where: mask)
  }

  @inline(__always)
  static func storeScalarOfClass(
    _ number: Scalar, _ numbers: UnsafeMutableRawPointer, _ index: Int
  ) {
    storeScalar(number, numbers, index)
  }

  /// Loads `count` elements from `index` on; where that is fewer than a vector, the lanes left over hold
  /// `filler`.
  @inline(__always)
  static func load(
    _ row: UnsafeRawPointer, _ index: Int, count: Int, filler: Scalar
  ) -> Self {
    count == width
      ? load(row, index)
      : ChosenLanes<Self>(count, except: -1).load(row + index &* scalarBytes, filler)
  }

  /// Stores the first `count` lanes from `index` on.
  @inline(__always)
  static func store(_ vector: Self, _ row: UnsafeMutableRawPointer, _ index: Int, count: Int) {
    if count == width {
      store(vector, row, index)
    } else {
      ChosenLanes<Self>(count, except: -1).store(vector, row + index &* scalarBytes)
    }
  }
}

/// One number of a vector indexed by class; 0 where there is no vector.
@inline(__always)
func number<V: Lanes>(_ numbers: UnsafeRawPointer?, _ index: Int, _: V.Type) -> Double {
  guard let numbers else { return 0 }
  return Double(V.loadScalarOfClass(numbers, index))
}
