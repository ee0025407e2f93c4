import CSystem
import CTopKLoss

// Class weights from class counts, relative to the rarest class's, so that neither tiny nor huge counts overflow, then
// scaled to mean 1.

/// Weights in inverse proportion to the counts, or to the effective numbers of examples, (1 − β^n) / (1 − β) (Cui et al.,
/// CVPR 2019).
func classWeights(
  _ options: topkloss_class_weights_options, into weights: UnsafeMutablePointer<Double>?
) throws(Failure) {
  let (weighting, beta) = (Int(options.weighting), options.beta)
  guard weighting == TOPKLOSS_INVERSE_FREQUENCY || weighting == TOPKLOSS_EFFECTIVE_NUMBER else {
    throw Failure(
      TOPKLOSS_ERROR_ENUMERATOR,
      "options.weighting is \(options.weighting): it must be TOPKLOSS_INVERSE_FREQUENCY or "
        + "TOPKLOSS_EFFECTIVE_NUMBER")
  }
  guard beta >= 0 && beta < 1 else {
    throw .number("beta", beta, mustBe: "in [0, 1)")
  }
  let counts = try ClassCounts(
    options.class_counts, classes: options.classes, smoothing: options.count_smoothing)
  let bytes = UnsafeMutableRawPointer(try required(weights, "weights"))
  let (logBeta, rarest) = (log(beta), counts.smallest)
  var sum = 0.0
  for index in 0..<counts.count {
    // The weight over the rarest class's. 1 − β^n, which expm1 keeps exact where β^n is near 1, is −n log β where that is
    // so small that it might vanish.
    let (rarestPower, power) = (rarest * logBeta, counts[index] * logBeta)
    let weight =
      weighting == TOPKLOSS_INVERSE_FREQUENCY || power > -1e-290
      ? rarest / counts[index] : expm1(rarestPower) / expm1(power)
    sum += weight
    bytes.storeBytes(of: weight, toByteOffset: index &* 8, as: Double.self)
  }
  let mean = sum / Double(counts.count)
  for index in 0..<counts.count {
    let weight = bytes.loadUnaligned(fromByteOffset: index &* 8, as: Double.self)
    bytes.storeBytes(of: weight / mean, toByteOffset: index &* 8, as: Double.self)
  }
}
