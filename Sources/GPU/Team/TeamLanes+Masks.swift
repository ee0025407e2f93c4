import CGPU
import CKernels

extension TeamLanes {
  @inline(__always) static func less(_ x: Self, _ y: Self) -> Mask { compare(x, y) { $0 < $1 } }
  @inline(__always)
  static func lessOrEqual(_ x: Self, _ y: Self) -> Mask { compare(x, y) { $0 <= $1 } }
  @inline(__always) static func equal(_ x: Self, _ y: Self) -> Mask { compare(x, y) { $0 == $1 } }

  @inline(__always)
  static func range(_ first: Int, _ end: Int, except: Int) -> Mask {
    // In 32 bits: rows of a device have no more classes than that.
    let place = Int32(truncatingIfNeeded: T.place) &* 4
    let first = Int32(truncatingIfNeeded: first) &- place
    let end = Int32(truncatingIfNeeded: end) &- place
    let except = Int32(truncatingIfNeeded: except) &- place
    return Mask(
      a: first <= 0 && end > 0 && except != 0, b: first <= 1 && end > 1 && except != 1,
      c: first <= 2 && end > 2 && except != 2, d: first <= 3 && end > 3 && except != 3)
  }

  @inline(__always)
  func selecting(_ other: Self, where mask: Mask) -> Self {
    Self(
      mask.a ? other.a : a, mask.b ? other.b : b, mask.c ? other.c : c, mask.d ? other.d : d)
  }

  @inline(__always) static func both(_ x: Mask, _ y: Mask) -> Mask { combine(x, y) { $0 && $1 } }
  @inline(__always) static func either(_ x: Mask, _ y: Mask) -> Mask { combine(x, y) { $0 || $1 } }

  @inline(__always)
  static func anyTrue(_ mask: Mask) -> Bool { T.any(mask.a || mask.b || mask.c || mask.d) }
  @inline(__always)
  static func allTrue(_ mask: Mask) -> Bool { T.all(mask.a && mask.b && mask.c && mask.d) }

  @inline(__always)
  static func firstTrue(_ mask: Mask) -> Int? {
    let own: Int64 = mask.a ? 0 : mask.b ? 1 : mask.c ? 2 : mask.d ? 3 : .max
    let first = T.least(own == .max ? own : Int64(T.place) &* 4 &+ own)
    return first == .max ? nil : Int(first)
  }
}

// MARK: All lanes

extension TeamLanes {
  struct Wide: WideLanes {
    private var number = 0.0

    @inline(__always) init() {}
    @inline(__always) init(_ number: Double) { self.number = number }
    @inline(__always) static func += (a: inout Wide, b: Wide) { a.number += b.number }
    @inline(__always) var wideSum: Double { T.sum(number) }
  }

  @inline(__always)
  var wide: Wide { Wide((Double(a) + Double(b)) + (Double(c) + Double(d))) }
  @inline(__always) var wideSum: Double { wide.wideSum }
  @inline(__always) var largest: Float { T.largest(gpu_max(gpu_max(a, b), gpu_max(c, d))) }
}
