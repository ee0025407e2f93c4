extension LossCase {
  /// Every loss with options of every kind, for `classes` classes (2 or more).
  static func table(classes: Int) -> [LossCase] {
    softmaxTable(classes) + topKTable(classes) + otherTable(classes)
  }

  /// The first of each kind, where the options do not matter.
  static func kinds(classes: Int) -> [LossCase] {
    var names: Set<String> = []
    return table(classes: classes).filter { names.insert($0.name).inserted }
  }

  private static func softmaxTable(_ classes: Int) -> [LossCase] {
    let counts = longTail(classes)
    var random = Random(seed: 7)
    let weight = random.uniforms(classes, in: 0.25...4)
    func counted(_ kind: Kind) -> LossCase {
      LossCase(kind: kind, classes: classes, counts: counts)
    }
    let plain = LossCase(kind: .crossEntropy, classes: classes)
    let weighted = plain.with { $0.classWeight = weight }
    let vectors = MarginSoftmax(
      offset: random.normals(classes), margin: random.uniforms(classes, in: -0.5...0.5),
      classScale: random.uniforms(classes, in: 0.25...1.5), scale: 3, lam: 0.5)
    return [
      plain, weighted, plain.with { $0.labelSmoothing = 0.1 },
      weighted.with { $0.labelSmoothing = 0.25 }, plain.with { $0.labelSmoothing = 1 },
      counted(.logitAdjusted(tau: 1)), counted(.logitAdjusted(tau: -0.5)),
      counted(.logitAdjusted(tau: 1)).with {
        $0.counts = counts.enumerated().map { $0.offset % 3 == 2 ? 0 : $0.element }
        $0.countSmoothing = 1.5
        $0.classWeight = weight
      },
      counted(.ldam(maxMargin: 0.5, scale: 30)),
      counted(.ldam(maxMargin: 0.25, scale: 8)).with {
        ($0.classWeight, $0.labelSmoothing) = (weight, 0.1)
      },
      counted(.elm(maxMargin: 0.5, scale: 30, lam: 1)),
      counted(.elm(maxMargin: 1, scale: 4, lam: 0.5)).with {
        ($0.classWeight, $0.labelSmoothing, $0.countSmoothing) = (weight, 0.2, 10)
      },
      counted(.vectorScaling(gamma: 0.3, tau: 1)),
      counted(.vectorScaling(gamma: 1, tau: -0.5)).with {
        ($0.classWeight, $0.labelSmoothing, $0.countSmoothing) = (weight, 0.1, 3)
      },
      LossCase(kind: .marginSoftmax(vectors), classes: classes),
      LossCase(kind: .marginSoftmax(MarginSoftmax(scale: 2)), classes: classes),
      LossCase(
        kind: .marginSoftmax(MarginSoftmax(classScale: vectors.classScale)), classes: classes,
        classWeight: weight, labelSmoothing: 0.2),
      LossCase(kind: .focal(gamma: 2), classes: classes),
      LossCase(kind: .focal(gamma: 0.5), classes: classes, classWeight: weight),
      LossCase(kind: .focal(gamma: 0), classes: classes),
    ]
  }

  private static func topKTable(_ classes: Int) -> [LossCase] {
    let largestK = classes - 1
    func some(_ k: Int) -> Int { min(k, largestK) }
    func noised(_ options: NoisedTopK, counts: [Double]? = nil) -> LossCase {
      LossCase(kind: .noisedTopK(options), classes: classes, counts: counts)
    }
    func ranked(_ options: NoisedTopK) -> LossCase {
      LossCase(kind: .noisedTopKOperator(options), classes: classes)
    }
    func other(_ kind: Kind) -> LossCase { LossCase(kind: kind, classes: classes) }
    return [
      noised(NoisedTopK()),
      noised(NoisedTopK(k: some(5), samples: 3, seed: 9, epsilon: 0.3, scale: 2)),
      noised(NoisedTopK(k: largestK, samples: 4, epsilon: 2, margin: -0.25)),
      noised(NoisedTopK(k: some(2), samples: 2, epsilon: 0)),
      noised(
        NoisedTopK(k: 1, samples: 5, epsilon: 0.05, scale: 30, maxMargin: 0.4),
        counts: longTail(classes)),
      noised(NoisedTopK(k: some(3), epsilon: 0.5, isExact: true)),
      noised(
        NoisedTopK(k: 1, epsilon: 0.1, scale: 30, maxMargin: 0.4, isExact: true),
        counts: longTail(classes)),
      noised(NoisedTopK(k: some(2), epsilon: 0, margin: 0.5, isExact: true)),
      ranked(NoisedTopK(k: some(4), isExact: true)),
      ranked(NoisedTopK(k: classes, samples: 3, seed: 5, epsilon: 0.5)),
      ranked(NoisedTopK(k: 1, epsilon: 0, isExact: true)),
      other(.topKHinge(k: some(5), margin: 1)), other(.topKHinge(k: largestK, margin: -0.5)),
      other(.smoothTopKSVM(k: some(5), tau: 1, alpha: 1)),
      other(.smoothTopKSVM(k: 1, tau: 0.25, alpha: -0.5)),
      other(.smoothTopKSVM(k: some(2), tau: 20, alpha: 0)),
    ]
  }

  private static func otherTable(_ classes: Int) -> [LossCase] {
    func other(_ kind: Kind) -> LossCase { LossCase(kind: kind, classes: classes) }
    func single(
      _ method: SinglePositive.Method, _ expected: Double = 1, _ share: Double = 1
    ) -> LossCase {
      other(
        .singlePositive(
          SinglePositive(method: method, expectedPositives: expected, regularization: share)))
    }
    var random = Random(seed: 8)
    let teacher = random.normals(classes, spread: 3)
    let half = Double(classes) / 2
    return [
      LossCase(
        kind: .outlyingMSE(alpha: 0.25, teacher: nil), classes: classes, counts: longTail(classes)),
      other(.outlyingMSE(alpha: 1, teacher: teacher)),
      other(.twoHeadAverageK(TwoHead(k: min(2, half)))),
      other(
        .twoHeadAverageK(
          TwoHead(k: 0.7, candidateWeight: 0.25, multiLabelWeight: 3, isMean: true))),
      other(.twoHeadAverageK(TwoHead(k: 1, candidateWeight: 0, thresholdDecay: 0.75))),
      single(.assumeNegative), single(.weakAssumeNegative),
      single(.expectedPositive, 1.5, 2), single(.expectedPositive, half, 300),
    ]
  }
}

/// Counts that fall from 1000 to 5, not in order of the classes.
func longTail(_ classes: Int) -> [Double] {
  (0..<classes).map { index in
    let rank = Double((index * 7 + 3) % max(1, classes)) / Double(max(1, classes - 1))
    return (1000 - 995 * rank).rounded()
  }
}
