import CKernels

// The scores by which classes are chosen over a whole batch, and finding a threshold among them by counting: each
// score has a whole number for a key, in the same order, and counting the keys' digits, the highest first, finds the
// key at a given rank without moving a score. Every pass computes the scores anew, and the same bits of them.

/// Vectors whose numbers have order keys: whole numbers in the order of the numbers, one for zeros of both signs, 0 for
/// NaN alone.
protocol OrderedLanes: ProcessorLanes {
  associatedtype Key: FixedWidthInteger & UnsignedInteger & BitwiseCopyable
  associatedtype Keys: BitwiseCopyable

  var orderKeys: Keys { get }
  /// Keys that have the pattern in the bits of the mask; not those of NaN.
  static func matches(_ keys: Keys, mask: Key, pattern: Key) -> Mask
  /// The bits of the mask, from the bit `shift` on.
  static func field(_ keys: Keys, shift: UInt32, mask: Key) -> Keys
  static func number(ofKey key: UInt64) -> Scalar
}

extension SIMD16<Float>: OrderedLanes {
  @inline(__always)
  var orderKeys: SIMD16<UInt32> { lanes_order_f32(self) }

  @inline(__always)
  static func matches(_ keys: SIMD16<UInt32>, mask: UInt32, pattern: UInt32) -> Mask {
    lanes_matches_u32(keys, mask, pattern)
  }

  @inline(__always)
  static func field(_ keys: SIMD16<UInt32>, shift: UInt32, mask: UInt32) -> SIMD16<UInt32> {
    lanes_field_u32(keys, shift, mask)
  }

  static func number(ofKey key: UInt64) -> Float {
    Float(orderKey: UInt32(truncatingIfNeeded: key))
  }
}

extension SIMD8<Double>: OrderedLanes {
  @inline(__always)
  var orderKeys: SIMD8<UInt64> { lanes_order_f64(self) }

  @inline(__always)
  static func matches(_ keys: SIMD8<UInt64>, mask: UInt64, pattern: UInt64) -> Mask {
    lanes_matches_u64(keys, mask, pattern)
  }

  @inline(__always)
  static func field(_ keys: SIMD8<UInt64>, shift: UInt32, mask: UInt64) -> SIMD8<UInt64> {
    lanes_field_u64(keys, shift, mask)
  }

  static func number(ofKey key: UInt64) -> Double {
    Double(bitPattern: key >> 63 == 1 ? key ^ (1 << 63) : ~key)
  }
}

/// Adds to two tables in `counts`, one behind the other, how many keys of interest have each value of a digit: the sum of
/// both. NaN is not counted.
@inline(never)
func countDigits<V: OrderedLanes>(
  _ row: ScoreRow, _ digit: KeyDigit, _ counts: UnsafeMutablePointer<Int64>, _: V.Type
) {
  var sweep = DigitSweep<V>(row, digit, counts)
  sweep.run(classes: Int(truncatingIfNeeded: row.classes))
}

private struct DigitSweep<Vector: OrderedLanes>: Sweep {
  private let scores: Scores<Vector>
  private let counts: UnsafeMutablePointer<Int64>
  private let mask: Vector.Key
  private let pattern: Vector.Key
  private let shift: UInt32
  private let digitMask: Vector.Key
  private let tableSize: Int

  @inline(__always)
  init(_ row: ScoreRow, _ digit: KeyDigit, _ counts: UnsafeMutablePointer<Int64>) {
    scores = Scores(row)
    self.counts = counts
    mask = Vector.Key(truncatingIfNeeded: digit.mask)
    pattern = Vector.Key(truncatingIfNeeded: digit.pattern)
    shift = digit.shift
    digitMask = (1 &<< Vector.Key(digit.bits)) &- 1
    tableSize = 1 &<< Int(digit.bits)
  }

  @inline(__always)
  mutating func visit<L: LaneSelection>(_ index: Int, _ lanes: L) where L.Vector == Vector {
    let keys = lanes.keep(scores.load(index, lanes), filler: .nan).orderKeys
    let isCounted = Vector.matches(keys, mask: mask, pattern: pattern)
    // Once the first digit is known, few vectors hold a key of interest.
    if !Vector.anyTrue(isCounted) { return }
    if Vector.allTrue(isCounted) {
      countAll(Vector.field(keys, shift: shift, mask: digitMask))
    } else {
      countSome(keys)
    }
  }

  /// Counts by turns in two tables: the same counter again would have to wait for its own last value.
  @inline(__always)
  private func countAll(_ digits: Vector.Keys) {
    withUnsafeBytes(of: digits) { digits in
      var lane = 0
      while lane < Vector.width {
        let (first, second) = (key(digits, lane), key(digits, lane &+ 1))
        counts[Int(truncatingIfNeeded: first)] &+= 1
        counts[Int(truncatingIfNeeded: second) &+ tableSize] &+= 1
        lane &+= 2
      }
    }
  }

  @inline(__always)
  private func countSome(_ keys: Vector.Keys) {
    withUnsafeBytes(of: keys) { keys in
      var lane = 0
      while lane < Vector.width {
        let key = key(keys, lane)
        if key & mask == pattern && key != 0 {
          counts[Int(truncatingIfNeeded: (key &>> Vector.Key(shift)) & digitMask)] &+= 1
        }
        lane &+= 1
      }
    }
  }

  @inline(__always)
  private func key(_ keys: UnsafeRawBufferPointer, _ lane: Int) -> Vector.Key {
    keys.load(fromByteOffset: lane &* MemoryLayout<Vector.Key>.size, as: Vector.Key.self)
  }
}

/// How many scores equal one; raises `below` to the highest score below it.
@inline(never)
func countTies<V: ProcessorLanes>(
  _ row: ScoreRow, _ score: Double, _ below: UnsafeMutablePointer<Double>, _: V.Type
) -> Int64 {
  var sweep = TieSweep<V>(scores: Scores(row), score: V.splat(V.Scalar(score)))
  sweep.run(classes: Int(truncatingIfNeeded: row.classes))
  below.pointee = max(below.pointee, Double(sweep.below.largest))
  return Int64(sweep.ties.total)
}

private struct TieSweep<Vector: ProcessorLanes>: Sweep {
  let scores: Scores<Vector>
  let score: Vector
  var below = Vector.minusInfinity
  var ties = BlockSum<Vector>()

  @inline(__always)
  mutating func visit<L: LaneSelection>(_ index: Int, _ lanes: L) where L.Vector == Vector {
    let other = scores.load(index, lanes)
    // Where no element is: NaN equals nothing, -infinity raises nothing.
    let isTie = Vector.equal(lanes.keep(other, filler: .nan), score)
    ties.partial = ties.partial + Vector.zero.selecting(Vector.splat(1), where: isTie)
    let lower = lanes.keep(other, filler: -.infinity)
    below = Vector.maximum(
      below, Vector.minusInfinity.selecting(lower, where: Vector.less(lower, score)))
  }

  @inline(__always)
  mutating func endBlock() { ties.endBlock() }
}
