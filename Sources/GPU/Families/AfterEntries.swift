import CDevice
import CGPU
import CKernels

// What is done with scores once a model is trained.

@c(topk_logit_adjust_f32)
public func logitAdjustF32(_ call: UnsafePointer<TopkDeviceCall>) { adjust(call, Float.self) }

@c(topk_logit_adjust_f16)
public func logitAdjustF16(_ call: UnsafePointer<TopkDeviceCall>) { adjust(call, Float16.self) }

@c(topk_logit_adjust_bf16)
public func logitAdjustBF16(_ call: UnsafePointer<TopkDeviceCall>) { adjust(call, BFloat16.self) }

/// Adds each class's offset. The output, in the gradient's place, may be the scores themselves.
@inline(__always)
private func adjust<E: Element>(_ call: UnsafePointer<TopkDeviceCall>, _: E.Type) {
  guard let offset = call.pointee.softmax_margin.offset.numbers else { return }
  var row = Int(gpu_block())
  while row < Int(call.pointee.rows) {
    let scores = call.pointee.logits.row(row, E.self).unsafelyUnwrapped
    let sums = call.pointee.gradient.row(row, E.self).unsafelyUnwrapped
    addOffset(scores, offset, sums, call.classCount, TeamLanes<Block, E>.self)
    row &+= Int(gpu_blocks())
  }
}

/// Top-K accuracy: of every row 1 if its label is among the K highest scores, and 0 if not, times its weight.
@c(topk_topk_hits)
public func topKHits(_ call: UnsafePointer<TopkDeviceCall>) {
  evaluateWidenedRows(call) { row in
    let before = classesBefore(
      row.logits, call.classCount, row.label, TeamLanes<Block, Float>.self)
    return Int64(before) < call.pointee.smooth_topk_svm.k ? 1 : 0
  }
}
