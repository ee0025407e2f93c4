// A bound that a few more scores reach than a rank: the score at that rank among the highest of every sixteenth.

/// The highest of every sixteenth number.
struct LaneMaxima<V: ProcessorLanes> {
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
