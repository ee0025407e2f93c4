/// Where `NoisedSelection` keeps what it works with.
struct NoisedSelectionMemory<Score: BinaryFloatingPoint & BitwiseCopyable> {
  /// How many classes are drawn first.
  let strongCount: Int
  /// Room for the strong classes, and for as many as the rank.
  let heapScores: UnsafeMutablePointer<Score>
  let heapClasses: UnsafeMutablePointer<Int>
  /// The strong classes: scores, classes, and the counters of their noise, in whole vectors.
  let strongScores: UnsafeMutablePointer<Score>
  let strongClasses: UnsafeMutablePointer<Int>
  let strongCounters: UnsafeMutablePointer<UInt32>
  /// Room for the strong classes, in whole vectors.
  let strongCapacity: Int
  /// Their noise in some samples.
  let strongDraws: UnsafeMutablePointer<Float>
  /// The best score of every block but for the strong ones, in whole vectors.
  let peaks: UnsafeMutablePointer<Float>
  /// The noise of sixteen blocks.
  let draws: UnsafeMutablePointer<Float>
  /// Sixteen noised scores.
  let noised: UnsafeMutablePointer<Score>
  let highest: NoiseDraws.Highest

  /// Few enough to cost little, enough that the rank is among them. None for ranks that most blocks would reach anyway.
  private static func strongCount(rank: Int, classes: Int) -> Int {
    rank > 60 ? 0 : min(classes, wholeVectors(rank &+ 4))
  }

  static var samplesAtOnce: Int { 8 }

  private static func wholeVectors(_ count: Int) -> Int { (count &+ 15) / 16 &* 16 }

  /// Up to a whole number of cache lines, or −1 if that overflows.
  private static func wholeLines(_ bytes: Int) -> Int {
    let (sum, overflows) = bytes.addingReportingOverflow(63)
    return overflows ? -1 : sum & ~63
  }

  private static var drawsBytes: Int { 16 &* 16 &* 4 }

  private static var noisedBytes: Int { 16 &* 8 }

  private static var fixedBytes: Int { NoiseDraws.Highest.bytes &+ drawsBytes &+ noisedBytes }

  /// Bytes for either arithmetic type, aligned to 64, or −1 if that overflows.
  static func bytes(rank: Int, classes: Int) -> Int {
    let strong = wholeVectors(strongCount(rank: rank, classes: classes))
    let capacity = TopSelection<FloatLanes>.capacity(rank: max(rank, strong))
    let (heap, overflows) = capacity.multipliedReportingOverflow(by: 16)
    let (all, allOverflow) = heap.addingReportingOverflow(
      strong &* (20 &+ 4 &* samplesAtOnce) &+ (classes / 4 &+ 128) &+ fixedBytes)
    return overflows || allOverflow ? -1 : wholeLines(all)
  }

  init(_ memory: UnsafeMutableRawPointer, rank: Int, classes: Int) {
    strongCount = Self.strongCount(rank: rank, classes: classes)
    let strong = Self.wholeVectors(strongCount)
    let heap = TopSelection<FloatLanes>.capacity(rank: max(rank, strong))
    var rest = memory
    func take(_ bytes: Int) -> UnsafeMutableRawPointer {
      defer { rest += bytes }
      return rest
    }
    draws = take(Self.drawsBytes).assumingMemoryBound(to: Float.self)
    noised = take(Self.noisedBytes).assumingMemoryBound(to: Score.self)
    highest = NoiseDraws.Highest(take(NoiseDraws.Highest.bytes))
    heapScores = take(heap &* 8).assumingMemoryBound(to: Score.self)
    heapClasses = take(heap &* 8).assumingMemoryBound(to: Int.self)
    strongScores = take(strong &* 8).assumingMemoryBound(to: Score.self)
    strongClasses = take(strong &* 8).assumingMemoryBound(to: Int.self)
    strongCounters = take(strong &* 4).assumingMemoryBound(to: UInt32.self)
    strongCapacity = strong
    strongDraws = take(strong &* 4 &* Self.samplesAtOnce).assumingMemoryBound(to: Float.self)
    peaks = rest.assumingMemoryBound(to: Float.self)
  }
}
