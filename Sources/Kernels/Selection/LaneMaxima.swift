// A bound that a few more scores reach than a rank: the score at that rank among the highest of every sixteenth.

/// The highest of every sixteenth number.
struct LaneMaxima<V: Lanes> {
  private var low = V.minusInfinity
  private var high = V.minusInfinity

  @inline(__always)
  init() {}

  /// Takes in numbers whose places begin at a multiple of sixteen and an offset.
  @inline(__always)
  mutating func add(_ numbers: V, at offset: Int) {
    if offset == 0 { low = V.maximum(low, numbers) } else { high = V.maximum(high, numbers) }
  }

  @inline(__always)
  func store(_ numbers: UnsafeMutablePointer<V.Scalar>) {
    V.store(low, numbers, 0)
    if V.width < RowNoise.blockSize { V.store(high, numbers, V.width) }
  }
}

/// Of sixteen scores the lowest that fewer than `rank` others are above. Each is compared with all, without branches.
@inline(__always)
func scoreAtRank<V: Lanes>(
  _ rank: Int, of scores: UnsafePointer<V.Scalar>, _: V.Type
) -> V.Scalar {
  let (low, high) = (V.load(scores, 0), V.load(scores, RowNoise.blockSize &- V.width))
  var lowest = V.Scalar.infinity
  var place = 0
  while place < RowNoise.blockSize {
    let own = V.splat(scores[place])
    var above = V.bits(V.less(own, low)).nonzeroBitCount
    if V.width < RowNoise.blockSize { above &+= V.bits(V.less(own, high)).nonzeroBitCount }
    lowest = above < rank && scores[place] < lowest ? scores[place] : lowest
    place &+= 1
  }
  return lowest
}
