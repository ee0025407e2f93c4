import CDevice
import CGPU
import CKernels

// The two-head average-K loss. Which scores are candidates is known once the whole batch has been looked at
// (TwoHeadsMemory.swift has the passes).

private typealias Vector = TeamLanes<Block, Float>

/// How each row's softmax is normalised; NaN where the row does not count.
@c(topk_two_heads_normalize)
public func twoHeadsNormalize(_ call: UnsafePointer<TopkDeviceCall>) {
  let table = TwoHeadsMemory(call).normalization
  var index = Int(gpu_block())
  while index < Int(call.pointee.rows) {
    var (peak, logSum) = (0.0, Double.nan)
    if call.label(index) >= 0 {
      let second = call.open(call.pointee.second, gradient: .none, index)
      let isBad = hasBadLogit(second.logits, call.classCount, Vector.self)
      let row = call.open(call.pointee.logits, gradient: .none, index)
      let found = logSumExp(row.logits, call.classCount, &peak, Vector.self)
      if !isBad { logSum = found }
    }
    if Block.place == 0 { table[index] = SoftmaxNormalization(peak: peak, logSum: logSum) }
    index &+= Int(gpu_blocks())
  }
}

@c(topk_two_heads)
public func twoHeadsRows(_ call: UnsafePointer<TopkDeviceCall>) {
  let memory = TwoHeadsMemory(call)
  let loss = call.pointee.two_heads
  let classes = call.pointee.classes
  let selection = memory.state.pointee.selection
  var family = SoftmaxMarginFamily()
  (family.classes, family.scale) = (classes, 1)
  evaluateWidenedRows(call) { row in
    let normalization = memory.normalization[row.index]
    let second = call.open(
      call.pointee.second, gradient: call.pointee.second_gradient, row.index, place: 1)
    if !normalization.isNumber || selection.score.isNaN {
      if let gradient = row.gradient { fill(gradient, with: .nan, Int(classes), Vector.self) }
      if let gradient = second.gradient { fill(gradient, with: .nan, Int(classes), Vector.self) }
      call.close(second, gradient: call.pointee.second_gradient, row.index)
      return .nan
    }
    // First, because the other term may write over the logits that the scores are made of.
    let multiLabelLoss = binaryCrossEntropy(
      BinaryCrossEntropyRow(
        logits: second.logits, gradient: second.gradient, classes: classes,
        label: Int64(row.label), negative_weight: 1, candidate_weight: loss.candidate_weight,
        scores: ScoreRow(
          logits: row.logits, classes: classes, peak: normalization.peak,
          log_sum: normalization.logSum),
        cut: selection.score,
        ties_end: Int64(selection.tiesEnd(row: row.index, classes: Int(classes))),
        gradient_scale: row.gradientScale * loss.weight, probability_slope: 0), Vector.self)
    call.close(second, gradient: call.pointee.second_gradient, row.index)
    let softmaxLoss = withUnsafePointer(to: &family) { family in
      var softmaxRow = SoftmaxMarginRow(
        family: family, logits: row.logits, gradient: row.gradient, stored_logits: nil,
        stored_gradient: nil, targets: nil, label: Int64(row.label), hard: 1,
        gradient_scale: row.gradientScale, next_logits: row.logits, next_gradient: nil,
        next_targets: nil, progress: SoftmaxMarginProgress(), loss: 0)
      softmaxMargin(&softmaxRow, 1, PlainTransform.self, Vector.self)
      return softmaxRow.loss
    }
    return softmaxLoss + (loss.weight == 0 ? 0 : loss.weight * multiLabelLoss)
  }
}
