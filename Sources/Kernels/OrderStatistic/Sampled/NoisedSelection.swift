import CKernels

// The highest noised scores of a row, sample after sample, without drawing noise that cannot matter.
//
// Once per row the classes with the highest scores are found, the strong ones, and the best score among the rest of every
// block of sixteen. In a sample the noise of the strong classes is drawn first, which gives a threshold θ. A block of
// others matters only if its highest draw, made before any other of its draws, lifts its best score to θ: on a trained row
// next to none does. What is found is the same as if all noise had been drawn.

/// The part of the selection that is the same in all samples.
struct NoisedSelection<V: ProcessorLanes> {
  let row: NoisedTopKRow
  let classes: Int
  private let rank: Int
  private let draws: NoiseDraws
  let memory: NoisedSelectionMemory<V.Scalar>
  let strongCount: Int
  /// A strong class ranks at or before this score and class.
  let weakestStrong: (score: V.Scalar, classIndex: Int)
  let blocks: Int

  @inline(never)
  init(_ row: NoisedTopKRow) {
    self.row = row
    classes = Int(truncatingIfNeeded: row.classes)
    rank = Int(truncatingIfNeeded: row.rank)
    let memory = NoisedSelectionMemory<V.Scalar>(row.scratch, rank: rank, classes: classes)
    self.memory = memory
    draws = NoiseDraws(
      noise: RowNoise(
        seed: row.seed, step: row.step, row: row.row, firstClass: row.first_class),
      epsilon: V.isFloat32 ? Float(row.epsilon) : Float(row.epsilon).nextUp,
      peaks: memory.peaks, draws: memory.draws, highest: memory.highest)
    let allBlocks = (classes &+ RowNoise.blockSize &- 1) / RowNoise.blockSize
    Self.findPeaks(row, memory)
    if let reached = Self.keepReaching(row, memory, rank: rank) {
      strongCount = reached.count
      weakestStrong = (reached.bound, Int.max)
    } else {
      strongCount = memory.strongCount
      weakestStrong = Self.keepHighest(row, memory)
    }
    blocks = strongCount == classes ? 0 : allBlocks
    padStrong()
    excludeStrong()
  }

  /// Whether a sixth of the blocks may well reach the rank: it is about ½ ε above the score that is there without noise, and
  /// the highest of sixteen draws is about 1.8 ε. To draw all at once is then faster.
  var mostBlocksMatter: Bool {
    if blocks == 0 || strongCount == 0 || strongCount > RowNoise.blockSize { return false }
    let atRank = SixteenScores<V>.score(atRank: rank, of: memory.strongScores)
    let reach = atRank - V.Scalar(1.2 * row.epsilon)
    var (count, block) = (0, 0)
    while block < blocks {
      if V.Scalar(memory.peaks[block]) >= reach { count &+= 1 }
      block &+= 1
    }
    return count &* 6 > blocks
  }

  /// A float32 number that is not below a score: peaks and thresholds are only compared in that type.
  @inline(__always)
  static func above(_ score: V.Scalar) -> Float {
    V.isFloat32 ? Float(score) : Float(score).nextUp
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
        place == 0
        && selection.start(
          with: memory.noised, of: classes, count: min(count, RowNoise.blockSize))
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

  /// Adds the noise of sixteen classes to their scores, of which there are `count` at the most; −∞ behind them.
  @inline(__always)
  private func addNoise(
    _ draws: UnsafeMutablePointer<Float>, to scores: UnsafeRawPointer, _ first: Int, count: Int
  ) {
    let epsilon = V.splat(V.Scalar(row.epsilon))
    var offset = 0
    while offset < RowNoise.blockSize {
      let here = min(V.width, max(0, count &- offset))
      let score = V.load(scores, first &+ offset, count: here, filler: -.infinity)
      V.store(score + V.widen(draws + offset) * epsilon, memory.noised, offset)
      offset &+= V.width
    }
  }

  /// Which of the noised scores, or of the first `count`, may be among the highest.
  @inline(__always)
  private func admitted(count: Int, _ selection: TopSelection<V>) -> LaneSet {
    let bits = SixteenScores<V>(memory.noised).bits(atLeast: selection.threshold)
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
