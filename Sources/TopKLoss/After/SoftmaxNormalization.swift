/// log softmax(z)_j = (z_j − peak) − logSum.
struct SoftmaxNormalization {
  let peak: Double
  /// NaN if a logit is NaN or +∞.
  let logSum: Double

  var isNumber: Bool { !logSum.isNaN }
}
