import CKernels

// The highest noised scores of a row, sample after sample, without drawing noise that cannot matter.
//
// Once per row the classes with the highest scores are found, the strong ones, and the best score among the rest of every
// block of sixteen. In a sample the noise of the strong classes is drawn first, which gives a threshold θ. A block of
// others matters only if its highest draw, made before any other of its draws, lifts its best score to θ: on a trained row
// next to none does. What is found is the same as if all noise had been drawn.

/// The part of the selection that is the same in all samples.
struct NoisedSelection<V: Lanes> {
  private let row: NoisedTopKRow
  private let classes: Int
  private let rank: Int
  private let noise: RowNoise
  private let memory: NoisedSelectionMemory<V.Scalar>
  private let strongCount: Int
  /// A strong class ranks at or before this score and class.
  private let weakestStrong: (score: V.Scalar, classIndex: Int)
  private let blocks: Int

  @inline(never)
  init(_ row: NoisedTopKRow) {
    self.row = row
    classes = Int(truncatingIfNeeded: row.classes)
    rank = Int(truncatingIfNeeded: row.rank)
    noise = RowNoise(seed: row.seed, step: row.step, row: row.row)
    let memory = NoisedSelectionMemory<V.Scalar>(row.scratch, rank: rank, classes: classes)
    self.memory = memory
    strongCount = memory.strongCount
    let allBlocks = (classes &+ RowNoise.blockSize &- 1) / RowNoise.blockSize
    blocks = strongCount == classes ? 0 : allBlocks

    var strong = TopSelection<V>(
      scores: memory.heapScores, classes: memory.heapClasses, rank: strongCount)
    var block = 0
    while block < allBlocks {
      let first = block &* RowNoise.blockSize
      var peak = V.minusInfinity
      var index = first
      while index < min(first &+ RowNoise.blockSize, classes) {
        let score = V.load(
          row.logits, index, count: min(V.width, classes &- index), filler: -.infinity)
        peak = V.maximum(peak, score)
        index &+= V.width
      }
      let best = peak.largest
      memory.peaks[block] = Self.above(best)
      if strongCount > 0 && (best > strong.threshold || first < strongCount) {
        Self.admit(row, first, min(RowNoise.blockSize, classes &- first), into: &strong)
      }
      block &+= 1
    }
    weakestStrong =
      strongCount > 0 ? (strong.threshold, strong.classAtLastRank) : (.infinity, -1)
    keepStrong()
  }

  /// Takes in the classes of a block that are above the threshold. They come in increasing order, so that one equal to the
  /// last strong one is not strong.
  @inline(__always)
  private static func admit(
    _ row: NoisedTopKRow, _ first: Int, _ count: Int, into strong: inout TopSelection<V>
  ) {
    var offset = 0
    while offset < count {
      let here = min(V.width, count &- offset)
      let score = V.load(row.logits, first &+ offset, count: here, filler: -.infinity)
      let threshold = V.splat(strong.threshold)
      // The first ones may be masked out and are taken in all the same.
      let isFirst = first < strong.rank
      var admitted = LaneSet(
        bits: isFirst ? ~0 : V.bits(V.less(threshold, score)), count: here)
      while admitted.bits != 0 {
        let index = first &+ offset &+ admitted.next()
        let score = V.loadScalar(row.logits, index)
        if score > strong.threshold || isFirst { strong.admit(score, of: index) }
      }
      offset &+= V.width
    }
  }

  /// Takes the strong classes out of the heap, which is needed, and out of their blocks' peaks.
  @inline(never)
  private func keepStrong() {
    var place = 0
    while place < strongCount {
      let classIndex = memory.heapClasses[place]
      memory.strongScores[place] = memory.heapScores[place]
      memory.strongClasses[place] = classIndex
      memory.strongCounters[place] = UInt32(truncatingIfNeeded: classIndex)
      place &+= 1
    }
    // Whole vectors are read.
    while place % RowNoise.blockSize != 0 {
      memory.strongScores[place] = -.infinity
      memory.strongCounters[place] = 0
      place &+= 1
    }
    if blocks == 0 { return }
    let limit = V.splat(weakestStrong.score)
    place = 0
    while place < strongCount {
      let block = memory.strongClasses[place] / RowNoise.blockSize
      let end = min((block &+ 1) &* RowNoise.blockSize, classes)
      var peak = V.minusInfinity
      var index = block &* RowNoise.blockSize
      while index < end {
        let score = V.load(
          row.logits, index, count: min(V.width, end &- index), filler: -.infinity)
        peak = V.maximum(
          peak, V.minusInfinity.selecting(score, where: V.lessOrEqual(score, limit)))
        index &+= V.width
      }
      memory.peaks[block] = Self.above(peak.largest)
      place &+= 1
    }
  }

  /// A float32 number that is not below a score: peaks and thresholds are only compared in that type.
  @inline(__always)
  private static func above(_ score: V.Scalar) -> Float {
    V.scalarBytes == 4 ? Float(score) : Float(score).nextUp
  }

