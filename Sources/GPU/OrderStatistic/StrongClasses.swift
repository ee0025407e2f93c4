import CGPU

// What is found out of a row before any sample is drawn: the strong classes, and the best of every block beside them.

extension SampledRow {
  /// Groups of threads, the highest key of each of which is compared with the others'.
  @inline(__always) private var groups: UInt32 { min(gpu_threads(), 128) }

  /// Whether samples are a warp's: classes that a group has two of may both be strong, so that groups have to be twice as many
  /// as there shall be strong classes, and these are to be a few more than the rank.
  @inline(__always)
  var isRankHigh: Bool { rank &+ 4 <= groups / 2 && rank <= WarpSelection.highestRank }

  /// Finds the strong classes: at least as many as the rank, where there are, and not many more. They are those from the key
  /// on which a number of groups of threads reach, each of which sees the classes that its threads do.
  ///
  /// - Parameter best: the highest key among this thread's classes, every `Block.width`th.
  @inline(__always)
  func findStrongClasses(_ best: RankKey) {
    let (keys, own) = (memory.keysOfThreads, gpu_thread())
    keys[Int(own)] = best
    if own == 0 { memory.weakestStrong.pointee = .none }
    Block.barrier()
    var ofGroup = RankKey.none
    if own < groups {
      var thread = own
      while thread < gpu_threads() {
        let key = keys[Int(thread)]
        ofGroup = ofGroup < key ? key : ofGroup
        thread &+= groups
      }
    }
    Block.barrier()
    keys[Int(own)] = ofGroup
    Block.barrier()
    if own < groups && RankKey.none < ofGroup {
      var (above, group) = (UInt32(0), UInt32(0))
      while group < groups {
        above &+= ofGroup < keys[Int(group)] ? 1 : 0
        group &+= 1
      }
      let wanted = min(max(rank &+ 4, 24), groups / 2)
      if above == wanted &- 1 { memory.weakestStrong.pointee = ofGroup }
    }
    // Too many, where one thread sees what ranks high: none.
    while !keepStrongClasses() {
      Block.barrier()
      if Block.place == 0 { memory.weakestStrong.pointee = .first }
    }
  }

  /// Keeps the strong classes, and the best scores of blocks but for them; false if there is no room.
  @inline(__always)
  private func keepStrongClasses() -> Bool {
    if Block.place == 0 { memory.strongCount.pointee = 0 }
    Block.barrier()
    let weakest = memory.weakestStrong.pointee
    var first: UInt32 = 0
    while first < classes {
      let index = first &+ gpu_thread()
      var peak = index < classes ? logits[Int(index)] : -.infinity
      if index < classes && !(RankKey(peak, index) < weakest) {
        let place = gpu_atomic_add_u32(memory.strongCount, 1)
        if place < UInt32(WarpSelection.capacity) { memory.strongClasses[Int(place)] = index }
        peak = -.infinity
      }
      peak = gpu_max(peak, Warp.shuffled(peak, 8))
      peak = gpu_max(peak, Warp.shuffled(peak, 4))
      peak = gpu_max(peak, Warp.shuffled(peak, 2))
      peak = gpu_max(peak, Warp.shuffled(peak, 1))
      if index & 15 == 0 && index < classes { memory.peaks[Int(index &>> 4)] = peak }
      first &+= gpu_threads()
    }
    Block.barrier()
    return memory.strongCount.pointee <= UInt32(WarpSelection.capacity)
  }
}
