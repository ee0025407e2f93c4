import CKernels

// How many scores of a row lie where, on a scale of ε, counted from the largest downwards: enough to tell where the
// order statistic is without another look at the scores.

/// Scores by bins of ε / 4: bin k is around top − k ε / 4.
struct ScoreHistogram<V: ProcessorLanes> {
  static var binsPerUnit: Int { 4 }
  /// Scores further down than the last bin but one are not counted, nor are those above the top.
  static var bins: Int { 128 }
  /// The rank's bin is at most this: below it all that can matter is counted.
  static var deepest: Int { 60 }
  /// Empty bins on either side, so that a slice around any threshold is there.
  private static var padding: Int { 2 &* ChernoffBounds.reach }
  private static var size: Int { bins &+ 2 &* padding }

  private let counts: UnsafeMutablePointer<Float>

  /// Bytes of working memory.
  static var bytes: Int { 8 &* bins &+ 4 &* size }

  /// - Parameters:
  ///   - top: where the bins begin.
  ///   - memory: `bytes` of it.
  @inline(never)
  init(
    _ scores: UnsafeRawPointer, _ count: Int, top: V.Scalar, epsilon: Double,
    memory: UnsafeMutableRawPointer
  ) {
    let tallies = memory.assumingMemoryBound(to: UInt32.self)
    counts = (memory + 8 &* Self.bins).assumingMemoryBound(to: Float.self)
    var bin = 0
    while bin < 2 &* Self.bins {
      tallies[bin] = 0
      bin &+= 1
    }
    Self.tally(
      scores, count, top: V.splat(top),
      scale: V.splat(V.Scalar(Double(Self.binsPerUnit) / epsilon)),
      tallies)
    bin = 0
    while bin < Self.size {
      counts[bin] = 0
      bin &+= 1
    }
    bin = 0
    while bin < Self.bins &- 1 {
      let number = tallies[bin] &+ tallies[bin &+ Self.bins]
      counts[Self.padding &+ bin] = Float(Int32(truncatingIfNeeded: number))
      bin &+= 1
    }
  }

  /// Counts by turns in two tables: the same counter again would have to wait for its own last value.
  @inline(never)
  private static func tally(
    _ scores: UnsafeRawPointer, _ count: Int, top: V, scale: V,
    _ tallies: UnsafeMutablePointer<UInt32>
  ) {
    // A sum with it has a whole number in its low bits.
    let shifter = V.splat(V.Scalar(V.isFloat32 ? 0x1.8p23 : 0x1.8p52))
    let last = V.splat(V.Scalar(bins &- 1))
    var index = 0
    while index < count {
      let score = V.load(scores, index, count: min(V.width, count &- index), filler: -.infinity)
      let distance = (top - score) * scale
      let isOutside = V.either(V.less(last, distance), V.less(distance, V.zero))
      let shifted = distance.selecting(last, where: isOutside) + shifter
      withUnsafeBytes(of: shifted) { lanes in
        guard let lanes = lanes.baseAddress else { return }
        var lane = 0
        while lane < V.width {
          let first = word(lanes, lane) & 127
          let second = word(lanes, lane &+ 1) & 127
          tallies[Int(truncatingIfNeeded: first)] &+= 1
          tallies[Int(truncatingIfNeeded: second) &+ bins] &+= 1
          lane &+= 2
        }
      }
      index &+= V.width
    }
  }

  /// The low bits of a lane.
  @inline(__always)
  private static func word(_ lanes: UnsafeRawPointer, _ lane: Int) -> UInt32 {
    (lanes + lane &* MemoryLayout<V.Scalar>.size).loadUnaligned(as: UInt32.self).littleEndian
  }

  /// The bin of the score at the rank; nil if that is too far down to know all about it.
  func bin(ofRank rank: Int) -> Int? {
    var total: Float = 0
    var bin = 0
    while bin <= Self.deepest {
      total += counts[Self.padding &+ bin]
      if total >= Float(rank) { return bin }
      bin &+= 1
    }
    return nil
  }

  /// How many scores lie in the bins from `first` to `end` − 1.
  func count(_ first: Int, _ end: Int) -> Float {
    var total: Float = 0
    var bin = max(0, first)
    while bin < min(end, Self.bins) {
      total += counts[Self.padding &+ bin]
      bin &+= 1
    }
    return total
  }

  /// The numbers in the bins around one, from `ChernoffBounds.reach` below it on; it may be one above the first.
  @inline(__always)
  func slice(around bin: Int) -> UnsafePointer<Float> {
    UnsafePointer(counts + (Self.padding &+ bin &- ChernoffBounds.reach))
  }
}
