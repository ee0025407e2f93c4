// In what the losses differ, as far as tests of all of them need to know.

extension LossCase {
  /// The loss as the interface names it, with its method or estimator.
  var name: String {
    switch kind {
    case .crossEntropy: "cross_entropy"
    case .logitAdjusted: "logit_adjusted"
    case .ldam: "ldam"
    case .elm: "elm"
    case .vectorScaling: "vector_scaling"
    case .marginSoftmax: "margin_softmax"
    case .focal: "focal"
    case .noisedTopK(let options): options.isExact ? "noised_topk, exact" : "noised_topk"
    case .noisedTopKOperator(let options):
      options.isExact ? "noised_topk_operator, exact" : "noised_topk_operator"
    case .topKHinge: "topk_hinge"
    case .smoothTopKSVM: "smooth_topk_svm"
    case .outlyingMSE: "outlying_mse"
    case .twoHeadAverageK: "two_head_average_k"
    case .singlePositive(let options): "single_positive, \(options.method)"
    }
  }

  var usesLabels: Bool {
    if case .noisedTopKOperator = kind { return false }
    return true
  }

  /// Whether there is no such loss without class counts.
  var needsCounts: Bool {
    switch kind {
    case .logitAdjusted, .ldam, .elm, .vectorScaling: true
    case .outlyingMSE(_, let teacher): teacher == nil
    default: false
    }
  }

  /// Whether it is cross-entropy of a transformed row, which all members of the family are.
  var isSoftmaxMargin: Bool {
    switch kind {
    case .crossEntropy, .logitAdjusted, .ldam, .elm, .vectorScaling, .marginSoftmax: true
    default: false
    }
  }

  /// Whether a row whose own label is masked out is lost, and the other classes' gradient is as usual.
  var isCrossEntropy: Bool {
    if case .focal = kind { return true }
    return isSoftmaxMargin
  }

  /// Whether a shift of all logits changes nothing.
  var gradientSumsToZero: Bool {
    switch kind {
    case .crossEntropy, .logitAdjusted, .ldam, .elm, .focal, .topKHinge, .smoothTopKSVM,
      .twoHeadAverageK:
      true
    default: false
    }
  }

  /// The noise's options, where there is noise.
  var noise: NoisedTopK? {
    switch kind {
    case .noisedTopK(let options), .noisedTopKOperator(let options): options
    default: nil
    }
  }

  /// Whether it draws noise.
  var isSampled: Bool { noise.map { !$0.isExact } ?? false }

  /// Whether its expectation is taken by quadrature, for which the reference takes long.
  var isExact: Bool { noise?.isExact ?? false }

  /// Whether a row's loss depends on the other rows, so that a batch cannot be evaluated in parts.
  var dependsOnBatch: Bool {
    switch kind {
    case .twoHeadAverageK: true
    case .singlePositive(let options): options.method == .expectedPositive
    default: false
    }
  }

  var hasTwoHeads: Bool {
    if case .twoHeadAverageK = kind { return true }
    return false
  }

  /// What the logits are multiplied by, at least 1.
  var scale: Double {
    switch kind {
    case .ldam(_, let scale), .elm(_, let scale, _): max(1, scale)
    case .marginSoftmax(let options): max(1, options.scale * (options.classScale?.max() ?? 1))
    case .noisedTopK(let options): max(1, options.scale)
    case .smoothTopKSVM(_, let tau, _): max(1, 1 / tau)
    default: 1
    }
  }

  /// The error that the estimator is allowed, beside roundings, in a row's value before its scale and in an entry
  /// of its gradient.
  func estimatorError(_ problem: Problem) -> Double {
    guard isExact, let noise else { return 0 }
    let largest = problem.logits.lazy.filter(\.isFinite).map(abs).max() ?? 0
    let bound = problem.type == .float64 ? 1e-10 : 1e-5
    return bound * max(noise.epsilon, 1e-3, 0.01 * largest)
  }

  /// How large the numbers inside the loss get, which is what rounding errors are relative to.
  func magnitude(_ problem: Problem) -> Double {
    let largest = problem.logits.lazy.filter(\.isFinite).map(abs).max() ?? 0
    let weights = [classWeight ?? [1], problem.sampleWeight ?? [1]].map { $0.map(abs).max() ?? 1 }
    return (1 + magnitude(logit: largest)) * weights[0] * weights[1]
  }

  private func magnitude(logit: Double) -> Double {
    switch kind {
    case .crossEntropy, .topKHinge(_, _): return logit + 1
    case .logitAdjusted(let tau), .vectorScaling(_, let tau): return logit + 20 * abs(tau)
    case .ldam(let maxMargin, let scale): return scale * (logit + maxMargin)
    case .elm(let maxMargin, let scale, let lam):
      return scale * (logit + maxMargin * (1 + abs(lam)))
    case .marginSoftmax(let options):
      let largest = [options.offset, options.margin].map { $0?.map(abs).max() ?? 0 }
      let shift = largest[0] + largest[1] * (1 + abs(options.lam))
      return scale * (logit + shift)
    case .focal(let gamma): return (1 + gamma) * (logit + 5)
    case .noisedTopK(let options), .noisedTopKOperator(let options):
      return options.scale * (logit + abs(options.margin) + 7 * options.epsilon)
    case .smoothTopKSVM(let k, let tau, let alpha):
      return logit + abs(alpha) + 8 * tau * Double(k)
    case .outlyingMSE(let alpha, let teacher):
      let furthest = teacher.map { $0.map(abs).max() ?? 0 } ?? alpha * Double(classes)
      return (logit + furthest) * (logit + furthest)
    case .twoHeadAverageK(let options):
      let terms = options.isMean ? 1 : Double(classes)
      let multiLabel = options.multiLabelWeight * max(1, options.candidateWeight)
      return (logit + 5) * (1 + multiLabel * terms / 4)
    case .singlePositive(let options):
      let share = max(1, options.expectedPositives / Double(classes))
      return logit + 1 + options.regularization * share * share
    }
  }
}