  @inline(__always)
  private static func below(_ score: V.Scalar) -> Float {
    V.scalarBytes == 4 ? Float(score) : Float(score).nextDown
  }

  /// Samples whose strong classes are drawn at once: no draw then waits for what was found in the sample before.
  static var samplesAtOnce: Int { NoisedSelectionMemory<V.Scalar>.samplesAtOnce }

  /// Draws the strong classes of some samples, as many as `samplesAtOnce` at the most.
  @inline(never)
  func drawStrong(from first: Int, count: Int) {
    var sample = 0
    while sample < count {
      var place = 0
      while place < strongCount {
        let counters = Bits(
          UnsafeRawPointer(memory.strongCounters + place).loadUnaligned(as: SIMD16<UInt32>.self))
        let highest = HighestDraws(noise.words(ofBlocks: counters >> 4, sample: first &+ sample))
        let words = noise.words(ofClasses: counters, sample: first &+ sample)
        addNoise(
          RowNoise.noise(words, places: counters & Bits(15), highest),
          to: UnsafeRawPointer(memory.strongScores), place, count: strongCount &- place,
          into: strongNoised(sample) + place)
        place &+= RowNoise.blockSize
      }
      sample &+= 1
    }
  }

  /// Where the noised scores of the strong classes in a sample are, of those drawn at once.
  @inline(__always)
  private func strongNoised(_ sample: Int) -> UnsafeMutablePointer<V.Scalar> {
    memory.strongNoised + sample &* memory.strongCapacity
  }

  /// The score and the class at the rank in one sample.
  ///
  /// - Parameter place: of the sample among those whose strong classes have been drawn.
  @inline(never)
  func choose(_ sample: Int, _ place: Int) -> (score: V.Scalar, classIndex: Int) {
    var selection = TopSelection<V>(
      scores: memory.heapScores, classes: memory.heapClasses, rank: rank)
    admitStrong(strongNoised(place), &selection)
    var block = 0
    while block < blocks {
      visitBlocks(block, sample, &selection)
      block &+= RowNoise.blockSize
    }
    return (selection.threshold, selection.lowestClassAtThreshold)
  }

  @inline(__always)
  private func admitStrong(
    _ noised: UnsafeMutablePointer<V.Scalar>, _ selection: inout TopSelection<V>
  ) {
    var place = 0
    if strongCount >= RowNoise.blockSize && selection.start(with: noised, of: memory.strongClasses)
    {
      place = RowNoise.blockSize
    }
    while place < strongCount {
      var admitted = admitted(noised + place, count: strongCount &- place, selection)
      while admitted.bits != 0 {
        let index = place &+ admitted.next()
        admit(noised[index], of: memory.strongClasses[index], &selection)
      }
      place &+= RowNoise.blockSize
    }
  }

  /// Sixteen blocks: those that can matter are drawn.
  @inline(__always)
  private func visitBlocks(
    _ first: Int, _ sample: Int, _ selection: inout TopSelection<V>
  ) {
    let threshold = FloatLanes.splat(Self.below(selection.threshold))
    let peaks = FloatLanes.load(UnsafeRawPointer(memory.peaks), first)
    let epsilon = V.scalarBytes == 4 ? Float(row.epsilon) : Float(row.epsilon).nextUp
    // What the noise has to be; NaN where nothing is known, and nothing is then passed by.
    let needed = (threshold - peaks) * FloatLanes.splat(1 / epsilon)
    var alive = LaneSet(
      bits: ~FloatLanes.bits(FloatLanes.less(.splat(7), needed)), count: blocks &- first)
    if alive.bits == 0 { return }

    // Of sixteen numbers one exceeds x with a probability of at most 16 Φ(−x) <= 8 e^(−x²/2).
    let words = noise.words(
      ofBlocks: Bits(UInt32(truncatingIfNeeded: first)) + RowNoise.lanes, sample: sample)
    let x = FloatLanes.maximum(
      FloatLanes.splat(0), needed * FloatLanes.splat(0.9999) - FloatLanes.splat(1e-4))
    let bound = FloatLanes.exponential(x * x * FloatLanes.splat(-0.5)) * FloatLanes.splat(8.01)
    alive.bits &= ~FloatLanes.bits(FloatLanes.less(bound, words.smallest.share))
    if alive.bits == 0 { return }

    let highest = HighestDraws(words)
    let reach = peaks + (highest.noise + FloatLanes.splat(1e-5)) * FloatLanes.splat(epsilon)
    alive.bits &= ~FloatLanes.bits(FloatLanes.less(reach, threshold))
    if alive.bits == 0 { return }
    FloatLanes.store(highest.survival, memory.highest.survival, 0)
    FloatLanes.store(highest.complement, memory.highest.complement, 0)
    memory.highest.place.storeBytes(of: highest.place.lanes, as: SIMD16<UInt32>.self)
    // All are drawn before any is looked at: what the one needs does not wait for what the other finds.
    var pairs = LaneSet(bits: (alive.bits | alive.bits >> 1) & 0x5555, count: 16)
    var noised = memory.noised
    while pairs.bits != 0 {
      let lane = pairs.next()
      let words = noise.words(ofPair: (first &+ lane) / 2, sample: sample)
      if alive.contains(lane) {
        draw(words.0, first, lane, into: noised)
        noised += RowNoise.blockSize
      }
      if alive.contains(lane &+ 1) {
        draw(words.1, first, lane &+ 1, into: noised)
        noised += RowNoise.blockSize
      }
    }
    noised = memory.noised
    while alive.bits != 0 {
      admitBlock(first &+ alive.next(), noised, &selection)
      noised += RowNoise.blockSize
    }
  }

