import CGPU

/// The n largest scores of a row, in order; of equal ones, those of the lower classes. All threads of the block together.
///
/// A thread knows the strongest of its own classes, of which it looks for the next when the block has taken that one.
struct StrongestClasses {
  /// A key a class, the strongest one's the least; shared memory.
  private let keys: UnsafeMutablePointer<Int64>
  private let last: Int64
  /// Whether the row has NaN or +∞, be it the label's.
  let isBad: Bool

  /// Bytes of shared memory for so many.
  static func bytes(_ count: Int) -> Int { 8 &* count }

  /// - Parameter label: a class that is left out; −1 if there is none.
  @inline(__always)
  init(
    _ logits: UnsafeMutablePointer<Float>, _ classes: Int, except label: Int, count: Int,
    _ memory: UnsafeMutableRawPointer
  ) {
    keys = memory.assumingMemoryBound(to: Int64.self)
    let first = Block.place
    var (own, latest, scan, found) = (Int64.max, Int64.min, true, 0)
    var sum: Float = 0
    while true {
      if scan {
        own = .max
        var index = first
        while index < classes {
          let score = logits[index]
          let key = Self.key(score, index)
          if index != label && key > latest { own = Warp.lesser(own, key) }
          // −∞ is a class that is masked out.
          if !(score < .infinity) { sum = .nan }
          index &+= Block.width
        }
      }
      if found == count { break }
      latest = Block.least(own)
      if Block.place == 0 { keys[found] = latest }
      found &+= 1
      scan = own == latest && own != .max && found < count
    }
    last = latest
    isBad = Block.any(sum.isNaN)
    Block.barrier()
  }

  @inline(__always)
  private static func key(_ score: Float, _ index: Int) -> Int64 {
    let bits = Int32(bitPattern: score.bitPattern)
    let ascending = bits >= 0 ? bits : bits ^ 0x7FFF_FFFF
    return Int64(~ascending) &<< 32 | Int64(index)
  }

  /// −∞ where there are fewer classes.
  @inline(__always)
  func score(_ place: Int) -> Float {
    let key = keys[place]
    let ascending = ~Int32(truncatingIfNeeded: key &>> 32)
    let bits = ascending >= 0 ? ascending : ascending ^ 0x7FFF_FFFF
    return key == .max ? -.infinity : Float(bitPattern: UInt32(bitPattern: bits))
  }

  @inline(__always)
  func classAt(_ place: Int) -> Int { Int(keys[place] & 0xFFFF_FFFF) }

  /// The first n of them.
  @inline(__always)
  func prefix(_ count: Int) -> StrongestClasses {
    StrongestClasses(keys: keys, last: keys[count &- 1], isBad: isBad)
  }

  @inline(__always)
  private init(keys: UnsafeMutablePointer<Int64>, last: Int64, isBad: Bool) {
    (self.keys, self.last, self.isBad) = (keys, last, isBad)
  }

  /// Whether a class is one of them.
  @inline(__always)
  func has(_ index: Int, _ score: Float) -> Bool { Self.key(score, index) <= last }
}
