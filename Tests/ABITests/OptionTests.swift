import Testing

// Options outside their range, at creation. The table says for each what is set and what the
// message must name.

struct BadOption: Sendable, CustomStringConvertible {
  var loss: LossCase
  var status = Status.option
  /// The member, its value, and its bound.
  var words: [String]

  init(_ loss: LossCase, _ words: String..., status: Status = .option) {
    self.loss = loss
    self.words = words
    self.status = status
  }

  var description: String { "\(words)" }
}

@Suite struct `Options outside their range are refused` {
  private static let plain = LossCase(kind: .crossEntropy, classes: 3)

  private static func counted(_ kind: LossCase.Kind) -> LossCase {
    LossCase(kind: kind, classes: 3, counts: [3, 2, 1])
  }

  private static let counted = [
    counted(.logitAdjusted(tau: 1)), counted(.ldam(maxMargin: 0.5, scale: 30)),
    counted(.elm(maxMargin: 0.5, scale: 30, lam: 1)), counted(.vectorScaling(gamma: 0.3, tau: 1)),
  ]

  /// Those with class weights.
  private static let weighted =
    [plain, LossCase(kind: .marginSoftmax(.init()), classes: 3)] + counted

  private static func noised(
    _ change: (inout LossCase.NoisedTopK) -> Void, counts: [Double]? = nil
  ) -> LossCase {
    var options = LossCase.NoisedTopK()
    change(&options)
    return LossCase(kind: .noisedTopK(options), classes: 3, counts: counts)
  }

  private static func focal(_ gamma: Double) -> LossCase {
    LossCase(kind: .focal(gamma: gamma), classes: 3)
  }

  private static func outlying(alpha: Double = 1, teacher: [Double]? = nil) -> LossCase {
    counted(.outlyingMSE(alpha: alpha, teacher: teacher))
  }

  static let smoothing: [BadOption] = weighted.flatMap { loss in
    [
      BadOption(loss.with { $0.labelSmoothing = -0.25 }, "label_smoothing", "-0.25", "0", "1"),
      BadOption(loss.with { $0.labelSmoothing = 1.5 }, "label_smoothing", "1.5", "0", "1"),
      BadOption(loss.with { $0.labelSmoothing = .nan }, "label_smoothing", "nan"),
      BadOption(loss.with { $0.labelSmoothing = .infinity }, "label_smoothing", "inf"),
    ]
  }

  static let weights: [BadOption] = (weighted + [focal(2)]).flatMap { loss in
    [
      BadOption(loss.with { $0.classWeight = [1, -2, 1] }, "class_weight[1]", "-2", "0"),
      BadOption(loss.with { $0.classWeight = [1, 1, .nan] }, "class_weight[2]", "nan"),
      BadOption(loss.with { $0.classWeight = [.infinity, 1, 1] }, "class_weight[0]", "inf"),
    ]
  }

  static let counts: [BadOption] = (counted + [noised({ _ in }, counts: [3, 2, 1]), outlying()])
    .flatMap {
      loss in
      [
        BadOption(
          loss.with { $0.counts = [3, 0, 1] }, "class_counts[1]", "0", status: .classCount),
        BadOption(
          loss.with { $0.counts = [3, 2, -4] }, "class_counts[2]", "-4", status: .classCount),
        BadOption(
          loss.with { $0.counts = [.nan, 2, 1] }, "class_counts[0]", "nan", status: .classCount),
        BadOption(
          loss.with { $0.counts = [3, .infinity, 1] }, "class_counts[1]", "inf",
          status: .classCount),
        BadOption(loss.with { $0.countSmoothing = -0.5 }, "count_smoothing", "-0.5", "0"),
        BadOption(loss.with { $0.countSmoothing = .nan }, "count_smoothing", "nan"),
        BadOption(loss.with { $0.countSmoothing = .infinity }, "count_smoothing", "inf"),
      ]
    }

