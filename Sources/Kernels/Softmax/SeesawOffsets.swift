import CKernels
import CSystem

/// What the seesaw loss (Wang et al., CVPR 2021) adds to the logits of a row of label y, which makes of it a row of the
/// softmax-margin family with offsets of its own:
///
///   a_j = min(0, m_j − m_y) + q max(0, z_j − t),   t = max(z_y, lse(z) + log 0.01),   a_y = 0
///
/// with m = p log n: log(σ_j / max(σ_y, 0.01)) is z_j − t. As t is not far below the largest logit, logits are counted
/// from that, so that differences have the rounding error of small numbers.
@inline(never)
func seesawOffsets<V: Lanes>(_ row: SeesawRow, _: V.Type) {
  let classes = Int(truncatingIfNeeded: row.classes)
  let label = Int(truncatingIfNeeded: row.label)
  var highest = 0.0
  let logSum = logSumExp(row.logits, classes, &highest, V.self)
  let own = Double(V.loadScalar(row.logits, label)) - highest
  let threshold = max(own, logSum + log(leastProbability))
  var sweep = SeesawSweep<V>(
    row: row, highest: V.splat(V.Scalar(highest)), threshold: V.splat(V.Scalar(threshold)),
    labelMitigation: V.splat(V.loadScalarOfClass(row.mitigation, label)),
    compensation: V.splat(V.Scalar(row.compensation)))
  sweep.run(classes: classes)
  V.storeScalarOfClass(0, row.offsets, label)
}

/// Labels that are less probable are taken for this probable.
private let leastProbability = 0.01

private struct SeesawSweep<Vector: Lanes>: Sweep {
  let row: SeesawRow
  let highest: Vector
  let threshold: Vector
  let labelMitigation: Vector
  let compensation: Vector

  @inline(__always)
  mutating func visit<L: LaneSelection>(_ index: Int, _ lanes: L) where L.Vector == Vector {
    let above = (lanes.load(row.logits, index) - highest) - threshold
    let share = lanes.loadOfClass(row.mitigation, index) - labelMitigation
    let mitigation = Vector.zero.selecting(share, where: Vector.less(share, Vector.zero))
    lanes.storeOfClass(
      Vector.multiplyAdd(Vector.maximum(Vector.zero, above), compensation, mitigation),
      row.offsets, index)
  }
}
