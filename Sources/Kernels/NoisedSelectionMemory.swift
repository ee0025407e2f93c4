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
  /// Their noised scores in some samples.
  let strongNoised: UnsafeMutablePointer<Score>
  /// The best score of every block but for the strong ones, in whole vectors.
  let peaks: UnsafeMutablePointer<Float>
  /// Sixteen numbers.
  let draws: UnsafeMutableRawPointer
  /// The noised scores of sixteen blocks.
  let noised: UnsafeMutablePointer<Score>
  let highest: Highest

  /// The highest draws of sixteen blocks, sixteen float32 numbers or words each.
  struct Highest {
    let survival: UnsafeMutableRawPointer
    let complement: UnsafeMutableRawPointer
    let place: UnsafeMutableRawPointer
  }

  /// Few enough to cost little, enough that the rank is among them. None for ranks that most blocks would reach anyway.
  private static func strongCount(rank: Int, classes: Int) -> Int {
    rank > 60 ? 0 : min(classes, wholeVectors(rank &+ 4))
  }

  static var samplesAtOnce: Int { 8 }

  private static func wholeVectors(_ count: Int) -> Int { (count &+ 15) / 16 &* 16 }

  private static var fixedBytes: Int { 4 &* 64 &+ noisedBytes }

  private static var noisedBytes: Int { 16 &* 16 &* 8 }

  /// Bytes for either arithmetic type, aligned to 64, or −1 if that overflows.
  static func bytes(rank: Int, classes: Int) -> Int {
    let strong = wholeVectors(strongCount(rank: rank, classes: classes))
    let capacity = TopSelection<FloatLanes>.capacity(rank: max(rank, strong))
    let (heap, overflows) = capacity.multipliedReportingOverflow(by: 16)
    let (all, allOverflow) = heap.addingReportingOverflow(
      strong &* (20 &+ 8 &* samplesAtOnce) &+ (classes / 4 &+ 128) &+ fixedBytes)
    return overflows || allOverflow ? -1 : all
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
    draws = take(64)
    noised = take(Self.noisedBytes).assumingMemoryBound(to: Score.self)
    highest = Highest(
      survival: take(64), complement: take(64), place: take(64))
    heapScores = take(heap &* 8).assumingMemoryBound(to: Score.self)
    heapClasses = take(heap &* 8).assumingMemoryBound(to: Int.self)
    strongScores = take(strong &* 8).assumingMemoryBound(to: Score.self)
    strongClasses = take(strong &* 8).assumingMemoryBound(to: Int.self)
    strongCounters = take(strong &* 4).assumingMemoryBound(to: UInt32.self)
    strongCapacity = strong
    strongNoised = take(strong &* 8 &* Self.samplesAtOnce).assumingMemoryBound(to: Score.self)
    peaks = rest.assumingMemoryBound(to: Float.self)
  }
}
