import CGPU
import CKernels

extension TeamLanes {
  @inline(__always)
  static func rivals<Transform: SoftmaxMarginTransform>(
    of row: SoftmaxMarginPointer, _: Transform.Type
  ) -> RivalSum<Self>? {
    var sweep = RivalSweep<Transform, T, E>(
      scores: ClassScores(row), exponent: exponent(row.pointee.family.pointee.scale))
    sweep.run(classes: row.pointee.classCount, exceptLabel: row.pointee.labelIndex)
    return sweep.total
  }
}

/// The online softmax (Milakov & Gimelshein, 2018), a thread's own: exponentials are taken below the largest score that the
/// thread has seen, and when it sees a larger one, their sum is scaled down. So a row comes from memory once, and once more
/// where its gradient is written.
struct RivalSweep<Transform: SoftmaxMarginTransform, T: Team, E: Element>: Sweep {
  typealias Vector = TeamLanes<T, E>

  let scores: ClassScores
  let exponent: Exponent<Vector>
  private var peak = -Float.infinity
  private var partial = Vector.zero
  private var sum = 0.0

  @inline(__always)
  init(scores: ClassScores, exponent: Exponent<Vector>) {
    (self.scores, self.exponent) = (scores, exponent)
  }

  @inline(__always)
  mutating func visit<L: LaneSelection>(_ index: Int, _ lanes: L) where L.Vector == Vector {
    let lanes = HeldLanes(
      logits: lanes.load(scores.logits, index), offsets: scores.offset,
      offset: scores.offset.map { lanes.loadOfClass($0, index) } ?? Vector.zero, lanes: lanes)
    let score = Transform.shifted(scores, index, lanes, peak: Vector.zero, Vector.self)
    let highest = gpu_max(gpu_max(score.a, score.b), gpu_max(score.c, score.d))
    if highest > peak {
      let factor = below(peak, highest)
      partial = partial * Vector.splat(factor)
      sum *= Double(factor)
      peak = highest
    }
    let shifted = Transform.shifted(
      scores, index, lanes, peak: Vector.splat(reference(peak)), Vector.self)
    partial = partial + Vector.softmaxExponential(shifted, exponent)
  }

  @inline(__always)
  mutating func endBlock() {
    sum += Double(partial.a + partial.b) + Double(partial.c + partial.d)
    partial = Vector.zero
  }

  /// Of all threads together.
  @inline(__always)
  var total: RivalSum<Vector> {
    let largest = T.largest(peak)
    return RivalSum(peak: largest, sum: T.sum(sum * Double(below(peak, largest))))
  }

  /// e^(s (a − b)) for a <= b; 0 where nothing was seen before.
  @inline(__always)
  private func below(_ a: Float, _ b: Float) -> Float {
    deviceExponential(
      a - reference(b), exponent.factor.a, exponent.rest.a, exponent.least.a)
  }

  /// What scores are counted from: the peak, or 0 where all are −∞.
  @inline(__always)
  private func reference(_ peak: Float) -> Float { peak == -.infinity ? 0 : peak }
}

/// A selection whose logits and offsets have been loaded.
private struct HeldLanes<Lanes: LaneSelection>: LaneSelection {
  let logits: Lanes.Vector
  let offsets: UnsafeRawPointer?
  let offset: Lanes.Vector
  let lanes: Lanes

  @inline(__always)
  func load(_ row: UnsafeRawPointer, _ index: Int) -> Lanes.Vector { logits }
  @inline(__always)
  func loadOfClass(_ numbers: UnsafeRawPointer, _ index: Int) -> Lanes.Vector {
    numbers == offsets ? offset : lanes.loadOfClass(numbers, index)
  }
  @inline(__always)
  func keep(_ vector: Lanes.Vector, filler: Lanes.Vector.Scalar) -> Lanes.Vector {
    lanes.keep(vector, filler: filler)
  }
  @inline(__always)
  func store(_ vector: Lanes.Vector, _ row: UnsafeMutableRawPointer, _ index: Int) {
    lanes.store(vector, row, index)
  }
  @inline(__always)
  func storeOfClass(_ vector: Lanes.Vector, _ numbers: UnsafeMutableRawPointer, _ index: Int) {
    lanes.storeOfClass(vector, numbers, index)
  }
}
