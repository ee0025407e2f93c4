import CDevice
import CGPU
import CKernels

// Multi-label learning from one positive label a row. Where R = λ ((k − K)/C)² is asked for, three kernels: Σ_j f_ij of every
// row (a block a row; in `row_losses`, which the rows' losses then take the place of), R and its slope of them (one block),
// the rows.

private typealias Vector = TeamLanes<Block, Float>

/// What the expected number of positives adds to the rows of a batch: `ExpectedPositives` of the CPU, in `shared`.
private struct ExpectedPositives {
  /// R, for every row's value.
  let penalty: Double
  /// Times v_i, the gradient of all that the R of the rows come to with respect to Σ_j f_ij.
  let slope: Double
}

/// Σ_j f_ij; NaN where the row does not count.
@c(topk_single_positive_count)
public func singlePositiveCount(_ call: UnsafePointer<TopkDeviceCall>) {
  var index = Int(gpu_block())
  while index < Int(call.pointee.rows) {
    var count = Double.nan
    if call.label(index) >= 0 {
      let row = call.open(call.pointee.logits, gradient: .none, index)
      count = sigmoidSum(row.logits, call.classCount, Vector.self)
    }
    if Block.place == 0 { call.pointee.row_losses.unsafelyUnwrapped[index] = count }
    index &+= Int(gpu_blocks())
  }
}

@c(topk_single_positive_expect)
public func singlePositiveExpect(_ call: UnsafePointer<TopkDeviceCall>) {
  let summary = BatchSummary(call)
  let counts = call.pointee.row_losses.unsafelyUnwrapped
  var (positives, weight, scale, row) = (0.0, 0.0, 0.0, Block.place)
  while row < Int(call.pointee.rows) {
    let count = counts[row]
    if !count.isNaN {
      let sampleWeight = call.sampleWeight(row)
      positives += sampleWeight * count
      weight += sampleWeight
      scale += call.gradientScale(row, summary)
    }
    row &+= Block.width
  }
  (positives, weight, scale) = (Block.sum(positives), Block.sum(weight), Block.sum(scale))
  if Block.place != 0 { return }
  let loss = call.pointee.single_positive
  let classes = Double(call.pointee.classes)
  let excess = ((weight == 0 ? 0 : positives / weight) - loss.expected) / classes
  let slope = weight == 0 ? 0 : scale * loss.strength * 2 * excess / classes / weight
  call.pointee.shared.unsafelyUnwrapped.storeBytes(
    of: ExpectedPositives(penalty: loss.strength * excess * excess, slope: slope),
    as: ExpectedPositives.self)
}

@c(topk_single_positive)
public func singlePositiveAny(_ call: UnsafePointer<TopkDeviceCall>) {
  let loss = call.pointee.single_positive
  var expected = ExpectedPositives(penalty: 0, slope: 0)
  if loss.strength != 0, let shared = call.pointee.shared {
    expected = shared.load(as: ExpectedPositives.self)
  }
  evaluateWidenedRows(call) { row in
    let classes = call.pointee.classes
    if hasBadLogit(row.logits, call.classCount, Vector.self) {
      if let gradient = row.gradient {
        fill(gradient, with: .nan, call.classCount, Vector.self)
      }
      return .nan
    }
    let kernelRow = BinaryCrossEntropyRow(
      logits: row.logits, gradient: row.gradient, classes: classes, label: Int64(row.label),
      negative_weight: loss.negative_weight, candidate_weight: 0,
      scores: ScoreRow(logits: row.logits, classes: classes, peak: 0, log_sum: 0),
      cut: .infinity, ties_end: 0, gradient_scale: row.gradientScale * loss.share,
      probability_slope: call.sampleWeight(row.index) * expected.slope)
    return loss.share * binaryCrossEntropy(kernelRow, Vector.self) + expected.penalty
  }
}
