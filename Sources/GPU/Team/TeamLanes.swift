import CGPU
import CKernels

/// A vector of which every thread of a team holds four lanes, side by side: four elements are one load, where their address
/// allows it. Numbers, indices and what else a kernel has beside vectors are the same in all threads.
///
/// Rows lie where their elements are aligned. Vectors indexed by class begin at multiples of 16 bytes, and end at some.
struct TeamLanes<T: Team, E: Element>: Lanes {
  typealias Scalar = Float

  struct Mask {
    let a, b, c, d: Bool
  }

  let a, b, c, d: Float

  @inline(__always)
  init(_ a: Float, _ b: Float, _ c: Float, _ d: Float) {
    (self.a, self.b, self.c, self.d) = (a, b, c, d)
  }

  @inline(__always) static var width: Int { T.width &* 4 }
  /// Of the vector's lanes this thread's first.
  @inline(__always) private static var first: Int { T.place &* 4 }
  @inline(__always) static var scalarBytes: Int { MemoryLayout<E>.size }
  @inline(__always) static var lanesAreThreads: Bool { true }

  @inline(__always)
  private static func map(_ x: Self, _ f: (Float) -> Float) -> Self {
    Self(f(x.a), f(x.b), f(x.c), f(x.d))
  }
  @inline(__always)
  private static func map(_ x: Self, _ y: Self, _ f: (Float, Float) -> Float) -> Self {
    Self(f(x.a, y.a), f(x.b, y.b), f(x.c, y.c), f(x.d, y.d))
  }
  @inline(__always)
  static func compare(_ x: Self, _ y: Self, _ f: (Float, Float) -> Bool) -> Mask {
    Mask(a: f(x.a, y.a), b: f(x.b, y.b), c: f(x.c, y.c), d: f(x.d, y.d))
  }
  @inline(__always)
  static func combine(_ x: Mask, _ y: Mask, _ f: (Bool, Bool) -> Bool) -> Mask {
    Mask(a: f(x.a, y.a), b: f(x.b, y.b), c: f(x.c, y.c), d: f(x.d, y.d))
  }
}

// MARK: Arithmetic

extension TeamLanes {
  @inline(__always) static func splat(_ x: Float) -> Self { Self(x, x, x, x) }
  @inline(__always) static func + (x: Self, y: Self) -> Self { map(x, y) { $0 + $1 } }
  @inline(__always) static func - (x: Self, y: Self) -> Self { map(x, y) { $0 - $1 } }
  @inline(__always) static func * (x: Self, y: Self) -> Self { map(x, y) { $0 * $1 } }
  @inline(__always) static func quotient(_ x: Self, _ y: Self) -> Self { map(x, y) { $0 / $1 } }
  @inline(__always)
  static func multiplyAdd(_ x: Self, _ y: Self, _ z: Self) -> Self {
    Self(
      gpu_fma(x.a, y.a, z.a), gpu_fma(x.b, y.b, z.b), gpu_fma(x.c, y.c, z.c),
      gpu_fma(x.d, y.d, z.d))
  }
  @inline(__always)
  static func maximum(_ x: Self, _ y: Self) -> Self { map(x, y) { gpu_max($0, $1) } }

  @inline(__always)
  static func exponential(_ x: Self) -> Self { softmaxExponential(x, exponent(1)) }
  @inline(__always)
  static func softmaxExponential(_ x: Self, _ exponent: Exponent<Self>) -> Self {
    // The same number in every lane.
    let (factor, rest, least) = (exponent.factor.a, exponent.rest.a, exponent.least.a)
    return map(x) { deviceExponential($0, factor, rest, least) }
  }
  @inline(__always)
  static func exponent(_ scale: Double) -> Exponent<Self> {
    let exact = scale * 1.442_695_040_888_963_4
    let factor = Float(exact)
    return Exponent(
      factor: splat(factor), rest: splat(Float(exact - Double(factor))),
      least: splat(Float(-126 / exact)))
  }
  @inline(__always)
  static func logarithmOfOnePlus(_ x: Self) -> Self { floatLogarithmOfOnePlus(x) }
}

// MARK: Rows

