import CKernels

// The score at the rank in a sample for which all noise is drawn: rows of few classes, and rows in which most blocks of
// classes could hold the rank, so that `NoisedSelection` would draw them all the same, one by one and waiting for each.
//
// The noised scores are kept, and with them the highest of every sixteenth score. At the rank among those sixteen is a
// bound: as many scores reach it, and few others. Those that do are compared with one another.

struct FullSelection<V: ProcessorLanes> {
  private let row: NoisedTopKRow
  private let classes: Int
  private let blocks: Int
  private let rank: Int
  private let noise: RowNoise
  private let memory: FullSelectionMemory<V.Scalar>

  /// Nil for rows that are too long, for ranks that are too low, and in float64, which is not worth the code.
  init?(_ row: NoisedTopKRow, memory: UnsafeMutableRawPointer) {
    self.row = row
    self.memory = FullSelectionMemory(memory, classes: Int(truncatingIfNeeded: row.classes))
    classes = Int(truncatingIfNeeded: row.classes)
    rank = Int(truncatingIfNeeded: row.rank)
    blocks = (classes &+ RowNoise.blockSize &- 1) / RowNoise.blockSize
    noise = RowNoise(
      seed: row.seed, step: row.step, row: row.row, firstClass: row.first_class)
    if !V.isFloat32 || rank > RowNoise.blockSize
      || classes > FullSelectionMemory<V.Scalar>.mostClasses
    {
      return nil
    }
  }

  /// How many samples are drawn at once.
  var samplesAtOnce: Int { memory.samplesAtOnce }

  /// Logits from a class on; −∞ behind the last.
  @inline(__always)
  private func logits(_ first: Int) -> V {
    first < classes
      ? V.load(row.logits, first, count: min(V.width, classes &- first), filler: -.infinity)
      : V.minusInfinity
  }

  /// Draws all noise of some samples, as many as `samplesAtOnce` at the most, and keeps the noised scores. Step after
  /// step for all of them: every step is a chain of a hundred operations, of which a processor then does several at a time.
  @inline(never)
  func draw(from first: Int, count: Int) {
    var place = 0
    while place < count {
      noise.keepHighest(
        ofBlocks: blocks, sample: first &+ place, in: memory.highest(place))
      place &+= 1
    }
    place = 0
    while place < count {
      noise.fill(
        memory.draws(place), blocks: blocks, sample: first &+ place, memory.highest(place))
      place &+= 1
    }
    place = 0
    while place < count {
      addScores(place)
      place &+= 1
    }
  }

  /// Noise is read before the noised scores are written, perhaps in the same place.
  @inline(__always)
  private func addScores(_ place: Int) {
    let epsilon = V.splat(V.Scalar(row.epsilon))
    let (draws, noised) = (memory.draws(place), memory.noised(place))
    var maxima = LaneMaxima<V>()
    var first = 0
    while first < classes {
      var offset = 0
      while offset < RowNoise.blockSize {
        let score = logits(first &+ offset) + V.widen(draws + (first &+ offset)) * epsilon
        V.store(score, noised, first &+ offset)
        maxima.add(score, at: offset)
        offset &+= V.width
      }
      first &+= RowNoise.blockSize
    }
    maxima.store(memory.maxima(place))
  }

  /// The score and the class at the rank in one of the samples drawn; nil where too many scores are alike, or are masked
  /// out.
  @inline(never)
  func choose(_ place: Int) -> (score: V.Scalar, classIndex: Int)? {
    let bound = SixteenScores<V>.score(atRank: rank, of: memory.maxima(place))
    return bound == -.infinity ? nil : choice(among: memory.noised(place), atLeast: bound)
  }

