import CDevice
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

  override func describe(_ call: inout TopkDeviceCall) {
    call.family = Int64(TOPK_DEVICE_SINGLE_POSITIVE)
    let (share, negativeWeight) = weights(classes: Double(call.classes))
    call.single_positive = DeviceSinglePositive(
      share: share, negative_weight: negativeWeight, expected: 0, strength: 0)
    if case .expectedPositive(let expected, let strength) = method {
      (call.single_positive.expected, call.single_positive.strength) = (expected, strength)
    }
  }

  override func needs(_ batch: Batch) throws(Failure) -> RowNeeds {
    RowNeeds(
      nanosecondsPerRow: 20 + Double(batch.classes),
      sharedBytes: MemoryLayout<ExpectedPositives>.stride)
  }

  override func prepare(_ call: Call, _ result: inout topkloss_result) throws(Failure) {
    var expected = ExpectedPositives(penalty: 0, slope: 0)
    if case .expectedPositive(let target, let strength) = method {
      try call.workspace.run(PositivesPass(call: call))
      expected = ExpectedPositives(call, target: target, strength: strength)
    }
    call.workspace.shared.storeBytes(of: expected, as: ExpectedPositives.self)
  }

  override func evaluate(_ row: Row, in piece: Piece, of call: Call) -> Double {
    let batch = call.head.batch
    let classes = Int64(batch.classes)
    if batch.kernels.first_not_finite(row.logits, classes) >= 0 {
      if let gradient = row.gradient { batch.kernels.fill(gradient, .nan, classes) }
      return .nan
    }
    let expected = call.workspace.shared.load(as: ExpectedPositives.self)
    let (share, negativeWeight) = weights(classes: Double(batch.classes))
    var kernelRow = BinaryCrossEntropyRow(
      logits: row.logits, gradient: row.gradient, classes: classes, label: Int64(row.label),
      negative_weight: negativeWeight, candidate_weight: 0,
      scores: ScoreRow(logits: row.logits, classes: classes, peak: 0, log_sum: 0),
      cut: .infinity, ties_end: 0, gradient_scale: row.gradientScale * share,
      probability_slope: batch.sampleWeight[row.index] * expected.slope)
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

extension ExpectedPositives {
  /// From the counts of all rows, which `PositivesPass` left.
  fileprivate init(_ call: Call, target: Double, strength: Double) {
    let (batch, counts) = (call.batch, call.workspace.rowNumbers)
    var (positives, weight, scale) = (0.0, 0.0, 0.0)
    for row in 0..<batch.rows where !counts[row].isNaN {
      positives += batch.sampleWeight[row] * counts[row]
      weight += batch.sampleWeight[row]
      scale += call.gradientScale(row)
    }
    let mean = weight == 0 ? 0 : positives / weight
    let classes = Double(batch.classes)
    let excess = (mean - target) / classes
    penalty = strength * excess * excess
    slope = weight == 0 ? 0 : scale * strength * 2 * excess / classes / weight
  }
}

/// Finds Σ_j f_ij of each row; NaN for those that do not count.
private struct PositivesPass: RowPass {
  static var task: topkloss_task { { PositivesPass.run($0, $1) } }

  let call: Call

  func work(on piece: Piece) {
    let (batch, counts) = (call.batch, call.workspace.rowNumbers)
    for row in piece.rows {
      counts[row] =
        call.label(row) == nil
        ? .nan
        : batch.kernels.sigmoid_sum(batch.numbers(row, in: piece), Int64(batch.classes))
    }
  }
}
