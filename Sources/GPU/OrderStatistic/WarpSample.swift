import CGPU
import CKernels

// The score at the rank in one sample, which a warp finds without drawing noise that cannot matter: as on a processor
// (Kernels/OrderStatistic/Sampled/NoisedSelection.swift), the strong classes are drawn first, which gives a threshold, and a block
// of sixteen others is drawn if its highest draw lifts its best score there. A thread tests a block; those that pass are drawn
// two at a time, a class a thread.

extension SampledRow {
  /// The key at the rank; none if there are not as many scores that are numbers, or if a given noise makes one that is none.
  @inline(__always)
  func chooseInWarp(_ sample: Int) -> RankKey {
    var selection = WarpSelection(memory.selection, rank: rank)
    let strongCount = Int(memory.strongCount.pointee)
    if isDrawn || (given == nil && strongCount > 0) {
      addStrong(sample, strongCount, &selection)
      if isDrawn && strongCount < classes { addBlocks(sample, &selection) }
    } else if !addAll(sample, &selection) {
      return .none
    }
    return selection.keyAtRank()
  }

  @inline(__always)
  private func addStrong(_ sample: Int, _ count: Int, _ selection: inout WarpSelection) {
    var first = 0
    while first < count {
      var key = RankKey.none
      if first &+ Warp.place < count {
        let classIndex = memory.strongClasses[first &+ Warp.place]
        key = RankKey(score(classIndex, sample), classIndex)
      }
      first &+= 32
      selection.add(key, isLast: first >= count)
    }
  }

  @inline(__always)
  private func addBlocks(_ sample: Int, _ selection: inout WarpSelection) {
    let blocks = UInt32(truncatingIfNeeded: (classes &+ 15) &>> 4)
    var first: UInt32 = 0
    while first < blocks {
      let block = first &+ UInt32(Warp.place)
      let peak = block < blocks ? memory.peaks[Int(block)] : -.infinity
      // No number of 32 bits gives a draw above 6.8. Where nothing is known, nothing is passed by.
      let isNear = block < blocks && !(selection.floor - peak > 7 * epsilon)
      if gpu_ballot(isNear) != 0 { addNear(isNear, block, peak, sample, &selection) }
      first &+= 32
    }
  }

  /// A block of every thread's, if it is near.
  @inline(__always)
  private func addNear(
    _ isNear: Bool, _ block: UInt32, _ peak: Float, _ sample: Int, _ selection: inout WarpSelection
  ) {
    let highest = highestDraws(ofBlock: block, sample)
    // Above what the errors of the others' draws can make of them; rounding then keeps the order.
    let reach = peak + (highest.noise.number + 1e-4) * epsilon
    let lane = UInt32(Warp.place)
    var live = gpu_ballot(isNear && !(reach < selection.floor))
    while live != 0 {
      let others = live & (live &- 1)
      let isSecond = lane >= 16
      let source = UInt32((isSecond ? others : live).trailingZeroBitCount) & 31
      let draw = highest.draw(ofLane: source)
      let classIndex = (block &- lane &+ source) &<< 4 | lane & 15
      var key = RankKey.none
      if !(isSecond && others == 0) && Int(classIndex) < classes {
        let own = RankKey(logits[Int(classIndex)], classIndex)
        if own < memory.weakestStrong.pointee {
          key = RankKey(score(classIndex, sample, draw), classIndex)
        }
      }
      live = others & (others &- 1)
      selection.add(key, isLast: live == 0)
      live &= gpu_ballot(!(reach < selection.floor))
    }
  }

  /// All classes, with noise that is given or with none; false if a noised score is NaN.
  @inline(__always)
  private func addAll(_ sample: Int, _ selection: inout WarpSelection) -> Bool {
    var (first, isNumber) = (0, true)
    while first < classes {
      var key = RankKey.none
      if first &+ Warp.place < classes {
        let classIndex = UInt32(truncatingIfNeeded: first &+ Warp.place)
        key = RankKey(scoreAsGiven(classIndex, sample), classIndex)
        isNumber = isNumber && RankKey.none < key
      }
      first &+= 32
      selection.add(key, isLast: first >= classes)
    }
    return gpu_ballot(!isNumber) == 0
  }
}
