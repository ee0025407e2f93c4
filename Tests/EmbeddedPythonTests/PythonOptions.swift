// The losses as Python has them.

/// One argument of a loss's constructor.
enum PythonOption: Encodable {
  case number(Double)
  case integer(UInt64)
  case numbers([Double])
  case text(String)
  case flag(Bool)

  func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .number(let number): try container.encode(number)
    case .integer(let integer): try container.encode(integer)
    case .numbers(let numbers): try container.encode(numbers)
    case .text(let text): try container.encode(text)
    case .flag(let flag): try container.encode(flag)
    }
  }
}

extension LossCase {
  /// The class in Python, or the function.
  var pythonName: String {
    switch kind {
    case .crossEntropy: "CrossEntropyLoss"
    case .logitAdjusted: "LogitAdjustedLoss"
    case .ldam: "LDAMLoss"
    case .elm: "ELMLoss"
    case .vectorScaling: "VectorScalingLoss"
    case .marginSoftmax: "MarginSoftmaxLoss"
    case .focal: "FocalLoss"
    case .noisedTopK: "NoisedTopKLoss"
    case .noisedTopKOperator: "noised_topk"
    case .topKHinge: "TopKHingeLoss"
    case .smoothTopKSVM: "SmoothTopKSVMLoss"
    case .outlyingMSE: "OutlyingMSELoss"
    case .twoHeadAverageK: "TwoHeadAverageKLoss"
    case .singlePositive: "SinglePositiveLoss"
    }
  }

  var pythonOptions: [String: PythonOption] {
    var options: [String: PythonOption] = ["check_finite": .flag(checksFinite)]
    if usesLabels { options["reduction"] = .text("\(reduction)") }
    if let counts {
      options["class_counts"] = .numbers(counts)
      options["count_smoothing"] = .number(countSmoothing)
    }
    if let classWeight { options["class_weight"] = .numbers(classWeight) }
    if isSoftmaxMargin { options["label_smoothing"] = .number(labelSmoothing) }
    return options.merging(ownPythonOptions) { _, own in own }
  }

  /// What only this kind of loss has.
  private var ownPythonOptions: [String: PythonOption] {
    switch kind {
    case .crossEntropy: return [:]
    case .logitAdjusted(let tau): return ["tau": .number(tau)]
    case .ldam(let maxMargin, let scale):
      return ["max_margin": .number(maxMargin), "scale": .number(scale)]
    case .elm(let maxMargin, let scale, let lam):
      return ["max_margin": .number(maxMargin), "scale": .number(scale), "lam": .number(lam)]
    case .vectorScaling(let gamma, let tau): return ["gamma": .number(gamma), "tau": .number(tau)]
    case .marginSoftmax(let choice):
      var options = ["scale": PythonOption.number(choice.scale), "lam": .number(choice.lam)]
      options["offset"] = choice.offset.map { .numbers($0) }
      options["margin"] = choice.margin.map { .numbers($0) }
      options["class_scale"] = choice.classScale.map { .numbers($0) }
      return options
    case .focal(let gamma): return ["gamma": .number(gamma)]
    case .noisedTopK(let choice):
      var options = noiseOptions(choice)
      options["margin"] = .number(choice.margin)
      options["scale"] = .number(choice.scale)
      if counts != nil { options["max_margin"] = .number(choice.maxMargin) }
      return options
    case .noisedTopKOperator(let choice): return noiseOptions(choice)
    case .topKHinge(let k, let margin):
      return ["k": .integer(UInt64(k)), "margin": .number(margin)]
    case .smoothTopKSVM(let k, let tau, let alpha):
      return ["k": .integer(UInt64(k)), "tau": .number(tau), "alpha": .number(alpha)]
    case .outlyingMSE(let alpha, let teacher):
      var options = ["alpha": PythonOption.number(alpha)]
      options["teacher"] = teacher.map { .numbers($0) }
      return options
    case .twoHeadAverageK(let choice):
      return [
        "k": .number(choice.k), "candidate_weight": .number(choice.candidateWeight),
        "multi_label_weight": .number(choice.multiLabelWeight),
        "class_reduction": .text(choice.isMean ? "mean" : "sum"),
        "threshold_decay": .number(choice.thresholdDecay),
      ]
    case .singlePositive(let choice):
      switch choice.method {
      case .assumeNegative: return ["method": .text("an")]
      case .weakAssumeNegative: return ["method": .text("wan")]
      case .expectedPositive:
        return [
          "method": .text("epr"), "expected_positives": .number(choice.expectedPositives),
          "regularization": .number(choice.regularization),
        ]
      }
    }
  }

  private func noiseOptions(_ choice: NoisedTopK) -> [String: PythonOption] {
    [
      "k": .integer(UInt64(choice.k)), "epsilon": .number(choice.epsilon),
      "n_samples": .integer(UInt64(choice.samples)), "seed": .integer(choice.seed),
      "estimator": .text(choice.isExact ? "exact" : "monte_carlo"),
    ]
  }
}
