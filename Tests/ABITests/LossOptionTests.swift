import CTopKLoss
import Testing

// Options of one loss alone that are outside their range.

@Suite struct `Options of single losses outside their range are refused` {
  private static func loss(_ kind: LossCase.Kind) -> LossCase { LossCase(kind: kind, classes: 3) }

  private static func scaled(_ gamma: Double, tau: Double = 1) -> LossCase {
    LossCase(kind: .vectorScaling(gamma: gamma, tau: tau), classes: 3, counts: [3, 2, 1])
  }

  private static func margins(_ change: (inout LossCase.MarginSoftmax) -> Void) -> LossCase {
    var options = LossCase.MarginSoftmax()
    change(&options)
    return loss(.marginSoftmax(options))
  }

  static let softmax: [BadOption] = [
    BadOption(scaled(-0.25), "gamma", "-0.25", "0"),
    BadOption(scaled(.nan), "gamma", "nan"), BadOption(scaled(.infinity), "gamma", "inf"),
    BadOption(scaled(0.3, tau: .nan), "tau", "nan"),
    BadOption(scaled(0.3, tau: -2e15), "tau", "-2e+15"),
    // (1/3)^200 is far below 1e-15.
    BadOption(scaled(200), "gamma", "200"),
    BadOption(margins { $0.offset = [0, .nan, 0] }, "offset[1]", "nan"),
    BadOption(margins { $0.offset = [0, 0, -2e15] }, "offset[2]", "-2e+15"),
    BadOption(margins { $0.margin = [.infinity, 0, 0] }, "margin[0]", "inf"),
    BadOption(margins { $0.classScale = [1, 0, 1] }, "class_scale[1]", "0"),
    BadOption(margins { $0.classScale = [1, 1, -1] }, "class_scale[2]", "-1"),
    BadOption(margins { $0.classScale = [.nan, 1, 1] }, "class_scale[0]", "nan"),
    BadOption(margins { $0.scale = 0 }, "scale", "0"),
    BadOption(margins { $0.scale = 2e15 }, "scale", "2e+15"),
    BadOption(margins { $0.lam = .nan }, "lam", "nan"),
    BadOption(loss(.focal(gamma: -1)), "gamma", "-1", "0"),
    BadOption(loss(.focal(gamma: .nan)), "gamma", "nan"),
    BadOption(loss(.focal(gamma: 2e15)), "gamma", "2e+15"),
  ]

  private static func ranked(_ change: (inout LossCase.NoisedTopK) -> Void) -> LossCase {
    var options = LossCase.NoisedTopK()
    change(&options)
    return loss(.noisedTopKOperator(options))
  }

  static let topK: [BadOption] = [
    BadOption(ranked { $0.k = 0 }, "k", "0", "1"), BadOption(ranked { $0.k = -7 }, "k", "-7", "1"),
    BadOption(ranked { $0.samples = 0 }, "n_samples", "0", "1"),
    BadOption(ranked { $0.samples = 1_000_001 }, "n_samples", "1000001", "1000000"),
    BadOption(ranked { $0.epsilon = -0.5 }, "epsilon", "-0.5", "0"),
    BadOption(ranked { ($0.epsilon, $0.isExact) = (.nan, true) }, "epsilon", "nan"),
    BadOption(loss(.topKHinge(k: 0, margin: 1)), "k", "0", "1"),
    BadOption(loss(.topKHinge(k: .min, margin: 1)), "k", "\(Int.min)", "1"),
    BadOption(loss(.topKHinge(k: 1, margin: .nan)), "margin", "nan"),
    BadOption(loss(.topKHinge(k: 1, margin: -2e15)), "margin", "-2e+15"),
    BadOption(loss(.smoothTopKSVM(k: 0, tau: 1, alpha: 1)), "k", "0", "1"),
    BadOption(loss(.smoothTopKSVM(k: 1, tau: 0, alpha: 1)), "tau", "0"),
    BadOption(loss(.smoothTopKSVM(k: 1, tau: -1, alpha: 1)), "tau", "-1"),
    BadOption(loss(.smoothTopKSVM(k: 1, tau: .nan, alpha: 1)), "tau", "nan"),
    BadOption(loss(.smoothTopKSVM(k: 1, tau: 1, alpha: .infinity)), "alpha", "inf"),
  ]

  private static func twoHead(_ change: (inout LossCase.TwoHead) -> Void) -> LossCase {
    var options = LossCase.TwoHead()
    change(&options)
    return loss(.twoHeadAverageK(options))
  }

  private static func expected(_ positives: Double, _ share: Double) -> LossCase {
    loss(
      .singlePositive(
        .init(
          method: .expectedPositive, expectedPositives: positives, regularization: share)))
  }

