import CGPU

// What the noise's files are made of where a lane is a thread: the numbers of one thread, which goes its own way. Products
// and sums are rounded one by one, as on a processor, so that the noise is the same bits.

/// The float32 number of one thread.
struct FloatLanes: BitwiseCopyable {
  typealias Mask = Bool

  let number: Float

  @inline(__always) init(_ number: Float) { self.number = number }
  @inline(__always) static func splat(_ number: Float) -> Self { Self(number) }
  @inline(__always) static func + (a: Self, b: Self) -> Self { Self(a.number + b.number) }
  @inline(__always) static func - (a: Self, b: Self) -> Self { Self(a.number - b.number) }
  @inline(__always) static func * (a: Self, b: Self) -> Self { Self(a.number * b.number) }
  @inline(__always)
  static func maximum(_ a: Self, _ b: Self) -> Self { Self(gpu_max(a.number, b.number)) }
  @inline(__always)
  static func exponential(_ x: Self) -> Self { Self(gpu_exp2(x.number * 1.442_695_04)) }
  @inline(__always) static func less(_ a: Self, _ b: Self) -> Mask { a.number < b.number }
  @inline(__always) static func anyTrue(_ isTrue: Mask) -> Bool { isTrue }
  @inline(__always)
  func selecting(_ other: Self, where isTrue: Mask) -> Self { isTrue ? other : self }
}

/// Thirty-two bits of one thread.
struct Bits: BitwiseCopyable {
  let lanes: UInt32

  @inline(__always) init(_ value: UInt32) { lanes = value }
  @inline(__always) init(of numbers: FloatLanes) { lanes = numbers.number.bitPattern }
  @inline(__always) var first: UInt32 { lanes }
  @inline(__always) var asFloat: FloatLanes { FloatLanes(Float(bitPattern: lanes)) }
  @inline(__always) static func + (a: Bits, b: Bits) -> Bits { Bits(a.lanes &+ b.lanes) }
  @inline(__always) static func - (a: Bits, b: Bits) -> Bits { Bits(a.lanes &- b.lanes) }
  @inline(__always) static func & (a: Bits, b: Bits) -> Bits { Bits(a.lanes & b.lanes) }
  @inline(__always) static func | (a: Bits, b: Bits) -> Bits { Bits(a.lanes | b.lanes) }
  @inline(__always) static func ^ (a: Bits, b: Bits) -> Bits { Bits(a.lanes ^ b.lanes) }
  @inline(__always) static func << (a: Bits, count: UInt32) -> Bits { Bits(a.lanes &<< count) }
  @inline(__always) static func >> (a: Bits, count: UInt32) -> Bits { Bits(a.lanes &>> count) }
  @inline(__always)
  func shiftedArithmetically(_ count: UInt32) -> Bits {
    Bits(UInt32(bitPattern: Int32(bitPattern: lanes) &>> Int32(bitPattern: count)))
  }
  @inline(__always) static func equal(_ a: Bits, _ b: Bits) -> Bool { a.lanes == b.lanes }
  @inline(__always)
  func selecting(_ other: Bits, where isTrue: Bool) -> Bits { isTrue ? other : self }
}

// Of CLanes.h.
// swift-format-ignore: AlwaysUseLowerCamelCase
@inline(__always)
func lanes_number_u32(_ word: UInt32) -> FloatLanes { FloatLanes(Float(word)) }
// swift-format-ignore: AlwaysUseLowerCamelCase
@inline(__always)
func lanes_square_root(_ x: FloatLanes) -> FloatLanes { FloatLanes(gpu_sqrt(x.number)) }

extension HighestDraws {
  /// The draw of a block that another thread of the warp has.
  @inline(__always)
  func draw(ofLane lane: UInt32) -> HighestDraws {
    HighestDraws(
      survival: Float(bitPattern: gpu_shuffle_u32(survival.number.bitPattern, lane)),
      complement: Float(bitPattern: gpu_shuffle_u32(complement.number.bitPattern, lane)),
      place: gpu_shuffle_u32(place.lanes, lane))
  }
}
