import CGPU

/// The `rank` highest keys that a warp has seen, in memory of its own: in their order, and behind them some that have come since. All threads of the warp come to each of its functions.
struct WarpSelection {
  private let keys: UnsafeMutablePointer<RankKey>
  private let rank: UInt32
  private var count: UInt32 = 0
  /// A key that is not above it is not among the highest.
  private var threshold = RankKey.none
  /// Scores that are not above it do not matter; nothing is known where it is NaN.
  private(set) var floor = -Float.infinity

  /// Keys that there is room for: three a thread.
  static var capacity: Int { 96 }
  /// Room for those that a warp adds at once, and a few, beside as many as the rank.
  static var highestRank: UInt32 { UInt32(capacity) &- 36 }

  @inline(__always)
  init(_ keys: UnsafeMutablePointer<RankKey>, rank: UInt32) {
    self.keys = keys
    self.rank = rank
    // What was here before has been read.
    gpu_warp_barrier()
  }

  /// Takes in a key of every thread, and ranks what has come: where more is to come, only if that is much. To rank takes longer
  /// the more there are, and is the better worth it.
  @inline(__always)
  mutating func add(_ key: RankKey, isLast: Bool) {
    let isAdmitted = threshold < key
    let admitted = gpu_ballot(isAdmitted)
    let below = admitted & ((1 &<< UInt32(Warp.place)) &- 1)
    if isAdmitted { keys[Int(count) &+ below.nonzeroBitCount] = key }
    count &+= UInt32(admitted.nonzeroBitCount)
    let isMuch = count > min(rank &+ 24, UInt32(Self.capacity &- 32))
    let isUnranked = count > rank || (count == rank && !(RankKey.none < threshold))
    if isMuch || (isLast && isUnranked) { settle() }
  }

  /// A key's place is the number of those above it.
  @inline(__always)
  private mutating func settle() {
    let lane = UInt32(Warp.place)
    gpu_warp_barrier()
    let (a, b, c) = (own(lane), own(lane &+ 32), own(lane &+ 64))
    var (placeOfA, placeOfB, placeOfC) = (UInt32(0), UInt32(0), UInt32(0))
    var index: UInt32 = 0
    while index < count {
      let key = keys[Int(index)]
      placeOfA &+= a < key ? 1 : 0
      placeOfB &+= b < key ? 1 : 0
      placeOfC &+= c < key ? 1 : 0
      index &+= 1
    }
    gpu_warp_barrier()
    // Keys that are none are behind as many as there are.
    if placeOfA < rank { keys[Int(placeOfA)] = a }
    if placeOfB < rank { keys[Int(placeOfB)] = b }
    if placeOfC < rank { keys[Int(placeOfC)] = c }
    gpu_warp_barrier()
    count = rank
    threshold = keys[Int(rank &- 1)]
    floor = threshold.scoreBelow
  }

  @inline(__always)
  private func own(_ index: UInt32) -> RankKey { index < count ? keys[Int(index)] : .none }

  /// The key at the rank, with the lowest class that has its score.
  @inline(__always)
  func keyAtRank() -> RankKey {
    var place = Int(rank) &- 1
    while place > 0 && keys[place &- 1].orderedScore == threshold.orderedScore { place &-= 1 }
    return keys[place]
  }
}
