/// How logits and gradients are stored. Loads widen to the arithmetic type, stores round to nearest even.
protocol Element {
  associatedtype Vector: Lanes

  static var byteCount: Int { get }

  /// True if an element holds every number of the arithmetic type, so that a row of elements can keep
  /// intermediate results.
  static var isArithmeticType: Bool { get }

  static func load(_ row: UnsafeRawPointer, _ index: Int) -> Vector
  static func store(_ vector: Vector, _ row: UnsafeMutableRawPointer, _ index: Int)
  static func loadScalar(_ row: UnsafeRawPointer, _ index: Int) -> Vector.Scalar
  static func storeScalar(
    _ number: Vector.Scalar, _ row: UnsafeMutableRawPointer, _ index: Int)
}

extension Element {
  /// Loads `count` elements from `index` on; where that is fewer than a vector, the lanes left over hold
  /// `filler`.
  @inline(__always)
  static func load(
    _ row: UnsafeRawPointer, _ index: Int, count: Int, filler: Vector.Scalar
  ) -> Vector {
    count == Vector.width
      ? load(row, index) : loadPart(row, index, count: count, filler: filler)
  }

  @inline(never)
  private static func loadPart(
    _ row: UnsafeRawPointer, _ index: Int, count: Int, filler: Vector.Scalar
  ) -> Vector {
    var vector = Vector.splat(filler)
    withUnsafeMutableBytes(of: &vector) { lanes in
      if let base = lanes.baseAddress {
        var lane = 0
        while lane < count {
          base.storeBytes(
            of: loadScalar(row, index &+ lane),
            toByteOffset: lane &* MemoryLayout<Vector.Scalar>.size, as: Vector.Scalar.self)
          lane &+= 1
        }
      }
    }
    return vector
  }

  /// Stores the first `count` lanes from `index` on.
  @inline(__always)
  static func store(
    _ vector: Vector, _ row: UnsafeMutableRawPointer, _ index: Int, count: Int
  ) {
    if count == Vector.width {
      store(vector, row, index)
    } else {
      storePart(vector, row, index, count: count)
    }
  }

  @inline(never)
  private static func storePart(
    _ vector: Vector, _ row: UnsafeMutableRawPointer, _ index: Int, count: Int
  ) {
    withUnsafeBytes(of: vector) { lanes in
      if let base = lanes.baseAddress {
        var lane = 0
        while lane < count {
          let number = base.loadUnaligned(
            fromByteOffset: lane &* MemoryLayout<Vector.Scalar>.size, as: Vector.Scalar.self)
          storeScalar(number, row, index &+ lane)
          lane &+= 1
        }
      }
    }
  }
}

enum Float32Element: Element {
  typealias Vector = FloatLanes

  @inline(__always) static var byteCount: Int { 4 }
  @inline(__always) static var isArithmeticType: Bool { true }

  @inline(__always)
  static func load(_ row: UnsafeRawPointer, _ index: Int) -> Vector {
    row.loadUnaligned(fromByteOffset: index &* 4, as: Vector.self)
  }

  @inline(__always)
  static func store(_ vector: Vector, _ row: UnsafeMutableRawPointer, _ index: Int) {
    row.storeBytes(of: vector, toByteOffset: index &* 4, as: Vector.self)
  }

  @inline(__always)
  static func loadScalar(_ row: UnsafeRawPointer, _ index: Int) -> Float {
    row.loadUnaligned(fromByteOffset: index &* 4, as: Float.self)
  }

  @inline(__always)
  static func storeScalar(_ number: Float, _ row: UnsafeMutableRawPointer, _ index: Int) {
    row.storeBytes(of: number, toByteOffset: index &* 4, as: Float.self)
  }
}

enum Float64Element: Element {
  typealias Vector = DoubleLanes

  @inline(__always) static var byteCount: Int { 8 }
  @inline(__always) static var isArithmeticType: Bool { true }

  @inline(__always)
  static func load(_ row: UnsafeRawPointer, _ index: Int) -> Vector {
    row.loadUnaligned(fromByteOffset: index &* 8, as: Vector.self)
  }

  @inline(__always)
  static func store(_ vector: Vector, _ row: UnsafeMutableRawPointer, _ index: Int) {
    row.storeBytes(of: vector, toByteOffset: index &* 8, as: Vector.self)
  }

  @inline(__always)
  static func loadScalar(_ row: UnsafeRawPointer, _ index: Int) -> Double {
    row.loadUnaligned(fromByteOffset: index &* 8, as: Double.self)
  }

  @inline(__always)
  static func storeScalar(_ number: Double, _ row: UnsafeMutableRawPointer, _ index: Int) {
    row.storeBytes(of: number, toByteOffset: index &* 8, as: Double.self)
  }
}
