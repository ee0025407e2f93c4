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
  private let draws: NoiseDraws
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
    let memory = NoisedSelectionMemory<V.Scalar>(row.scratch, rank: rank, classes: classes)
    self.memory = memory
    draws = NoiseDraws(
      noise: RowNoise(seed: row.seed, step: row.step, row: row.row),
      epsilon: V.scalarBytes == 4 ? Float(row.epsilon) : Float(row.epsilon).nextUp,
      peaks: memory.peaks, draws: memory.draws, highest: memory.highest)
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
  private static func below(_ score: V.Scalar) -> Float { Float(score).nextDown }

  /// Samples whose strong classes are drawn at once: no draw then waits for what was found in the sample before.
  static var samplesAtOnce: Int { NoisedSelectionMemory<V.Scalar>.samplesAtOnce }

  /// Draws the strong classes of some samples, as many as `samplesAtOnce` at the most.
  func drawStrong(from first: Int, count: Int) {
    var sample = 0
    while sample < count {
      draws.drawClasses(
        memory.strongCounters, count: strongCount, first &+ sample, into: strongDraws(sample))
      sample &+= 1
    }
  }

  /// Where the noise of the strong classes in a sample is, of those drawn at once.
  @inline(__always)
  private func strongDraws(_ sample: Int) -> UnsafeMutablePointer<Float> {
    memory.strongDraws + sample &* memory.strongCapacity
  }

  /// The score and the class at the rank in one sample.
  ///
  /// - Parameter place: of the sample among those whose strong classes have been drawn.
  @inline(never)
  func choose(_ sample: Int, _ place: Int) -> (score: V.Scalar, classIndex: Int) {
    var selection = TopSelection<V>(
      scores: memory.heapScores, classes: memory.heapClasses, rank: rank)
    admitStrong(strongDraws(place), &selection)
    var block = 0
    while block < blocks {
      visitBlocks(block, sample, &selection)
      block &+= RowNoise.blockSize
    }
    return (selection.threshold, selection.lowestClassAtThreshold)
  }

  @inline(__always)
  private func admitStrong(
    _ draws: UnsafeMutablePointer<Float>, _ selection: inout TopSelection<V>
  ) {
    var place = 0
    while place < strongCount {
      let count = strongCount &- place
      addNoise(draws + place, to: UnsafeRawPointer(memory.strongScores), place, count: count)
      let classes = memory.strongClasses + place
      let isBegun =
        place == 0 && count >= RowNoise.blockSize
        && selection.start(with: memory.noised, of: classes)
      var admitted = LaneSet(bits: 0, count: 0)
      if !isBegun { admitted = self.admitted(count: count, selection) }
      while admitted.bits != 0 {
        let lane = admitted.next()
        admit(memory.noised[lane], of: classes[lane], &selection)
      }
      place &+= RowNoise.blockSize
    }
  }

  /// Sixteen blocks: those that can matter are drawn.
  @inline(__always)
  private func visitBlocks(
    _ first: Int, _ sample: Int, _ selection: inout TopSelection<V>
  ) {
    var alive = draws.drawBlocks(
      first, count: blocks &- first, sample, threshold: Self.below(selection.threshold))
    var drawn = memory.draws
    while alive.bits != 0 {
      admitBlock(first &+ alive.next(), drawn, &selection)
      drawn += RowNoise.blockSize
    }
  }

  /// Takes in the classes of a block that were not drawn before.
  @inline(__always)
  private func admitBlock(
    _ block: Int, _ draws: UnsafeMutablePointer<Float>, _ selection: inout TopSelection<V>
  ) {
    let first = block &* RowNoise.blockSize
    addNoise(draws, to: row.logits, first, count: classes &- first)
    var admitted = admitted(count: classes &- first, selection)
    while admitted.bits != 0 {
      let lane = admitted.next()
      if isStrong(first &+ lane) { continue }
      admit(memory.noised[lane], of: first &+ lane, &selection)
    }
  }

  /// Adds the noise of sixteen classes to their scores, of which there are `count` at the most.
  @inline(__always)
  private func addNoise(
    _ draws: UnsafeMutablePointer<Float>, to scores: UnsafeRawPointer, _ first: Int, count: Int
  ) {
    let epsilon = V.splat(V.Scalar(row.epsilon))
    var offset = 0
    while offset < min(RowNoise.blockSize, count) {
      let score = V.load(
        scores, first &+ offset, count: min(V.width, count &- offset), filler: -.infinity)
      V.store(score + V.widen(draws + offset) * epsilon, memory.noised, offset)
      offset &+= V.width
    }
  }

  /// Which of the noised scores, or of the first `count`, may be among the highest.
  @inline(__always)
  private func admitted(count: Int, _ selection: TopSelection<V>) -> LaneSet {
    let threshold = V.splat(selection.threshold)
    var bits = V.bits(V.lessOrEqual(threshold, V.load(memory.noised, 0)))
    if V.width < RowNoise.blockSize {
      bits |=
        V.bits(V.lessOrEqual(threshold, V.load(memory.noised, V.width)))
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
