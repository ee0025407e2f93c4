import CKernels

/// The `rank` highest scores seen so far with their classes. Scores rank by value, equal ones by class index.
///
/// For small ranks a sorted list: where a score belongs is counted with a vector comparison, and what ranks behind it moves
/// up, without a branch to be guessed wrong. For large ones a binary heap whose root is the one that ranks last: the
/// cost of a score that is admitted is bounded by log2(rank), whatever order they come in.
struct TopSelection<V: ProcessorLanes> {
  private let scores: UnsafeMutablePointer<V.Scalar>
  private let classes: UnsafeMutablePointer<Int>
  let rank: Int
  private let isList: Bool
  private var count = 0

  /// The longest list; moving all of it takes as long as moving a part.
  static var listLength: Int { SixteenScores<V>.count }

  /// Entries that `scores` and `classes` need room for.
  static func capacity(rank: Int) -> Int { max(rank, 2 &* listLength &+ 1) }

  init(
    scores: UnsafeMutablePointer<V.Scalar>, classes: UnsafeMutablePointer<Int>, rank: Int
  ) {
    self.scores = scores
    self.classes = classes
    self.rank = rank
    isList = rank <= Self.listLength
    if isList { clear() }
  }

  /// A full list of nothing, behind every class.
  private func clear() {
    var place = 0
    while place < Self.listLength {
      scores[place] = -.infinity
      classes[place] = Int.max
      place &+= 1
    }
  }

  /// The score at the last rank, −∞ while there are fewer.
  @inline(__always)
  var threshold: V.Scalar {
    isList ? scores[rank &- 1] : count == rank ? scores[0] : -.infinity
  }

  /// The class at the last rank; only if there are as many.
  var classAtLastRank: Int { isList ? classes[rank &- 1] : classes[0] }

  /// The lowest class with the score at the last rank; only if there are as many.
  var lowestClassAtThreshold: Int {
    var lowest = classAtLastRank
    var place = 0
    while place < rank {
      if scores[place] == threshold { lowest = min(lowest, classes[place]) }
      place &+= 1
    }
    return lowest
  }

  /// Takes in a score that is a number, if it ranks before the last.
  @inline(__always)
  mutating func admit(_ score: V.Scalar, of classIndex: Int) {
    if isList { insert(score, classIndex) } else { push(score, classIndex) }
  }

  /// Fills a list that nothing is in yet with scores, sixteen at the most, each at the place that is the number of scores
  /// above it. Comparisons that need not wait for one another, where insertions would.
  ///
  /// - Parameter given: sixteen; those behind `count` are −∞.
  /// - Returns: false if some are equal, which are then to be admitted one by one.
  @inline(__always)
  func start(
    with given: UnsafePointer<V.Scalar>, of givenClasses: UnsafePointer<Int>, count: Int
  ) -> Bool {
    if !isList { return false }
    let all = SixteenScores<V>(given)
    var sum = 0
    var index = 0
    while index < count {
      let position = all.count(above: given[index])
      scores[position] = given[index]
      classes[position] = givenClasses[index]
      sum &+= position
      index &+= 1
    }
    if sum == count &* (count &- 1) / 2 { return true }
    clear()
    return false
  }

  /// A score that does not rank is put behind the last that does.
  @inline(__always)
  private func insert(_ score: V.Scalar, _ classIndex: Int) {
    var position = SixteenScores<V>(scores).count(above: score)
    while position < rank && scores[position] == score && classes[position] < classIndex {
      position &+= 1
    }
    // All that moves is read before anything is written: the vectors overlap.
    let (low, high) = (V.load(scores, position), V.load(scores, position &+ 16 &- V.width))
    V.store(low, scores, position &+ 1)
    V.store(high, scores, position &+ 17 &- V.width)
    let bytes = UnsafeMutableRawPointer(classes + position)
    let first = bytes.loadUnaligned(as: SIMD8<Int>.self)
    let second = bytes.loadUnaligned(fromByteOffset: 64, as: SIMD8<Int>.self)
    bytes.storeBytes(of: first, toByteOffset: 8, as: SIMD8<Int>.self)
    bytes.storeBytes(of: second, toByteOffset: 72, as: SIMD8<Int>.self)
    scores[position] = score
    classes[position] = classIndex
  }

  @inline(never)
  private mutating func push(_ score: V.Scalar, _ classIndex: Int) {
    if count < rank {
      count &+= 1
      siftUp(score, classIndex, from: count &- 1)
    } else if ranksBehind(0, score, classIndex) {
      siftDown(score, classIndex)
    }
  }

  @inline(__always)
  private func ranksBehind(_ position: Int, _ score: V.Scalar, _ classIndex: Int) -> Bool {
    scores[position] < score || (scores[position] == score && classes[position] > classIndex)
  }

  private func siftUp(_ score: V.Scalar, _ classIndex: Int, from start: Int) {
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
  private func siftDown(_ score: V.Scalar, _ classIndex: Int) {
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
