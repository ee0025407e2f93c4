import CKernels

/// (z_j − peak) − logSum for every class.
struct Scores<Vector: Lanes> {
  private let logits: UnsafeRawPointer
  private let peak: Vector
  private let logSum: Vector

  @inline(__always)
  init(_ row: ScoreRow) {
    logits = row.logits
    peak = Vector.splat(Vector.Scalar(row.peak))
    logSum = Vector.splat(Vector.Scalar(row.log_sum))
  }

  @inline(__always)
  func load<L: LaneSelection>(_ index: Int, _ lanes: L) -> Vector where L.Vector == Vector {
    (lanes.load(logits, index) - peak) - logSum
  }
}
