import CKernels

// Choosing classes of a row by their scores: the best one, or all above a threshold.

/// The class with the highest t_j (2 z_j − t_j), whose teacher t_j e_j is the nearest to the row; without a teacher the
/// one with the highest z_j. The lowest index among equals, −1 if all are NaN.
@inline(never)
func bestClass<V: ProcessorLanes>(
  _ scores: UnsafeRawPointer, _ teacher: UnsafeRawPointer?, _ classes: Int, _: V.Type
) -> Int {
  var best = BestSweep<V>(scores: scores, teacher: teacher)
  best.run(classes: classes)
  let highest = V.splat(best.highest.largest)
  var index = 0
  while index < classes {
    let count = min(V.width, classes &- index)
    let score = BestSweep<V>.score(
      V.load(scores, index, count: count, filler: .nan),
      teacher.map { V.load($0, index, count: count, filler: .nan) })
    if V.anyTrue(V.equal(score, highest)) {
      return withUnsafeBytes(of: score) { lanes in
        guard let lanes = lanes.baseAddress else { return index }
        var lane = 0
        while lane < count && V.loadScalar(lanes, lane) != best.highest.largest { lane &+= 1 }
        return index &+ lane
      }
    }
    index &+= V.width
  }
  return -1
}

private struct BestSweep<Vector: ProcessorLanes>: Sweep {
  let scores: UnsafeRawPointer
  let teacher: UnsafeRawPointer?
  var highest = Vector.minusInfinity

  @inline(__always)
  static func score(_ score: Vector, _ teacher: Vector?) -> Vector {
    guard let teacher else { return score }
    return teacher * ((score + score) - teacher)
  }

  @inline(__always)
  mutating func visit<L: LaneSelection>(_ index: Int, _ lanes: L) where L.Vector == Vector {
    let score = Self.score(lanes.load(scores, index), teacher.map { lanes.load($0, index) })
    highest = Vector.maximum(highest, lanes.keep(score, filler: -.infinity))
  }
}

/// Chooses the classes above a threshold, and of those that equal it the first `ties`, which is lowered by as many. Puts
/// the first `room` of them into `chosen`, in order, and returns how many they are.
@inline(never)
func choose<V: ProcessorLanes>(
  _ scores: UnsafeRawPointer, _ classes: Int, _ threshold: Double,
  _ ties: UnsafeMutablePointer<Int64>, _ chosen: UnsafeMutablePointer<Int64>?, _ room: Int,
  _: V.Type
) -> Int64 {
  let cut = Cut<V.Scalar>(threshold)
  let cutLanes = V.splat(cut.score)
  var count = 0
  var index = 0
  while index < classes {
    let width = min(V.width, classes &- index)
    let score = V.load(scores, index, count: width, filler: -.infinity)
    if V.anyTrue(V.lessOrEqual(cutLanes, score)) {
      var classIndex = index
      while classIndex < index &+ width {
        if cut.keeps(V.loadScalar(scores, classIndex), &ties.pointee) {
          if let chosen, count < room {
            UnsafeMutableRawPointer(chosen).storeBytes(
              of: Int64(classIndex), toByteOffset: count &* 8, as: Int64.self)
          }
          count &+= 1
        }
        classIndex &+= 1
      }
    }
    index &+= V.width
  }
  return Int64(count)
}

/// A threshold of float64 in the arithmetic type.
private struct Cut<Scalar: BinaryFloatingPoint> {
  /// The threshold, rounded down: the same scores are above it.
  let score: Scalar
  /// Whether scores can equal the threshold itself.
  private let isExact: Bool

  @inline(__always)
  init(_ threshold: Double) {
    let rounded = Scalar(threshold)
    score = Double(rounded) > threshold ? rounded.nextDown : rounded
    isExact = Double(rounded) == threshold
  }

  @inline(__always)
  func keeps(_ score: Scalar, _ ties: inout Int64) -> Bool {
    if score > self.score { return true }
    guard isExact && score == self.score && ties > 0 else { return false }
    ties &-= 1
    return true
  }
}
