import CSystem
import CTopKLoss

// Class weights from class counts, relative to the rarest class's, so that neither tiny nor huge counts overflow, then
// scaled to mean 1.

/// Weights in inverse proportion to the counts.
func inverseFrequency(
  _ classes: Int64, _ counts: UnsafePointer<Double>?, into weights: UnsafeMutablePointer<Double>?
) throws(Failure) {
  try writeWeights(classes, counts, weights) { rarest, count in rarest / count }
}

/// Weights in inverse proportion to the effective number of examples, (1 − β^n) / (1 − β) (Cui et al., CVPR 2019).
func effectiveNumber(
  _ classes: Int64, _ counts: UnsafePointer<Double>?, beta: Double,
  into weights: UnsafeMutablePointer<Double>?
) throws(Failure) {
  guard beta >= 0 && beta < 1 else {
    throw Failure(TOPKLOSS_ERROR_OPTION, "beta is \(text(beta)): it must be in [0, 1)")
  }
  let logBeta = log(beta)
  try writeWeights(classes, counts, weights) { rarest, count in
    let (rarestPower, power) = (rarest * logBeta, count * logBeta)
    // 1 − β^n, which expm1 keeps exact where β^n is near 1, is −n log β where that is so small that it might vanish.
    return power > -1e-290 ? rarest / count : expm1(rarestPower) / expm1(power)
  }
}

/// - Parameter relative: the weight of a class with so many examples over that of the rarest.
private func writeWeights(
  _ classes: Int64, _ counts: UnsafePointer<Double>?, _ weights: UnsafeMutablePointer<Double>?,
  _ relative: (_ rarest: Double, _ count: Double) -> Double
) throws(Failure) {
  let classes = try checkedSize(classes, "classes", atLeast: 1)
  let counts = RowNumbers(try required(counts, "class_counts"))
  let weights = UnsafeMutableRawPointer(try required(weights, "weights"))
  var rarest = Double.infinity
  for index in 0..<classes {
    guard counts[index] > 0 && counts[index].isFinite else {
      throw Failure(
        TOPKLOSS_ERROR_CLASS_COUNT,
        "class_counts[\(index)] is \(text(counts[index])): a count must be finite and above 0")
    }
    rarest = min(rarest, counts[index])
  }
  var sum = 0.0
  for index in 0..<classes {
    let weight = relative(rarest, counts[index])
    sum += weight
    weights.storeBytes(of: weight, toByteOffset: index &* 8, as: Double.self)
  }
  let mean = sum / Double(classes)
  for index in 0..<classes {
    let weight = weights.loadUnaligned(fromByteOffset: index &* 8, as: Double.self)
    weights.storeBytes(of: weight / mean, toByteOffset: index &* 8, as: Double.self)
  }
}
