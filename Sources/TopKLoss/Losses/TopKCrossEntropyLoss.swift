import CKernels
import CTopKLoss

// The top-K cross-entropy (after Petersen et al., ICML 2022):
//
//   ℓ = −log Σ_k P_k q_k,   q_1 = softmax(z)_y,   q_k = P( y is among the k largest of z + ε Z ).

extension topkloss_topk_cross_entropy_options: LossOptions {
  func makeLoss() throws(Failure) -> Loss {
    let k = try NoisedTopKOptions.checkedK(k)
    try checkPositive(epsilon, "options.epsilon")
    guard k <= TopKCrossEntropyLoss.largestK else {
      throw Failure(
        TOPKLOSS_ERROR_OPTION,
        "options.k is \(k): it must be \(TopKCrossEntropyLoss.largestK) or less")
    }
    return TopKCrossEntropyLoss(
      weights: try checkedWeights(k), epsilon: epsilon, common: try common())
  }

  /// The caller's P, of sum 1 to the last digit; without one, half of it each on the first and the last.
  private func checkedWeights(_ k: Int) throws(Failure) -> ClassVector<Double> {
    let copy = try ClassVector<Double>.make(count: k)
    guard let weights else {
      for index in 0..<k { copy.numbers[index] = 0 }
      copy.numbers[0] += 0.5
      copy.numbers[k - 1] += 0.5
      return copy
    }
    let given = RowNumbers(weights)
    var sum = 0.0
    for index in 0..<k {
      try OptionRange.weight.check(given[index], "options.weights")
      sum += given[index]
    }
    guard abs(sum - 1) <= 1e-6 else {
      throw Failure(
        TOPKLOSS_ERROR_OPTION, "options.weights: their sum is \(text(sum)): it must be 1")
    }
    for index in 0..<k { copy.numbers[index] = given[index] / sum }
    return copy
  }
}

final class TopKCrossEntropyLoss: Loss {
  static let largestK = 1_000_000
  private let weights: ClassVector<Double>
  private let epsilon: Double

  init(weights: ClassVector<Double>, epsilon: Double, common: CommonOptions) {
    (self.weights, self.epsilon) = (weights, epsilon)
    super.init(common: common, classes: nil)
  }

  override func check(_ batch: Batch, reading inputs: inout Output.Inputs) throws(Failure) {
    try NoisedTopKOptions.checkRank(weights.count, classes: batch.classes, "batch.classes")
  }

  override func needs(_ batch: Batch) throws(Failure) -> RowNeeds {
    let bytes = KernelsInUse.table.topk_cross_entropy_scratch_bytes(Int64(batch.classes))
    guard bytes >= 0 else { throw .outOfMemory(bytes: Int.max) }
    return RowNeeds(
      nanosecondsPerRow: 2000 + 6 * Double(batch.classes), scratchBytes: Int(bytes),
      flushesSubnormals: true)
  }

  override func evaluate(_ row: Row, in piece: Piece, of call: Call) -> Double {
    var kernelRow = TopKCrossEntropyRow(
      logits: row.logits, gradient: row.gradient, classes: Int64(call.head.batch.classes),
      label: Int64(row.label), k: Int64(weights.count), weights: UnsafePointer(weights.numbers),
      epsilon: epsilon, gradient_scale: row.gradientScale, scratch: piece.scratch)
    return call.head.batch.kernels.topk_cross_entropy(&kernelRow)
  }
}