  /// Compares those that reach a bound, of which there are at least as many as the rank.
  @inline(__always)
  private func choice(
    among noised: UnsafeMutablePointer<V.Scalar>, atLeast bound: V.Scalar
  ) -> (score: V.Scalar, classIndex: Int)? {
    let boundLanes = V.splat(bound)
    var count = 0
    var index = 0
    while index < blocks &* RowNoise.blockSize {
      var bits = V.bits(V.lessOrEqual(boundLanes, V.load(noised, index)))
      while bits != 0 {
        if count == RowNoise.blockSize { return nil }
        memory.candidates[count] = index &+ bits.trailingZeroBitCount
        memory.scores[count] = noised[memory.candidates[count]]
        bits &= bits &- 1
        count &+= 1
      }
      index &+= V.width
    }
    var place = count
    while place < RowNoise.blockSize {
      memory.scores[place] = -.infinity
      place &+= 1
    }
    let score = SixteenScores<V>.score(atRank: rank, of: memory.scores)
    place = 0
    while place < count &- 1 && memory.scores[place] != score { place &+= 1 }
    return (score, memory.candidates[place])
  }
}

/// Where `FullSelection` keeps what it works with.
struct FullSelectionMemory<Score: BinaryFloatingPoint & BitwiseCopyable> {
  /// Samples that are drawn at once.
  let samplesAtOnce: Int
  private let blocks: Int
  private let memory: UnsafeMutableRawPointer

  static var mostClasses: Int { 4096 }

  /// As many as the first-level cache holds the noised scores of.
  private static func samplesAtOnce(classes: Int) -> Int { min(max(mostClasses / classes, 1), 8) }

  private static var candidateBytes: Int { 16 &* 8 }

  /// Pairs of blocks, as they are drawn.
  private static func blocks(_ classes: Int) -> Int { (classes &+ 31) / 32 &* 2 }

  /// Of one sample: sixteen maxima, the noised scores, and every sixteen blocks' highest draws.
  private static func sampleBytes(blocks: Int) -> Int {
    (blocks &+ 1) &* 128 &+ (blocks &+ 15) / 16 &* RowNoise.highestBytes
  }

  /// Bytes for either arithmetic type, a whole number of cache lines, aligned to 64.
  static func bytes(classes: Int) -> Int {
    if classes > mostClasses { return 0 }
    return 2 &* candidateBytes
      &+ samplesAtOnce(classes: classes) &* sampleBytes(blocks: blocks(classes))
  }

  /// - Parameter classes: more than `mostClasses` have no memory, and are not to be selected from.
  init(_ memory: UnsafeMutableRawPointer, classes: Int) {
    self.memory = memory
    samplesAtOnce = Self.samplesAtOnce(classes: classes)
    blocks = Self.blocks(classes)
  }

  /// Noised scores that may be at the rank, and their classes.
  @inline(__always)
  var scores: UnsafeMutablePointer<Score> { memory.assumingMemoryBound(to: Score.self) }

  @inline(__always)
  var candidates: UnsafeMutablePointer<Int> {
    (memory + Self.candidateBytes).assumingMemoryBound(to: Int.self)
  }

  @inline(__always)
  private func sample(_ place: Int) -> UnsafeMutableRawPointer {
    memory + (2 &* Self.candidateBytes &+ place &* Self.sampleBytes(blocks: blocks))
  }

  @inline(__always)
  func maxima(_ place: Int) -> UnsafeMutablePointer<Score> {
    sample(place).assumingMemoryBound(to: Score.self)
  }

  @inline(__always)
  func noised(_ place: Int) -> UnsafeMutablePointer<Score> {
    (sample(place) + 128).assumingMemoryBound(to: Score.self)
  }

  /// Where noise is drawn: at the end of the noised scores that it becomes, which are as wide or twice as wide.
  @inline(__always)
  func draws(_ place: Int) -> UnsafeMutablePointer<Float> {
    let unused = blocks &* 16 &* (MemoryLayout<Score>.size &- 4)
    return (sample(place) + 128 + unused).assumingMemoryBound(to: Float.self)
  }

  @inline(__always)
  func highest(_ place: Int) -> UnsafeMutableRawPointer {
    sample(place) + ((blocks &+ 1) &* 128)
  }
}
