import CGPU

// The score at the rank in one sample, which a block finds among all of them: for ranks that much of the noise may matter for.

extension SampledRow {
  /// As `chooseInWarp`. Bit by bit, the largest number that as many scores as the rank are not below; scores are in the
  /// memory of the block, where each thread reads what it has stored itself.
  @inline(__always)
  func chooseInBlock(_ sample: UInt32) -> RankKey {
    let scores = memory.orderedScores
    var isNumber = true
    var index = gpu_thread()
    while index < classes {
      let ordered = orderedBits(score(index, sample))
      isNumber = isNumber && ordered != 0
      scores[Int(index)] = ordered
      index &+= gpu_threads()
    }
    if given != nil && Block.any(!isNumber) { return .none }
    var (atRank, bit) = (UInt32(0), UInt32(1) &<< 31)
    while bit != 0 {
      let trial = atRank | bit
      var count: UInt32 = 0
      index = gpu_thread()
      while index < classes {
        count &+= scores[Int(index)] < trial ? 0 : 1
        index &+= gpu_threads()
      }
      if Block.sum(Double(count)) >= Double(rank) { atRank = trial }
      bit &>>= 1
    }
    var lowest = Int64.max
    index = gpu_thread()
    while index < classes && lowest == .max {
      if scores[Int(index)] == atRank { lowest = Int64(index) }
      index &+= gpu_threads()
    }
    return RankKey(RankKey.score(atRank), UInt32(truncatingIfNeeded: Block.least(lowest)))
  }
}
