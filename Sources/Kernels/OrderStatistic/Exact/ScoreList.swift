import CKernels

/// The scores of a row that can come near a rank, in units of ε around a centre, with their classes: what the exact
/// order statistic works on. Scores surely above are only counted, those surely below are left out.
struct ScoreList<V: ProcessorLanes> {
  let scores: UnsafeMutablePointer<V.Scalar>
  let classes: UnsafeMutablePointer<Int>
  /// ∂T/∂z_j of every score in the list, once known.
  let shares: UnsafeMutablePointer<Double>
  private(set) var count = 0
  /// The rank among the scores of the list.
  private(set) var rank: Int

  /// Bytes for so many scores, or −1 if that overflows.
  static func bytes(capacity: Int) -> Int {
    let (padded, paddedOverflows) = capacity.addingReportingOverflow(V.width)
    let (bytes, overflows) = padded.multipliedReportingOverflow(by: 24)
    return paddedOverflows || overflows ? -1 : bytes
  }

  /// - Parameters:
  ///   - capacity: as many as the row has classes, or more.
  ///   - memory: `bytes` of it, aligned to 8.
  @inline(never)
  init(
    _ row: NoisedTopKRow, center: V.Scalar, reach: Double, capacity: Int,
    memory: UnsafeMutableRawPointer
  ) {
    let rowCount = Int(truncatingIfNeeded: row.classes)
    shares = memory.assumingMemoryBound(to: Double.self)
    // What is done a vector at a time goes on beyond the last score.
    let room = capacity &+ V.width
    classes = (memory + 8 &* room).assumingMemoryBound(to: Int.self)
    scores = (memory + 16 &* room).assumingMemoryBound(to: V.Scalar.self)
    let lowest = V.splat(V.Scalar(Double(center) - reach * row.epsilon))
    rank = Int(truncatingIfNeeded: row.rank)

    var index = 0
    while index < rowCount {
      let lanes = min(V.width, rowCount &- index)
      let score = V.load(row.logits, index, count: lanes, filler: -.infinity)
      if V.anyTrue(V.lessOrEqual(lowest, score)) {
        admit(row, index, lanes, center: center, reach: reach)
      }
      index &+= V.width
    }
    pad(from: count)
  }

  @inline(never)
  private mutating func admit(
    _ row: NoisedTopKRow, _ first: Int, _ lanes: Int, center: V.Scalar, reach: Double
  ) {
    var index = first
    while index < first &+ lanes {
      let score = V.loadScalar(row.logits, index)
      let relative = score == center ? 0 : (Double(score) - Double(center)) / row.epsilon
      if relative > reach {
        rank &-= 1
      } else if relative >= -reach {
        scores[count] = V.Scalar(relative)
        classes[count] = index
        count &+= 1
      }
      index &+= 1
    }
  }

  /// Lanes beyond the scores, far below every threshold: a probability of 0.
  private func pad(from first: Int) {
    var index = first
    while index < first &+ V.width {
      scores[index] = -100
      index &+= 1
    }
  }

  /// Turns the list upside down: the r-th largest of m is the (m + 1 − r)-th smallest.
  mutating func mirror() {
    var index = 0
    while index < count {
      scores[index] = 0 - scores[index]
      index &+= 1
    }
    rank = count &+ 1 &- rank
    pad(from: count)
  }

  /// Drops the scores below `weakest`, and those above `sure`, which have a higher rank than the one sought.
  @inline(never)
  mutating func keep(from weakest: Double, to sure: Double) {
    var end = 0
    var index = 0
    while index < count {
      let score = scores[index]
      if Double(score) > sure && rank > 1 {
        rank &-= 1
      } else if Double(score) >= weakest {
        scores[end] = score
        classes[end] = classes[index]
        end &+= 1
      }
      index &+= 1
    }
    count = end
    pad(from: end)
  }

  /// The mean and the variance of how many scores with noise are above t.
  @inline(never)
  func moments(above t: Double) -> (mean: Double, variance: Double) {
    var sweep = MomentSweep<V>(scores: UnsafeRawPointer(scores), threshold: V.splat(V.Scalar(t)))
    sweep.run(classes: count)
    return (sweep.mean.total, sweep.variance.total)
  }
}

private struct MomentSweep<Vector: ProcessorLanes>: Sweep {
  let scores: UnsafeRawPointer
  let threshold: Vector
  var mean = BlockSum<Vector>()
  var variance = BlockSum<Vector>()

  @inline(__always)
  mutating func visit<L: LaneSelection>(_ index: Int, _ lanes: L) where L.Vector == Vector {
    let score = lanes.keep(lanes.load(scores, index), filler: -100)
    let normal = NormalLanes(score - threshold)
    mean.partial = mean.partial + normal.below
    variance.partial = Vector.multiplyAdd(normal.below, normal.above, variance.partial)
  }

  @inline(__always)
  mutating func endBlock() {
    mean.endBlock()
    variance.endBlock()
  }
}
