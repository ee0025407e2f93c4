import CKernels
import CSystem

/// log Σ_j e^(z_j − peak) in float64, and the peak. 0 and 0 where every logit is −∞; NaN if a logit is NaN or +∞.
///
/// The softmax-margin kernel's first two sweeps, of a row that has no label.
func logSumExp<V: Lanes>(
  _ logits: UnsafeRawPointer, _ classes: Int, _ peak: UnsafeMutablePointer<Double>, _: V.Type
) -> Double {
  var family = SoftmaxMarginFamily()
  family.classes = Int64(classes)
  family.scale = 1
  return withUnsafePointer(to: &family) { family in
    var row = SoftmaxMarginRow(
      family: family, logits: UnsafeMutableRawPointer(mutating: logits), gradient: nil,
      stored_logits: nil, stored_gradient: nil, targets: nil, label: -1, hard: 0, gradient_scale: 0,
      next_logits: logits, next_gradient: nil, next_targets: nil, progress: SoftmaxMarginProgress(),
      loss: 0)
    let largest = rivalPeak(&row, PlainTransform.self, V.self)
    peak.pointee = Double(largest)
    if largest == -.infinity || largest == .infinity {
      peak.pointee = 0
      return hasBadLogit(logits, classes, V.self) ? .nan : 0
    }
    return log(rivalSum(&row, peak: largest, keepIn: nil, PlainTransform.self, V.self))
  }
}
