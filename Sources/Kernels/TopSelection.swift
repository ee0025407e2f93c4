/// The `rank` highest scores seen so far with their classes: a binary heap whose root is the one that ranks last,
/// so that a score which does not belong is turned away with one comparison and the cost of one that does is
/// bounded by log2(rank), whatever order they come in.
///
/// Scores rank by value, equal ones by class index.
struct TopSelection<Score: BinaryFloatingPoint & BitwiseCopyable> {
  private let scores: UnsafeMutablePointer<Score>
  private let classes: UnsafeMutablePointer<Int>
  private let rank: Int
  private(set) var count = 0

  /// `scores` and `classes` have room for `rank` entries.
  init(scores: UnsafeMutablePointer<Score>, classes: UnsafeMutablePointer<Int>, rank: Int) {
    self.scores = scores
    self.classes = classes
    self.rank = rank
  }

  @inline(__always)
  var isFull: Bool { count == rank }

  /// The score at the last rank; only if full. A score must be above it to be admitted: classes come in
  /// increasing order, so an equal one ranks behind.
  @inline(__always)
  var threshold: Score { scores[0] }

  /// Takes in a score that is a number; if full, one above the threshold.
  @inline(__always)
  mutating func admit(_ score: Score, of classIndex: Int) {
    if count < rank {
      count &+= 1
      siftUp(score, classIndex, from: count &- 1)
    } else {
      siftDown(score, classIndex)
    }
  }

  /// The lowest-indexed class whose score is the threshold.
  var classAtLastRank: Int {
    var lowest = classes[0]
    var position = 1
    while position < count {
      if scores[position] == scores[0] && classes[position] < lowest { lowest = classes[position] }
      position &+= 1
    }
    return lowest
  }

  @inline(__always)
  private func ranksBehind(_ position: Int, _ score: Score, _ classIndex: Int) -> Bool {
    scores[position] < score || (scores[position] == score && classes[position] > classIndex)
  }

  private func siftUp(_ score: Score, _ classIndex: Int, from start: Int) {
    var position = start
    while position > 0 {
      let parent = (position &- 1) / 2
      if ranksBehind(parent, score, classIndex) { break }
      scores[position] = scores[parent]
      classes[position] = classes[parent]
      position = parent
    }
    scores[position] = score
    classes[position] = classIndex
  }

  /// Replaces the root.
  private func siftDown(_ score: Score, _ classIndex: Int) {
    var position = 0
    while true {
      var child = 2 &* position &+ 1
      if child >= count { break }
      let other = child &+ 1
      if other < count && ranksBehind(other, scores[child], classes[child]) { child = other }
      if !ranksBehind(child, score, classIndex) { break }
      scores[position] = scores[child]
      classes[position] = classes[child]
      position = child
    }
    scores[position] = score
    classes[position] = classIndex
  }
}
