import CSystem
import CTopKLoss

// The members of the softmax-margin family: from the options of each to s, d, a, b, λ and γ.

extension topkloss_cross_entropy_options: LossOptions {
  func makeLoss() throws(Failure) -> Loss {
    try softmaxMargin(SoftmaxMarginMember(), labelSmoothing: label_smoothing)
  }
}

extension topkloss_logit_adjusted_options: LossOptions {
  /// a_j = τ log π_j (Menon et al., ICLR 2021).
  func makeLoss() throws(Failure) -> Loss {
    try checkOption(tau, "options.tau")
    let offset = try counts().logPriors(tau: tau)
    return try softmaxMargin(SoftmaxMarginMember(offset: offset), labelSmoothing: label_smoothing)
  }
}

extension topkloss_ldam_options: LossOptions {
  /// b_c = m_max n_c^(−1/4) / max_k n_k^(−1/4) (Cao et al., NeurIPS 2019).
  func makeLoss() throws(Failure) -> Loss {
    try checkNotNegative(max_margin, "options.max_margin")
    try checkPositive(scale, "options.scale")
    let margin = try counts().margins(max: max_margin)
    return try softmaxMargin(
      SoftmaxMarginMember(scale: scale, margin: margin), labelSmoothing: label_smoothing)
  }
}

extension topkloss_elm_options: LossOptions {
  /// LDAM with the strongest rival's margin, times λ (Kato & Hotta, 2023).
  func makeLoss() throws(Failure) -> Loss {
    try checkNotNegative(max_margin, "options.max_margin")
    try checkPositive(scale, "options.scale")
    try checkOption(lam, "options.lam")
    let margin = try counts().margins(max: max_margin)
    return try softmaxMargin(
      SoftmaxMarginMember(scale: scale, margin: margin, lam: lam),
      labelSmoothing: label_smoothing)
  }
}

extension topkloss_vector_scaling_options: LossOptions {
  /// d_j = (n_j / n_max)^γ, a_j = τ log π_j (Kini et al., NeurIPS 2021).
  func makeLoss() throws(Failure) -> Loss {
    try checkNotNegative(gamma, "options.gamma")
    try checkOption(tau, "options.tau")
    let counts = try counts()
    let classScale = try ClassNumbers(count: counts.count) {
      pow(counts[$0] / counts.largest, gamma)
    }
    for index in 0..<counts.count where !(classScale[index] >= OptionRange.smallest) {
      throw Failure(
        TOPKLOSS_ERROR_OPTION,
        "options.gamma is \(text(gamma)): it makes the scale of class \(index) "
          + "\(text(classScale[index])), and the least is 1e-15")
    }
    return try softmaxMargin(
      SoftmaxMarginMember(classScale: classScale, offset: try counts.logPriors(tau: tau)),
      labelSmoothing: label_smoothing)
  }
}

extension topkloss_margin_softmax_options: LossOptions {
  /// Every vector the caller's (Menon et al., ICLR 2021, section 4).
  func makeLoss() throws(Failure) -> Loss {
    try checkPositive(scale, "options.scale")
    try checkOption(lam, "options.lam")
    let classes = try classesOfVectors()
    var classScale = try ClassNumbers(copying: class_scale, classes, "class_scale", .positive)
    var offset = try ClassNumbers(copying: offset, classes, "offset", .ofAnySign)
    var margin = try ClassNumbers(copying: margin, classes, "margin", .ofAnySign)
    var unit = 1.0
    if let scales = classScale {
      // s (d z + a) = (s t) ((d / t) z + a / t): with a power of two t no d above 1, so that no d z overflows.
      while unit < scales.largest { unit *= 2 }
      classScale = try scales.divided(by: unit)
      if offset == nil { offset = try ClassNumbers(count: scales.count) { _ in 0 } }
      offset = try offset?.divided(by: unit)
      margin = try margin?.divided(by: unit)
    }
    return try softmaxMargin(
      SoftmaxMarginMember(
        scale: scale * unit, classScale: classScale, offset: offset, margin: margin, lam: lam),
      labelSmoothing: label_smoothing)
  }
}

extension topkloss_seesaw_options: LossOptions {
  /// m_j = p log n_j, and rivals compared with max(σ_y, 0.01) (Wang et al., CVPR 2021).
  func makeLoss() throws(Failure) -> Loss {
    try checkNotNegative(p, "options.p")
    try checkNotNegative(q, "options.q")
    let mitigation = try counts().logPriors(tau: p)
    return try softmaxMargin(
      SoftmaxMarginMember(mitigation: mitigation, compensation: q),
      labelSmoothing: label_smoothing)
  }
}

extension topkloss_focal_options: LossOptions {
  /// (1 − p_y)^γ times cross-entropy (Lin et al., ICCV 2017).
  func makeLoss() throws(Failure) -> Loss {
    try checkNotNegative(gamma, "options.gamma")
    return try softmaxMargin(SoftmaxMarginMember(focalGamma: gamma), labelSmoothing: 0)
  }
}

extension WeightedOptions where Self: ReducedOptions {
  /// The length of the vectors; nil if there are none.
  fileprivate func classesOfVectors() throws(Failure) -> Int? {
    let count = try checkedSize(classes, "options.classes", atLeast: 0)
    return count == 0 ? nil : count
  }

  /// The member's loss, with the class weights and the label smoothing that all members take.
  fileprivate func softmaxMargin(
    _ member: SoftmaxMarginMember, labelSmoothing: Double
  ) throws(Failure) -> Loss {
    let common = try common()
    let classes = try classesOfVectors()
    let weighting = try ClassWeighting(
      class_weight, classes: classes, labelSmoothing: labelSmoothing)
    return SoftmaxMarginLoss(member, weighting, common: common, classes: classes)
  }
}