  static let others: [BadOption] = [
    BadOption(loss(.outlyingMSE(alpha: 0, teacher: nil)), "alpha", "0"),
    BadOption(loss(.outlyingMSE(alpha: .nan, teacher: nil)), "alpha", "nan"),
    BadOption(loss(.outlyingMSE(alpha: 1, teacher: [1, .nan, 3])), "teacher[1]", "nan"),
    BadOption(loss(.outlyingMSE(alpha: 1, teacher: [1, 2, -2e15])), "teacher[2]", "-2e+15"),
    BadOption(twoHead { $0.k = 0 }, "k", "0"), BadOption(twoHead { $0.k = -1 }, "k", "-1"),
    BadOption(twoHead { $0.k = .nan }, "k", "nan"), BadOption(twoHead { $0.k = .infinity }, "k"),
    BadOption(twoHead { $0.candidateWeight = -1 }, "candidate_weight", "-1"),
    BadOption(twoHead { $0.candidateWeight = .nan }, "candidate_weight", "nan"),
    BadOption(twoHead { $0.multiLabelWeight = -0.5 }, "multi_label_weight", "-0.5"),
    BadOption(twoHead { $0.multiLabelWeight = .infinity }, "multi_label_weight", "inf"),
    BadOption(twoHead { $0.thresholdDecay = -0.5 }, "threshold_decay", "-0.5"),
    BadOption(twoHead { $0.thresholdDecay = 1 }, "threshold_decay", "1"),
    BadOption(twoHead { $0.thresholdDecay = .nan }, "threshold_decay", "nan"),
    BadOption(expected(0, 1), "expected_positives", "0"),
    BadOption(expected(-1, 1), "expected_positives", "-1"),
    BadOption(expected(.nan, 1), "expected_positives", "nan"),
    BadOption(expected(1, -1), "regularization", "-1"),
    BadOption(expected(1, .infinity), "regularization", "inf"),
  ]

  @Test(arguments: softmax + topK + others)
  func `one by one`(option: BadOption) {
    expectFailure(option.status, naming: option.words) { _ = try option.loss.make() }
  }

  static let noClasses = [
    LossCase(kind: .vectorScaling(gamma: 0.3, tau: 1), classes: 0, counts: [1]),
    LossCase(kind: .outlyingMSE(alpha: 1, teacher: nil), classes: -5, counts: [1]),
    LossCase(kind: .outlyingMSE(alpha: 1, teacher: [1]), classes: 0),
  ]

  @Test(arguments: noClasses)
  func `numbers of classes`(loss: LossCase) {
    expectFailure(.size, naming: ["classes", "\(loss.classes)", "1"]) { _ = try loss.make() }
  }

  static let tooManyRanks: [LossCase.Kind] = [
    .noisedTopK(.init(k: 3)), .noisedTopK(.init(k: 3, isExact: true)),
    .topKHinge(k: 3, margin: 1), .smoothTopKSVM(k: 3, tau: 1, alpha: 1),
    .twoHeadAverageK(.init(k: 3)),
  ]

  @Test func `a K that leaves no class out, when the batch tells how many there are`() throws {
    for kind in Self.tooManyRanks {
      let stage = try Stage(Problem(random: 1, rows: 2, classes: 3))
      expectFailure(.option, naming: ["k is 3", "classes", "3"]) {
        try stage.evaluate(Self.loss(kind).make())
      }
      #expect(stage.outputsAreUntouched)
    }
    let stage = try Stage(Problem(random: 1, rows: 2, classes: 3))
    expectFailure(.option, naming: ["k is 4", "classes is 3"]) {
      try stage.evaluate(Self.loss(.noisedTopKOperator(.init(k: 4, isExact: true))).make())
    }
    #expect(stage.outputsAreUntouched)
  }

  @Test func `a threshold from the batch before that is none is refused if it is read`() throws {
    for threshold in [Double.nan, -.infinity, -0.5] {
      var problem = Problem(random: 1, rows: 2, classes: 3)
      problem.threshold = threshold
      let stage = try Stage(problem)
      expectFailure(.option, naming: ["threshold"]) {
        try stage.evaluate(Self.twoHead { $0.thresholdDecay = 0.5 }.make())
      }
      #expect(stage.result.value == Stage.unwritten && stage.gradient.isUntouched)
      try stage.evaluate(Self.twoHead { $0.thresholdDecay = 0 }.make())
      #expect(stage.result.threshold > 0)
    }
  }

  @Test func `the ends of the ranges are in them`() throws {
    let ends = [
      Self.scaled(0), Self.scaled(0.3, tau: 1e15),
      Self.margins { $0.classScale = [1e-15, 1, 1e15] },
      Self.margins { ($0.offset, $0.margin) = ([-1e15, 0, 1e15], [1e15, 0, -1e15]) },
      Self.margins { ($0.scale, $0.lam) = (1e-15, -1e15) }, Self.loss(.focal(gamma: 0)),
      Self.loss(.focal(gamma: 1e15)), Self.loss(.topKHinge(k: 2, margin: -1e15)),
      Self.loss(.smoothTopKSVM(k: 2, tau: 1e-15, alpha: -1e15)),
      Self.loss(.smoothTopKSVM(k: 2, tau: 1e15, alpha: 1e15)),
      Self.loss(.outlyingMSE(alpha: 1e-15, teacher: [0, -1e15, 1e15])),
      Self.twoHead { ($0.k, $0.candidateWeight, $0.multiLabelWeight) = (1e-300, 0, 0) },
      Self.twoHead { ($0.k, $0.thresholdDecay) = (2.999, 0.999) },
      Self.expected(1e-300, 0), Self.expected(1e15, 1e15),
    ]
    for loss in ends {
      // Whatever comes of it, the call returns.
      let stage = try loss.evaluate(Problem(random: 1, rows: 2, classes: 3))
      #expect(!stage.surroundingsAreUntouched || stage.result.value != Stage.unwritten)
    }
  }

  @Test func `what means nothing to a method or an estimator is not looked at`() throws {
    var odd = LossCase.SinglePositive()
    odd.expectedPositives = 0
    _ = try Self.loss(.singlePositive(odd)).make()
    // With a teacher, counts need not be there.
    _ = try Self.loss(.outlyingMSE(alpha: 1, teacher: [1, 2, 3])).make()
  }
}
