import CKernels
import CTopKLoss

// Multi-label learning from one positive label a row (Cole et al., CVPR 2021), f = σ(z):
//
//   ℓ = s (−log f_y − w Σ_{j≠y} log(1 − f_j))
//
// assume negative: s = 1/C, w = 1; weak assume negative: s = 1/C, w = 1/(C − 1); expected positive: s = 1, w = 0, and
//
//   R = λ ((k − K)/C)²,   k = Σ_i v_i Σ_j f_ij / Σ_i v_i
//
// added to every row's loss.

/// Which single-positive loss, checked.
enum SinglePositiveMethod {
  case assumeNegative
  case weakAssumeNegative
  /// K and λ.
  case expectedPositive(Double, Double)

  init(_ raw: topkloss_single_positive_options) throws(Failure) {
    switch Int(raw.method) {
    case TOPKLOSS_ASSUME_NEGATIVE: self = .assumeNegative
    case TOPKLOSS_WEAK_ASSUME_NEGATIVE: self = .weakAssumeNegative
    case TOPKLOSS_EXPECTED_POSITIVE:
      guard raw.expected_positives > 0 else {
        throw Failure(
          TOPKLOSS_ERROR_OPTION,
          "options.expected_positives is \(text(raw.expected_positives)): it must be above 0 and at "
            + "most 1e15")
      }
      try checkNotNegative(raw.expected_positives, "options.expected_positives")
      try checkNotNegative(raw.regularization, "options.regularization")
      self = .expectedPositive(raw.expected_positives, raw.regularization)
    default:
      throw Failure(
        TOPKLOSS_ERROR_ENUMERATOR,
        "options.method is \(raw.method): it must be TOPKLOSS_ASSUME_NEGATIVE, "
          + "TOPKLOSS_WEAK_ASSUME_NEGATIVE or TOPKLOSS_EXPECTED_POSITIVE")
    }
  }
}

extension topkloss_single_positive_options: LossOptions {
  func makeLoss() throws(Failure) -> Loss {
    SinglePositiveLoss(try SinglePositiveMethod(self), common: try common())
  }
}

final class SinglePositiveLoss: Loss {
  private let method: SinglePositiveMethod

  init(_ method: SinglePositiveMethod, common: CommonOptions) {
    self.method = method
    super.init(common: common, classes: nil)
  }

  override func nanosecondsPerRow(_ batch: Batch) -> Double { 20 + Double(batch.classes) }

  override func callBytes(_ batch: Batch) -> Int { MemoryLayout<ExpectedPositives>.stride }

  override func prepare(_ call: Call, _ result: inout topkloss_result) throws(Failure) {
    var expected = ExpectedPositives(penalty: 0, slope: 0)
    if case .expectedPositive(let target, let strength) = method {
      var counting = PositiveCounting(call: call, ignoredLabel: common.ignoredLabel)
      expected = try counting.run(target: target, strength: strength)
    }
    call.workspace.call.storeBytes(of: expected, as: ExpectedPositives.self)
  }

  override func evaluate(_ row: Row, of batch: Batch) -> Double {
    let classes = Int64(batch.classes)
    if batch.kernels.first_not_finite(row.logits, classes) >= 0 {
      if let gradient = row.gradient { batch.kernels.fill(gradient, .nan, classes) }
      return .nan
    }
    let expected = row.call.load(as: ExpectedPositives.self)
    let (share, negativeWeight) = weights(classes: Double(batch.classes))
    var kernelRow = BinaryCrossEntropyRow(
      logits: row.logits, gradient: row.gradient, classes: classes, label: Int64(row.label),
      negative_weight: negativeWeight, candidate_weight: 0,
      scores: ScoreRow(logits: row.logits, classes: classes, peak: 0, log_sum: 0),
      cut: .infinity, ties_end: 0, gradient_scale: row.gradientScale * share,
      probability_slope: row.weight * expected.slope)
    return share * batch.kernels.binary_cross_entropy(&kernelRow) + expected.penalty
  }

  /// s and w.
  private func weights(classes: Double) -> (share: Double, negativeWeight: Double) {
    switch method {
    case .assumeNegative: (1 / classes, 1)
    case .weakAssumeNegative: (1 / classes, classes > 1 ? 1 / (classes - 1) : 0)
    case .expectedPositive: (1, 0)
    }
  }
}

/// What the expected number of positives adds to the rows of a batch.
private struct ExpectedPositives {
  /// R, for every row's value.
  let penalty: Double
  /// Times v_i, the gradient of all that the R of the rows come to with respect to Σ_j f_ij.
  let slope: Double
}

/// The pass that counts positives. It lives on the calling thread's stack while it runs.
private struct PositiveCounting {
  let call: Call
  let ignoredLabel: Int64

  mutating func run(target: Double, strength: Double) throws(Failure) -> ExpectedPositives {
    let call = call
    try withUnsafeMutablePointer(to: &self) { counting throws(Failure) in
      try call.workspace.run(countPositives, counting, call.plan)
    }
    var (positives, weight, scale) = (0.0, 0.0, 0.0)
    for row in 0..<call.batch.rows where !call.workspace.rowLosses[row].isNaN {
      positives += call.batch.sampleWeight[row] * call.workspace.rowLosses[row]
      weight += call.batch.sampleWeight[row]
      scale += call.gradientScale(row)
    }
    let mean = weight == 0 ? 0 : positives / weight
    let classes = Double(call.batch.classes)
    let excess = (mean - target) / classes
    return ExpectedPositives(
      penalty: strength * excess * excess,
      slope: weight == 0 ? 0 : scale * strength * 2 * excess / classes / weight)
  }

  /// Σ_j f_ij of a piece's rows; NaN for those that do not count.
  func count(piece: Int) {
    let (batch, workspace) = (call.batch, call.workspace)
    let widened = workspace.widened(of: piece)
    for row in workspace.rows(of: piece) {
      let counts = batch.labels.classIndex(row, batch.classes, ignoredLabel) != nil
      workspace.rowLosses[row] =
        counts
        ? batch.kernels.sigmoid_sum(batch.numbers(row, in: widened), Int64(batch.classes)) : .nan
    }
  }
}

private func countPositives(_ context: UnsafeMutableRawPointer?, _ piece: Int64) {
  guard let counting = context?.assumingMemoryBound(to: PositiveCounting.self) else { return }
  counting.pointee.call.workspace.perform(piece) { counting.pointee.count(piece: $0) }
}
