import CTopKLoss

extension LossCase {
  /// Creates the handle through the interface.
  func make() throws -> Loss {
    try withPointer(counts) { counts in
      try withPointer(classWeight) { try make(Vectors(counts: counts, weight: $0)) }
    }
  }

  /// The vectors of the options, for as long as a handle is created.
  private struct Vectors {
    var counts: UnsafePointer<Double>?
    var weight: UnsafePointer<Double>?
  }

  private func make(_ vectors: Vectors) throws -> Loss {
    switch kind {
    case .crossEntropy, .logitAdjusted, .ldam, .elm, .vectorScaling, .marginSoftmax, .focal:
      try makeSoftmax(vectors)
    case .noisedTopK, .noisedTopKOperator, .topKHinge, .smoothTopKSVM: try makeTopK(vectors)
    case .outlyingMSE, .twoHeadAverageK, .singlePositive: try makeOther(vectors)
    }
  }

  private func makeSoftmax(_ vectors: Vectors) throws -> Loss {
    switch kind {
    case .logitAdjusted(let tau):
      try Loss(topkloss_logit_adjusted_options_init, topkloss_logit_adjusted_create) {
        fill(&$0, vectors)
        $0.tau = tau
      }
    case .ldam(let maxMargin, let scale):
      try Loss(topkloss_ldam_options_init, topkloss_ldam_create) {
        fill(&$0, vectors)
        ($0.max_margin, $0.scale) = (maxMargin, scale)
      }
    case .elm(let maxMargin, let scale, let lam):
      try Loss(topkloss_elm_options_init, topkloss_elm_create) {
        fill(&$0, vectors)
        ($0.max_margin, $0.scale, $0.lam) = (maxMargin, scale, lam)
      }
    case .vectorScaling(let gamma, let tau):
      try Loss(topkloss_vector_scaling_options_init, topkloss_vector_scaling_create) {
        fill(&$0, vectors)
        ($0.gamma, $0.tau) = (gamma, tau)
      }
    case .marginSoftmax(let choice): try makeMarginSoftmax(choice, vectors)
    case .focal(let gamma):
      try Loss(topkloss_focal_options_init, topkloss_focal_create) {
        fillCommon(&$0)
        fillWeight(&$0, vectors.weight)
        $0.gamma = gamma
      }
    default:
      try Loss(topkloss_cross_entropy_options_init, topkloss_cross_entropy_create) {
        fillCommon(&$0)
        fillWeight(&$0, vectors.weight)
        $0.label_smoothing = labelSmoothing
      }
    }
  }

  private func makeMarginSoftmax(_ choice: MarginSoftmax, _ vectors: Vectors) throws -> Loss {
    try withPointer(choice.offset) { offset in
      try withPointer(choice.margin) { margin in
        try withPointer(choice.classScale) { classScale in
          try Loss(topkloss_margin_softmax_options_init, topkloss_margin_softmax_create) {
            fillCommon(&$0)
            fillWeight(&$0, vectors.weight)
            let given = [vectors.weight, offset, margin, classScale].compactMap { $0 }
            $0.classes = given.isEmpty ? 0 : Int64(classes)
            $0.label_smoothing = labelSmoothing
            ($0.offset, $0.margin, $0.class_scale) = (offset, margin, classScale)
            ($0.scale, $0.lam) = (choice.scale, choice.lam)
          }
        }
      }
    }
  }

  private func makeTopK(_ vectors: Vectors) throws -> Loss {
    switch kind {
    case .noisedTopKOperator(let choice):
      try Loss(topkloss_noised_topk_operator_options_init, topkloss_noised_topk_operator_create) {
        $0.check_finite = checksFinite ? 1 : 0
        ($0.k, $0.n_samples, $0.seed) = (Int64(choice.k), Int64(choice.samples), choice.seed)
        ($0.epsilon, $0.estimator) = (choice.epsilon, choice.isExact ? 1 : 0)
      }
    case .topKHinge(let k, let margin):
      try Loss(topkloss_topk_hinge_options_init, topkloss_topk_hinge_create) {
        fillCommon(&$0)
        ($0.k, $0.margin) = (Int64(k), margin)
      }
    case .smoothTopKSVM(let k, let tau, let alpha):
      try Loss(topkloss_smooth_topk_svm_options_init, topkloss_smooth_topk_svm_create) {
        fillCommon(&$0)
        ($0.k, $0.tau, $0.alpha) = (Int64(k), tau, alpha)
      }
    default:
      try Loss(topkloss_noised_topk_options_init, topkloss_noised_topk_create) {
        guard case .noisedTopK(let choice) = kind else { return }
        fillCommon(&$0)
        ($0.k, $0.n_samples, $0.seed) = (Int64(choice.k), Int64(choice.samples), choice.seed)
        ($0.epsilon, $0.margin, $0.scale) = (choice.epsilon, choice.margin, choice.scale)
        if vectors.counts != nil { fillCounts(&$0, vectors.counts) }
        ($0.max_margin, $0.estimator) = (choice.maxMargin, choice.isExact ? 1 : 0)
      }
    }
  }

  private func makeOther(_ vectors: Vectors) throws -> Loss {
    switch kind {
    case .outlyingMSE(let alpha, let teacher):
      try withPointer(teacher) { teacher in
        try Loss(topkloss_outlying_mse_options_init, topkloss_outlying_mse_create) {
          fillCommon(&$0)
          fillCounts(&$0, vectors.counts)
          ($0.alpha, $0.teacher) = (alpha, teacher)
        }
      }
    case .twoHeadAverageK(let choice):
      try Loss(topkloss_two_head_average_k_options_init, topkloss_two_head_average_k_create) {
        fillCommon(&$0)
        ($0.k, $0.candidate_weight) = (choice.k, choice.candidateWeight)
        ($0.multi_label_weight, $0.threshold_decay) =
          (choice.multiLabelWeight, choice.thresholdDecay)
        $0.class_reduction = choice.isMean ? 1 : 0
      }
    default:
      try Loss(topkloss_single_positive_options_init, topkloss_single_positive_create) {
        guard case .singlePositive(let choice) = kind else { return }
        fillCommon(&$0)
        $0.method = choice.method.rawValue
        $0.expected_positives = choice.expectedPositives
        $0.regularization = choice.regularization
      }
    }
  }

  private func fillCommon<Options: LossOptions>(_ options: inout Options) {
    options.reduction = reduction.rawValue
    options.check_finite = checksFinite ? 1 : 0
    options.ignore_index = ignoreIndex
  }

  private func fillCounts<Options: CountedOptions>(
    _ options: inout Options, _ counts: UnsafePointer<Double>?
  ) {
    options.classes = Int64(classes)
    options.class_counts = counts
    options.count_smoothing = countSmoothing
  }

  private func fillWeight<Options: WeightedOptions>(
    _ options: inout Options, _ weight: UnsafePointer<Double>?
  ) {
    options.classes = weight == nil ? 0 : Int64(classes)
    options.class_weight = weight
  }

  /// Everything that the losses with counts, weights and label smoothing share.
  private func fill<Options: CountedOptions & SmoothedOptions>(
    _ options: inout Options, _ vectors: Vectors
  ) {
    fillCommon(&options)
    fillWeight(&options, vectors.weight)
    fillCounts(&options, vectors.counts)
    options.label_smoothing = labelSmoothing
  }
}
