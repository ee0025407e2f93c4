import CKernels
import CTopKLoss

// The softmax-margin family:
//
//   u_j = s (d_j z_j + a_j − [j = y] (b_y − λ b_{j*})),   j* = argmax_{j ≠ y} z_j
//   ℓ = w_y (1 − η) (lse(u) − u_y) + (η / C) Σ_j w_j (lse(u) − u_j)
//
// A member is a choice of s, d, a, b and λ; the sums of their rows are one kernel's.

/// What tells one member of the family from another.
struct SoftmaxMarginMember {
  /// s
  var scale = 1.0
  /// d; nil for 1.
  var classScale: ClassNumbers?
  /// a; nil for 0.
  var offset: ClassNumbers?
  /// b; nil for 0.
  var margin: ClassNumbers?
  /// λ
  var rivalShare = 0.0
}

extension SoftmaxMarginMember {
  static var crossEntropy: SoftmaxMarginMember { SoftmaxMarginMember() }

  /// a_j = τ log π_j (Menon et al., ICLR 2021).
  static func logitAdjusted(
    _ counts: ClassCounts, tau: Double
  ) throws(Failure) -> SoftmaxMarginMember {
    try checkOption(tau, "options.tau")
    return SoftmaxMarginMember(offset: try counts.logPriors(tau: tau))
  }

  /// b_c = m_max n_c^(−1/4) / max_k n_k^(−1/4) (Cao et al., NeurIPS 2019); with λ, ELM (Kato & Hotta, 2023).
  static func ldam(
    _ counts: ClassCounts, maxMargin: Double, scale: Double, rivalShare: Double = 0
  ) throws(Failure) -> SoftmaxMarginMember {
    try checkNotNegative(maxMargin, "options.max_margin")
    try checkPositive(scale, "options.scale")
    try checkOption(rivalShare, "options.lam")
    return SoftmaxMarginMember(
      scale: scale, margin: try counts.margins(max: maxMargin), rivalShare: rivalShare)
  }
}

/// Class weights w and label smoothing η, which every member takes.
struct ClassWeighting {
  /// w; nil for 1.
  let weights: ClassNumbers?
  /// q_j = (η / C) w_j; nil where all are equal.
  let smoothing: ClassNumbers?
  /// Σ q_j
  let smoothingSum: Double
  /// η
  let labelSmoothing: Double

  init(
    _ given: UnsafePointer<Double>?, classes: Int?, labelSmoothing: Double
  ) throws(Failure) {
    guard labelSmoothing >= 0 && labelSmoothing <= 1 else {
      throw Failure(
        TOPKLOSS_ERROR_OPTION,
        "options.label_smoothing is \(text(labelSmoothing)): it must be between 0 and 1")
    }
    self.labelSmoothing = labelSmoothing
    let weights = try Self.copy(given, classes)
    self.weights = weights
    guard labelSmoothing > 0, let weights else {
      smoothing = nil
      smoothingSum = labelSmoothing
      return
    }
    let share = labelSmoothing / Double(weights.count)
    let smoothing = try ClassNumbers(count: weights.count) { share * weights[$0] }
    var sum = 0.0
    for index in 0..<weights.count { sum += smoothing[index] }
    self.smoothing = smoothing
    smoothingSum = sum
  }

  private static func copy(
    _ given: UnsafePointer<Double>?, _ classes: Int?
  ) throws(Failure) -> ClassNumbers? {
    guard let given else { return nil }
    guard let classes else {
      throw Failure(
        TOPKLOSS_ERROR_SIZE, "options.classes is 0: it must be the length of class_weight")
    }
    let numbers = RowNumbers(given)
    for index in 0..<classes where !(numbers[index].isFinite && numbers[index] >= 0) {
      throw Failure(
        TOPKLOSS_ERROR_OPTION,
        "class_weight[\(index)] is \(text(numbers[index])): it must be finite and 0 or more")
    }
    return try ClassNumbers(count: classes) { numbers[$0] }
  }
}

final class SoftmaxMarginLoss: Loss {
  private let member: SoftmaxMarginMember
  private let weighting: ClassWeighting

  init(
    _ member: SoftmaxMarginMember, _ weighting: ClassWeighting, common: CommonOptions,
    classes: Int?
  ) {
    self.member = member
    self.weighting = weighting
    super.init(common: common, classes: classes)
  }

  override func weight(label: Int) -> Double { weighting.weights?[label] ?? 1 }

  override func nanosecondsPerRow(_ batch: Batch) -> Double { 20 + 0.5 * Double(batch.classes) }

  override func evaluate(_ row: Row, of batch: Batch) -> Double {
    let element = batch.element
    var kernelRow = SoftmaxMarginRow(
      logits: row.logits, gradient: row.gradient, classes: Int64(batch.classes),
      label: Int64(row.label), class_scale: member.classScale?.pointer(for: element),
      offset: member.offset?.pointer(for: element), margin: member.margin?.doubles,
      rival_share: member.rivalShare, scale: member.scale,
      hard: (1 - weighting.labelSmoothing) * weight(label: row.label),
      smoothing: weighting.smoothing?.pointer(for: element),
      smoothing_sum: weighting.smoothingSum, gradient_scale: row.gradientScale,
      next_logits: row.nextLogits, next_gradient: row.nextGradient)
    return batch.kernels.softmax_margin(&kernelRow)
  }
}