extension TeamLanes {
  @inline(__always)
  private static func loadFour<N: Element>(_ own: UnsafePointer<N>) -> Self {
    let four = N.load4(own)
    return Self(four.0, four.1, four.2, four.3)
  }
  @inline(__always)
  private static func loadOwn<N: Element>(
    _ own: UnsafePointer<N>, where mask: Mask, filler: Self
  ) -> Self {
    if isWhole(mask) && isAligned(own) { return loadFour(own) }
    return Self(
      mask.a ? N.widen(own[0]) : filler.a, mask.b ? N.widen(own[1]) : filler.b,
      mask.c ? N.widen(own[2]) : filler.c, mask.d ? N.widen(own[3]) : filler.d)
  }
  @inline(__always)
  private static func storeOwn<N: Element>(
    _ x: Self, _ own: UnsafeMutablePointer<N>, where mask: Mask
  ) {
    if isWhole(mask) && isAligned(UnsafePointer(own)) {
      N.store4((x.a, x.b, x.c, x.d), own)
    } else {
      if mask.a { own[0] = N.narrow(x.a) }
      if mask.b { own[1] = N.narrow(x.b) }
      if mask.c { own[2] = N.narrow(x.c) }
      if mask.d { own[3] = N.narrow(x.d) }
    }
  }
  @inline(__always)
  private static func isWhole(_ mask: Mask) -> Bool { mask.a && mask.b && mask.c && mask.d }
  @inline(__always)
  private static func isAligned<N>(_ own: UnsafePointer<N>) -> Bool {
    UInt(bitPattern: own) & UInt(4 &* MemoryLayout<N>.size &- 1) == 0
  }

  @inline(__always)
  private static func own<N>(_ row: UnsafeRawPointer, _ index: Int, _: N.Type) -> UnsafePointer<N> {
    row.assumingMemoryBound(to: N.self) + (index &+ first)
  }
  @inline(__always)
  private static func own<N>(
    _ row: UnsafeMutableRawPointer, _ index: Int, _: N.Type
  ) -> UnsafeMutablePointer<N> {
    row.assumingMemoryBound(to: N.self) + (index &+ first)
  }
  @inline(__always)
  private static var whole: Mask { Mask(a: true, b: true, c: true, d: true) }

  @inline(__always)
  static func load(_ row: UnsafeRawPointer, _ index: Int) -> Self {
    loadOwn(own(row, index, E.self), where: whole, filler: zero)
  }
  @inline(__always)
  static func load(_ address: UnsafeRawPointer, where mask: Mask, filler: Self) -> Self {
    loadOwn(own(address, 0, E.self), where: mask, filler: filler)
  }
  @inline(__always)
  static func loadScalar(_ row: UnsafeRawPointer, _ index: Int) -> Float {
    E.widen(row.assumingMemoryBound(to: E.self)[index])
  }
  @inline(__always)
  static func store(_ vector: Self, _ row: UnsafeMutableRawPointer, _ index: Int) {
    storeOwn(vector, own(row, index, E.self), where: whole)
  }
  @inline(__always)
  static func store(_ vector: Self, _ address: UnsafeMutableRawPointer, where mask: Mask) {
    storeOwn(vector, own(address, 0, E.self), where: mask)
  }
  @inline(__always)
  static func storeScalar(_ number: Float, _ row: UnsafeMutableRawPointer, _ index: Int) {
    if T.place == 0 { row.assumingMemoryBound(to: E.self)[index] = E.narrow(number) }
  }

  @inline(__always)
  static func loadOfClass(_ numbers: UnsafeRawPointer, _ index: Int) -> Self {
    loadFour(own(numbers, index, Float.self))
  }
  // Behind a vector indexed by class there is room for what three more would take: whoever needs one of four loads four.
  @inline(__always)
  static func loadOfClass(_ numbers: UnsafeRawPointer, _ index: Int, where mask: Mask) -> Self {
    mask.a || mask.b || mask.c || mask.d ? loadFour(own(numbers, index, Float.self)) : zero
  }
  @inline(__always)
  static func loadScalarOfClass(_ numbers: UnsafeRawPointer, _ index: Int) -> Float {
    numbers.assumingMemoryBound(to: Float.self)[index]
  }
  @inline(__always)
  static func storeOfClass(_ vector: Self, _ numbers: UnsafeMutableRawPointer, _ index: Int) {
    storeOwn(vector, own(numbers, index, Float.self), where: whole)
  }
  @inline(__always)
  static func storeOfClass(
    _ vector: Self, _ numbers: UnsafeMutableRawPointer, _ index: Int, where mask: Mask
  ) {
    storeOwn(vector, own(numbers, index, Float.self), where: mask)
  }
  @inline(__always)
  static func storeScalarOfClass(
    _ number: Float, _ numbers: UnsafeMutableRawPointer, _ index: Int
  ) {
    if T.place == 0 { numbers.assumingMemoryBound(to: Float.self)[index] = number }
  }
}
