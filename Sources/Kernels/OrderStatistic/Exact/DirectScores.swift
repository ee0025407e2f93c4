/// The scores of a row that are looked at one by one: the strong ones, likely enough to be above a threshold that their factors
/// are multiplied on one by one, and those of middle strength, which enter through sums over them.
struct DirectScores<V: ProcessorLanes> {
  /// There are never more: at a bin above the region's lower end Chernoff's bound with u = ¼ is still above what is
  /// neglected, 1e-13 and rank 16 at the worst, which leaves room for 453 strong scores, or 774 of both kinds.
  static var mostStrong: Int { 512 }
  static var mostMedium: Int { 1024 }

  /// Their scores, relative, and their places in the source.
  let strong: UnsafeMutablePointer<V.Scalar>
  let strongIndexes: UnsafeMutablePointer<Int>
  let medium: UnsafeMutablePointer<V.Scalar>
  let mediumIndexes: UnsafeMutablePointer<Int>
  private(set) var strongCount = 0
  private(set) var mediumCount = 0
  /// The rank among these scores and the weaker ones: those above `sure` are only counted.
  private(set) var rank: Int

  private static var strongRoom: Int { mostStrong &+ V.width }
  private static var mediumRoom: Int { mostMedium &+ V.width }

  /// Bytes of working memory.
  static var bytes: Int { 16 &* (strongRoom &+ mediumRoom) }

  /// Strong from `strongest` on, of middle strength from `weakest` on. Nil if there are too many.
  ///
  /// - Parameter memory: `bytes` of it.
  @inline(never)
  init?(
    _ source: ScoreSource<V>, rank: Int, weakest: V.Scalar, strongest: V.Scalar, sure: V.Scalar,
    memory: UnsafeMutableRawPointer
  ) {
    self.rank = rank
    strongIndexes = memory.assumingMemoryBound(to: Int.self)
    mediumIndexes = strongIndexes + Self.strongRoom
    let scores = memory + 8 &* (Self.strongRoom &+ Self.mediumRoom)
    strong = scores.assumingMemoryBound(to: V.Scalar.self)
    medium = (scores + 8 &* Self.strongRoom).assumingMemoryBound(to: V.Scalar.self)
    let lowest = V.splat(weakest)
    var index = 0
    while index < source.count {
      let score = source.load(index)
      if V.anyTrue(V.lessOrEqual(lowest, score)) {
        admit(score, index, weakest, strongest, sure)
        if strongCount > Self.mostStrong || mediumCount > Self.mostMedium { return nil }
      }
      index &+= V.width
    }
    medium[mediumCount] = 0
  }

  /// Without branches on whether a score is of middle strength, which nobody can foresee: each is written where the next
  /// of them belongs.
  @inline(__always)
  private mutating func admit(
    _ scores: V, _ first: Int, _ weakest: V.Scalar, _ strongest: V.Scalar, _ sure: V.Scalar
  ) {
    withUnsafeBytes(of: scores) { lanes in
      guard let lanes = lanes.baseAddress else { return }
      var lane = 0
      while lane < V.width {
        let score = V.loadScalar(lanes, lane)
        if score >= strongest {
          if score > sure && rank > 1 {
            rank &-= 1
          } else {
            strong[strongCount] = score
            strongIndexes[strongCount] = first &+ lane
            strongCount &+= 1
          }
        } else {
          medium[mediumCount] = score
          mediumIndexes[mediumCount] = first &+ lane
          mediumCount &+= score >= weakest ? 1 : 0
        }
        lane &+= 1
      }
    }
  }
}
