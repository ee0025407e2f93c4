import CKernels

// What is found out of a row before any sample is drawn: the strong classes, and the best of every block beside them.

extension NoisedSelection {
  /// The best score of every block.
  @inline(never)
  static func findPeaks(_ row: NoisedTopKRow, _ memory: NoisedSelectionMemory<V.Scalar>) {
    let classes = Int(truncatingIfNeeded: row.classes)
    var first = 0
    while first < classes {
      let end = min(first &+ RowNoise.blockSize &* RowNoise.blockSize, classes)
      let isWhole = end &- first == RowNoise.blockSize &* RowNoise.blockSize
      let peaks = memory.peaks + first / RowNoise.blockSize
      if isWhole, let best = V.peaks(row.logits, first) {
        FloatLanes.store(best, UnsafeMutableRawPointer(peaks), 0)
      } else {
        var index = first
        while index < end {
          let stop = min(index &+ RowNoise.blockSize, end)
          peaks[(index &- first) / RowNoise.blockSize] = above(peak(row, index, stop).largest)
          index = stop
        }
      }
      first = end
    }
  }

  /// The best scores of [start, end), at most a block, in some lane.
  @inline(__always)
  static func peak(_ row: NoisedTopKRow, _ start: Int, _ end: Int) -> V {
    var peak = V.minusInfinity
    var index = start
    while index < end {
      peak = V.maximum(
        peak, V.load(row.logits, index, count: min(V.width, end &- index), filler: -.infinity))
      index &+= V.width
    }
    return peak
  }

  /// Takes for strong what reaches a bound that a few more than the rank do: that of the highest of every sixteenth class.
  ///
  /// - Returns: nil if too many do, as where many scores are alike, or masked out.
  @inline(never)
  static func keepReaching(
    _ row: NoisedTopKRow, _ memory: NoisedSelectionMemory<V.Scalar>, rank: Int
  ) -> (count: Int, bound: V.Scalar)? {
    let classes = Int(truncatingIfNeeded: row.classes)
    if rank &+ 3 > RowNoise.blockSize || memory.strongCapacity < RowNoise.blockSize { return nil }
    var maxima = LaneMaxima<V>()
    var first = 0
    while first < classes {
      var offset = 0
      while offset < RowNoise.blockSize && first &+ offset < classes {
        let index = first &+ offset
        maxima.add(
          V.load(row.logits, index, count: min(V.width, classes &- index), filler: -.infinity),
          at: offset)
        offset &+= V.width
      }
      first &+= RowNoise.blockSize
    }
    maxima.store(memory.noised)
    let bound = SixteenScores<V>.score(atRank: rank &+ 3, of: memory.noised)
    if bound == -.infinity { return nil }
    let boundLanes = V.splat(bound)
    var count = 0
    var index = 0
    while index < classes {
      let score = V.load(
        row.logits, index, count: min(V.width, classes &- index), filler: -.infinity)
      var bits = V.bits(V.lessOrEqual(boundLanes, score))
      while bits != 0 {
        if count == RowNoise.blockSize { return nil }
        let classIndex = index &+ bits.trailingZeroBitCount
        memory.strongScores[count] = V.loadScalar(row.logits, classIndex)
        memory.strongClasses[count] = classIndex
        bits &= bits &- 1
        count &+= 1
      }
      index &+= V.width
    }
    return (count, bound)
  }

  /// Takes the highest for strong, as many as there is room for.
  @inline(never)
  static func keepHighest(
    _ row: NoisedTopKRow, _ memory: NoisedSelectionMemory<V.Scalar>
  ) -> (score: V.Scalar, classIndex: Int) {
    let (classes, count) = (Int(truncatingIfNeeded: row.classes), memory.strongCount)
    if count == 0 { return (.infinity, -1) }
    var strong = TopSelection<V>(
      scores: memory.heapScores, classes: memory.heapClasses, rank: count)
    var first = 0
    while first < classes {
      let end = min(first &+ RowNoise.blockSize, classes)
      if first < count || peak(row, first, end).largest > strong.threshold {
        admit(row, first, end &- first, into: &strong)
      }
      first = end
    }
    var place = 0
    while place < count {
      memory.strongScores[place] = memory.heapScores[place]
      memory.strongClasses[place] = memory.heapClasses[place]
      place &+= 1
    }
    return (strong.threshold, strong.classAtLastRank)
  }

  /// Takes in the classes of a block that are above the threshold. They come in increasing order, so that one equal to the
  /// last strong one is not strong.
  @inline(__always)
  static func admit(
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

  /// Whole vectors are read.
  @inline(__always)
  func padStrong() {
    var place = 0
    while place < memory.strongCapacity {
      if place >= strongCount { memory.strongScores[place] = -.infinity }
      memory.strongCounters[place] =
        place < strongCount ? UInt32(truncatingIfNeeded: memory.strongClasses[place]) : 0
      place &+= 1
    }
  }

  /// Takes the strong classes out of their blocks' peaks.
  @inline(never)
  func excludeStrong() {
    if blocks == 0 { return }
    let limit = V.splat(weakestStrong.score)
    let isLimitStrong = weakestStrong.classIndex == Int.max
    var place = 0
    while place < strongCount {
      let block = memory.strongClasses[place] / RowNoise.blockSize
      let end = min((block &+ 1) &* RowNoise.blockSize, classes)
      var peak = V.minusInfinity
      var index = block &* RowNoise.blockSize
      while index < end {
        let score = V.load(
          row.logits, index, count: min(V.width, end &- index), filler: -.infinity)
        let isWeak = isLimitStrong ? V.less(score, limit) : V.lessOrEqual(score, limit)
        peak = V.maximum(peak, V.minusInfinity.selecting(score, where: isWeak))
        index &+= V.width
      }
      memory.peaks[block] = Self.above(peak.largest)
      place &+= 1
    }
  }
}
