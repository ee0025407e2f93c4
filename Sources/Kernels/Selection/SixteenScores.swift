/// Sixteen scores, as many as noise is drawn for at once: whole vectors, so that each is compared with all without branches.
struct SixteenScores<V: ProcessorLanes> {
  private let low: V
  /// The same as `low` where a vector holds sixteen.
  private let high: V

  static var count: Int { 16 }

  @inline(__always)
  init(_ scores: UnsafePointer<V.Scalar>) {
    low = V.load(scores, 0)
    high = V.load(scores, Self.count &- V.width)
  }

  /// How many are above one.
  @inline(__always)
  func count(above score: V.Scalar) -> Int {
    let own = V.splat(score)
    var above = V.bits(V.less(own, low)).nonzeroBitCount
    if V.width < Self.count { above &+= V.bits(V.less(own, high)).nonzeroBitCount }
    return above
  }

  /// A bit for each that is not below one.
  @inline(__always)
  func bits(atLeast score: V.Scalar) -> UInt32 {
    let own = V.splat(score)
    var bits = V.bits(V.lessOrEqual(own, low))
    if V.width < Self.count {
      bits |= V.bits(V.lessOrEqual(own, high)) << UInt32(truncatingIfNeeded: V.width)
    }
    return bits
  }

  /// The lowest that fewer than `rank` others are above.
  @inline(__always)
  static func score(atRank rank: Int, of scores: UnsafePointer<V.Scalar>) -> V.Scalar {
    let all = SixteenScores(scores)
    var lowest = V.Scalar.infinity
    var place = 0
    while place < count {
      let above = all.count(above: scores[place])
      lowest = above < rank && scores[place] < lowest ? scores[place] : lowest
      place &+= 1
    }
    return lowest
  }
}