  static let parameters: [BadOption] = [
    BadOption(counted(.logitAdjusted(tau: .nan)), "tau", "nan", "finite"),
    BadOption(counted(.logitAdjusted(tau: -.infinity)), "tau", "-inf", "finite"),
    BadOption(counted(.ldam(maxMargin: -1, scale: 30)), "max_margin", "-1", "0"),
    BadOption(counted(.ldam(maxMargin: .nan, scale: 30)), "max_margin", "nan"),
    BadOption(counted(.ldam(maxMargin: 0.5, scale: 0)), "scale", "0"),
    BadOption(counted(.ldam(maxMargin: 0.5, scale: -3)), "scale", "-3", "0"),
    BadOption(counted(.ldam(maxMargin: 0.5, scale: .infinity)), "scale", "inf"),
    BadOption(counted(.elm(maxMargin: -1, scale: 30, lam: 1)), "max_margin", "-1", "0"),
    BadOption(counted(.elm(maxMargin: 0.5, scale: 0, lam: 1)), "scale", "0"),
    BadOption(counted(.elm(maxMargin: 0.5, scale: 30, lam: .nan)), "lam", "nan", "finite"),
    BadOption(counted(.elm(maxMargin: 0.5, scale: 30, lam: .infinity)), "lam", "inf"),
    BadOption(noised { $0.k = 0 }, "k", "0", "1"),
    BadOption(noised { $0.k = -7 }, "k", "-7", "1"),
    BadOption(noised({ $0.k = 3 }, counts: [3, 2, 1]), "k is 3", "classes is 3"),
    BadOption(noised { $0.samples = 0 }, "n_samples", "0", "1", "1000000"),
    BadOption(noised { $0.samples = -1 }, "n_samples", "-1", "1", "1000000"),
    BadOption(noised { $0.samples = 1_000_001 }, "n_samples", "1000001", "1000000"),
    BadOption(noised { $0.epsilon = -0.5 }, "epsilon", "-0.5", "0"),
    BadOption(noised { $0.epsilon = .nan }, "epsilon", "nan"),
    BadOption(noised { $0.epsilon = .infinity }, "epsilon", "inf"),
    BadOption(noised { $0.margin = .nan }, "margin", "nan"),
    BadOption(noised { $0.margin = -.infinity }, "margin", "-inf"),
    BadOption(noised { $0.scale = 0 }, "scale", "0"),
    BadOption(noised { $0.scale = -1 }, "scale", "-1", "0"),
    BadOption(noised({ $0.maxMargin = -1 }, counts: [3, 2, 1]), "max_margin", "-1", "0"),
    BadOption(noised({ $0.maxMargin = .nan }, counts: [3, 2, 1]), "max_margin", "nan"),
  ]

  static let numberOfClasses: [BadOption] = counted.flatMap { loss in
    [
      BadOption(loss.with { $0.classes = 0 }, "classes", "0", "1", status: .size),
      BadOption(loss.with { $0.classes = -5 }, "classes", "-5", "1", status: .size),
      BadOption(loss.with { $0.classes = .max }, "classes", "\(Int.max)", status: .size),
    ]
  }

  @Test(arguments: smoothing + weights)
  func `label smoothing and class weights`(option: BadOption) {
    expectFailure(option.status, naming: option.words) { _ = try option.loss.make() }
  }

  @Test(arguments: counts)
  func `class counts`(option: BadOption) {
    expectFailure(option.status, naming: option.words) { _ = try option.loss.make() }
  }

  @Test(arguments: parameters)
  func `parameters of one loss`(option: BadOption) {
    expectFailure(option.status, naming: option.words) { _ = try option.loss.make() }
  }

  @Test(arguments: numberOfClasses)
  func `numbers of classes`(option: BadOption) {
    expectFailure(option.status, naming: option.words) { _ = try option.loss.make() }
  }

  @Test func `a count of zero is welcome once something is added to it`() throws {
    for loss in Self.counted {
      _ = try loss.with {
        $0.counts = [3, 0, 1]
        $0.countSmoothing = 1
      }.make()
    }
  }

  @Test func `the ends of the ranges are in them`() throws {
    let ends = [
      Self.plain.with { $0.labelSmoothing = 0 }, Self.plain.with { $0.labelSmoothing = 1 },
      Self.plain.with { $0.classWeight = [0, 0, 0] },
      Self.counted(.ldam(maxMargin: 0, scale: 1e-3)),
      Self.counted(.elm(maxMargin: 0, scale: 1, lam: -3)),
      Self.noised { $0.samples = 1_000_000 }, Self.noised { $0.epsilon = 0 },
      Self.noised({ $0.k = 2 }, counts: [3, 2, 1]), Self.noised { $0.margin = -5 },
    ]
    for loss in ends { _ = try loss.make() }
  }
}
