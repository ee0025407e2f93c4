import CKernels

// Mean squared error with outlying label (Kato & Hotta, 2021):
//
//   ℓ = (1/C) Σ_j (z_j − [j = y] t)²,   ∂ℓ/∂z_j = (2/C) (z_j − [j = y] t)

@inline(never)
func outlyingMSE<V: Lanes>(_ row: OutlyingMSERow, _: V.Type) -> Double {
  let classes = Int(truncatingIfNeeded: row.classes)
  let label = Int(truncatingIfNeeded: row.label)
  let weight = 2 / Double(classes) * row.gradient_scale
  // A row that counts for nothing has no gradient, not even where a logit is −∞.
  let isBad = hasBadLogit(row.logits, classes, V.self)
  let constant: V.Scalar? = isBad ? .nan : weight == 0 ? 0 : nil
  let residual = Double(V.loadScalar(row.logits, label)) - row.teacher
  var sweep = SquareSweep<V>(
    logits: row.logits, gradient: constant == nil ? row.gradient : nil,
    weight: V.splat(V.Scalar(weight)))
  sweep.run(classes: classes, exceptLabel: label)
  // Of threads that share a row, all have read the label's logit once they have a sum.
  let total = sweep.sum.total
  if let gradient = row.gradient {
    if let constant {
      fill(gradient, with: constant, classes, V.self)
    } else {
      V.storeScalar(V.Scalar(weight * residual), gradient, label)
    }
  }
  return isBad ? .nan : (total + residual * residual) / Double(classes)
}

private struct SquareSweep<Vector: Lanes>: Sweep {
  let logits: UnsafeRawPointer
  let gradient: UnsafeMutableRawPointer?
  let weight: Vector
  var sum = BlockSum<Vector>()

  @inline(__always)
  mutating func visit<L: LaneSelection>(_ index: Int, _ lanes: L) where L.Vector == Vector {
    let logit = lanes.load(logits, index)
    let counting = lanes.keep(logit, filler: 0)
    sum.partial = Vector.multiplyAdd(counting, counting, sum.partial)
    if let gradient { lanes.store(logit * weight, gradient, index) }
  }

  @inline(__always)
  mutating func endBlock() { sum.endBlock() }
}
