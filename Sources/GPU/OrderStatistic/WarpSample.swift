import CGPU
import CKernels

// The score at the rank in one sample, which a warp finds without drawing noise that cannot matter: as on a processor
// (Kernels/OrderStatistic/Sampled/NoisedSelection.swift), the strong classes are drawn first, which gives a threshold, and a block
// of sixteen others is drawn if its highest draw lifts its best score there. A thread tests a block; those that pass are drawn
// two at a time, a class a thread.

extension SampledRow {
  @inline(__always) private var lane: UInt32 { gpu_thread() & 31 }

  /// The key at the rank; none if a given noise makes a score that is no number.
  @inline(__always)
  func chooseInWarp(_ sample: UInt32) -> RankKey {
    var selection = WarpSelection(memory.selection, rank: rank)
    let strongCount = given == nil ? memory.strongCount.pointee : 0
    if isDrawn || strongCount > 0 {
      addStrong(sample, strongCount, &selection)
      if isDrawn && strongCount < classes { addBlocks(sample, &selection) }
    } else if !addAll(sample, &selection) {
      return .none
    }
    return selection.keyAtRank()
  }

  @inline(__always)
  private func addStrong(_ sample: UInt32, _ count: UInt32, _ selection: inout WarpSelection) {
    var first: UInt32 = 0
    while first < count {
      var key = RankKey.none
      let place = first &+ lane
      if place < count {
        let classIndex = memory.strongClasses[Int(place)]
        key = RankKey(score(classIndex, sample), classIndex)
      }
      first &+= 32
      selection.add(key, isLast: first >= count)
    }
  }

  @inline(__always)
  private func addBlocks(_ sample: UInt32, _ selection: inout WarpSelection) {
    let blocks = (classes &+ 15) &>> 4
    var first: UInt32 = 0
    while first < blocks {
      let block = first &+ lane
      let peak = block < blocks ? memory.peaks[Int(block)] : -.infinity
      // What the highest draw has to be, which none is above 7; NaN where nothing is known, and nothing is then passed by.
      let needed = (selection.floor - peak) / epsilon
      let isNear = block < blocks && !(needed > 7)
      if gpu_ballot(isNear) != 0 {
        let words = words(ofBlock: block, sample)
        let mayReach = isNear && !words.isHighest(below: FloatLanes(needed))
        if gpu_ballot(mayReach) != 0 {
          addReaching(mayReach, block, peak, HighestDraws(words), sample, &selection)
        }
      }
      first &+= 32
    }
  }

  /// A block of every thread's, if it may reach what matters.
  @inline(__always)
  private func addReaching(
    _ mayReach: Bool, _ block: UInt32, _ peak: Float, _ highest: HighestDraws, _ sample: UInt32,
    _ selection: inout WarpSelection
  ) {
    let reach = highest.reach(from: FloatLanes(peak), epsilon: epsilon).number
    var live = gpu_ballot(mayReach && !(reach < selection.floor))
    while live != 0 {
      let others = live & (live &- 1)
      let isSecond = lane >= 16
      let source = UInt32((isSecond ? others : live).trailingZeroBitCount) & 31
      let draw = highest.draw(ofLane: source)
      let classIndex = (block &- lane &+ source) &<< 4 | lane & 15
      var key = RankKey.none
      if !(isSecond && others == 0) && classIndex < classes {
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
  private func addAll(_ sample: UInt32, _ selection: inout WarpSelection) -> Bool {
    var (first, isNumber) = (UInt32(0), true)
    while first < classes {
      var key = RankKey.none
      let classIndex = first &+ lane
      if classIndex < classes {
        key = RankKey(scoreAsGiven(classIndex, sample), classIndex)
        isNumber = isNumber && RankKey.none < key
      }
      first &+= 32
      selection.add(key, isLast: first >= classes)
    }
    return gpu_ballot(!isNumber) == 0
  }
}
