import CDevice
import CKernels
import CTopKLoss

// The top-K cross-entropy (after Petersen et al., ICML 2022):
//
//   ℓ = −log Σ_k P_k q_k,   q_1 = softmax(z)_y,   q_k = P( y is among the k largest of z + ε Z ).

extension topkloss_topk_cross_entropy_options: LossOptions {
  func makeLoss() throws(Failure) -> Loss {
    let k = try NoisedTopKOptions.checkedK(k)
    // P is as long, and the memory for it need not be there.
    let most = 1_000_000
    guard k <= most else {
      throw Failure(TOPKLOSS_ERROR_OPTION, "options.k is \(k): it must be \(most) or less")
    }
    try checkPositive(epsilon, "options.epsilon")
    return TopKCrossEntropyLoss(
      weights: try checkedWeights(k), epsilon: epsilon, common: try common())
  }

  /// P, its sum 1 to the last digit.
  private func checkedWeights(_ k: Int) throws(Failure) -> ClassNumbers {
    guard let given = try ClassNumbers(copying: weights, k, "options.weights", .weight) else {
      return try ClassNumbers(count: k) { ($0 == 0 ? 0.5 : 0) + ($0 == k - 1 ? 0.5 : 0) }
    }
    var sum = 0.0
    for index in 0..<k { sum += given[index] }
    guard abs(sum - 1) <= 1e-6 else {
      throw Failure(
        TOPKLOSS_ERROR_OPTION, "options.weights have the sum \(text(sum)): it must be 1")
    }
    return try ClassNumbers(count: k) { given[$0] / sum }
  }
}

final class TopKCrossEntropyLoss: Loss {
  /// P.
  private let weights: ClassNumbers
  private let epsilon: Double

  init(weights: ClassNumbers, epsilon: Double, common: CommonOptions) {
    (self.weights, self.epsilon) = (weights, epsilon)
    super.init(common: common, classes: nil)
  }

  override func check(_ batch: Batch, reading inputs: inout Output.Inputs) throws(Failure) {
    try NoisedTopKOptions.checkRank(weights.count, classes: batch.classes, "batch.classes")
  }

  override func describe(_ call: inout TopkDeviceCall) {
    call.family = Int64(TOPK_DEVICE_TOPK_CROSS_ENTROPY)
    call.topk_cross_entropy = DeviceTopKCrossEntropy(
      k: Int64(weights.count), weights: weights.ofFloat64, epsilon: epsilon)
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
      label: Int64(row.label), k: Int64(weights.count), weights: weights.doubles,
      epsilon: epsilon, gradient_scale: row.gradientScale, scratch: piece.scratch)
    return call.head.batch.kernels.topk_cross_entropy(&kernelRow)
  }
}