  /// Writes the noised scores of one of sixteen blocks.
  @inline(__always)
  private func draw(
    _ words: Bits, _ firstBlock: Int, _ lane: Int, into noised: UnsafeMutablePointer<V.Scalar>
  ) {
    let kept = memory.highest
    let highest = HighestDraws(
      survival: FloatLanes.loadScalar(kept.survival, lane),
      complement: FloatLanes.loadScalar(kept.complement, lane),
      place: kept.place.loadUnaligned(fromByteOffset: lane &* 4, as: UInt32.self))
    let first = (firstBlock &+ lane) &* RowNoise.blockSize
    addNoise(
      RowNoise.noise(words, places: RowNoise.lanes, highest), to: row.logits, first,
      count: classes &- first, into: noised)
  }

  /// Takes in the classes of a block that were not drawn before.
  @inline(__always)
  private func admitBlock(
    _ block: Int, _ noised: UnsafeMutablePointer<V.Scalar>, _ selection: inout TopSelection<V>
  ) {
    let first = block &* RowNoise.blockSize
    var admitted = admitted(noised, count: classes &- first, selection)
    while admitted.bits != 0 {
      let lane = admitted.next()
      if isStrong(first &+ lane) { continue }
      admit(noised[lane], of: first &+ lane, &selection)
    }
  }

  /// Adds the noise of sixteen classes to their scores, of which there are `count` at the most.
  @inline(__always)
  private func addNoise(
    _ noise: FloatLanes, to scores: UnsafeRawPointer, _ first: Int, count: Int,
    into noised: UnsafeMutablePointer<V.Scalar>
  ) {
    FloatLanes.store(noise, memory.draws, 0)
    let epsilon = V.splat(V.Scalar(row.epsilon))
    var offset = 0
    while offset < min(RowNoise.blockSize, count) {
      let score = V.load(
        scores, first &+ offset, count: min(V.width, count &- offset), filler: -.infinity)
      let draw = V.widen(
        UnsafePointer(memory.draws.assumingMemoryBound(to: Float.self)) + offset)
      V.store(score + draw * epsilon, noised, offset)
      offset &+= V.width
    }
  }

  /// Which of sixteen noised scores, or of the first `count`, may be among the highest.
  @inline(__always)
  private func admitted(
    _ noised: UnsafeMutablePointer<V.Scalar>, count: Int, _ selection: TopSelection<V>
  ) -> LaneSet {
    let threshold = V.splat(selection.threshold)
    var bits = V.bits(V.lessOrEqual(threshold, V.load(noised, 0)))
    if V.width < RowNoise.blockSize {
      bits |=
        V.bits(V.lessOrEqual(threshold, V.load(noised, V.width)))
        << UInt32(truncatingIfNeeded: V.width)
    }
    return LaneSet(bits: bits, count: count)
  }

  @inline(__always)
  private func admit(
    _ score: V.Scalar, of classIndex: Int, _ selection: inout TopSelection<V>
  ) {
    if score >= selection.threshold { selection.admit(score, of: classIndex) }
  }

  /// The strong classes of a block have been drawn already.
  @inline(__always)
  private func isStrong(_ classIndex: Int) -> Bool {
    let score = V.loadScalar(row.logits, classIndex)
    return score > weakestStrong.score
      || (score == weakestStrong.score && classIndex <= weakestStrong.classIndex)
  }
}

/// Some lanes of a vector.
private struct LaneSet {
  var bits: UInt32

  /// Those of the first `count` lanes that are set.
  @inline(__always)
  init(bits: UInt32, count: Int) {
    self.bits = count < 16 ? bits & ((1 &<< UInt32(truncatingIfNeeded: count)) &- 1) : bits & 0xFFFF
  }

  @inline(__always)
  func contains(_ lane: Int) -> Bool { bits >> UInt32(truncatingIfNeeded: lane) & 1 == 1 }

  /// Takes the lowest out; there is one.
  @inline(__always)
  mutating func next() -> Int {
    let lane = bits.trailingZeroBitCount
    bits &= bits &- 1
    return lane
  }
}
