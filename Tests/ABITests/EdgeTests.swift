import CTopKLoss
import Testing

@Suite struct `The smallest and emptiest batches` {
  @Test(arguments: LossCase.table(classes: 4), Reduction.allCases)
  func `a batch of no rows is 0 and touches nothing`(
    loss: LossCase, reduction: Reduction
  ) throws {
    let loss = loss.with { $0.reduction = reduction }
    let empty = Problem(rows: 0, classes: 4, logits: [], labels: [])
    let stage = try loss.evaluate(empty)
    #expect(stage.result.value == 0 && stage.result.total_weight == 0)
    #expect(stage.gradient.isUntouched && stage.rowValues.isUntouched)
    #expect(stage.multiLabelGradient.isUntouched)
  }

  @Test func `a batch of no rows needs no pointers`() throws {
    for loss in LossCase.kinds(classes: 4) {
      let stage = try Stage(Problem(rows: 0, classes: 4, logits: [], labels: []))
      stage.batch.logits = nil
      stage.batch.labels = nil
      stage.batch.multi_label_logits = nil
      stage.result.gradient = nil
      stage.result.multi_label_gradient = nil
      stage.result.row_values = nil
      try stage.evaluate(loss.make())
      #expect(stage.result.value == 0)
    }
  }

  @Test(arguments: LossCase.table(classes: 4).filter(\.usesLabels), Reduction.allCases)
  func `if every label is ignored, value, weight and gradient are 0`(
    loss: LossCase, reduction: Reduction
  ) throws {
    let loss = loss.with { $0.reduction = reduction }
    for type in ElementType.allCases {
      var problem = Problem(random: 1, type: type, rows: 5, classes: 4)
      problem.labels = [Int64](repeating: -100, count: 5)
      // Not looked at, as the row does not count.
      problem.logits[0] = .nan
      problem.multiLabelLogits[1] = .nan
      let stage = try loss.evaluate(problem)
      #expect(stage.result.value == 0 && stage.result.total_weight == 0)
      #expect(stage.gradient.pattern.isZero)
      #expect(stage.rowValues.pattern.isZero)
      #expect(!loss.hasTwoHeads || stage.multiLabelGradient.pattern.isZero)
    }
  }

  @Test(arguments: Reduction.allCases)
  func `weights that are all 0 make 0, not NaN`(reduction: Reduction) throws {
    for loss in LossCase.kinds(classes: 4) {
      let loss = loss.with { $0.reduction = reduction }
      var problem = Problem(random: 1, rows: 5, classes: 4)
      problem.sampleWeight = [Double](repeating: 0, count: 5)
      let stage = try loss.evaluate(problem)
      #expect(stage.result.value == 0 && stage.result.total_weight == 0)
      #expect(stage.gradient.numbers.allSatisfy { $0 == 0 })
      let second = stage.multiLabelGradient.numbers
      #expect(!loss.hasTwoHeads || second.allSatisfy { $0 == 0 })
    }
  }

  @Test func `one class alone is certain`() throws {
    let kinds: [LossCase.Kind] = [
      .crossEntropy, .logitAdjusted(tau: 1), .ldam(maxMargin: 0.5, scale: 30),
      .elm(maxMargin: 0.5, scale: 30, lam: 1), .vectorScaling(gamma: 0.3, tau: 1),
      .marginSoftmax(.init(offset: [1], margin: [2], classScale: [3], scale: 4, lam: 5)),
      .focal(gamma: 2), .focal(gamma: 0.5), .focal(gamma: 0),
    ]
    for kind in kinds {
      for smoothing in [0, 0.1, 1] {
        for type in ElementType.allCases {
          var loss = LossCase(kind: kind, classes: 1, labelSmoothing: smoothing)
          if loss.needsCounts { loss.counts = [17] }
          let problem = Problem(random: 1, type: type, rows: 3, classes: 1, spread: 100)
          let stage = try loss.evaluate(problem)
          #expect(stage.result.value == 0, "\(loss)")
          #expect(stage.gradient.numbers == [0, 0, 0], "\(loss)")
          #expect(stage.rowValues.numbers == [0, 0, 0], "\(loss)")
        }
      }
    }
  }

  @Test func `one class alone has no top K that leaves a class out`() throws {
    let kinds: [LossCase.Kind] = [
      .noisedTopK(.init()), .noisedTopK(.init(isExact: true)), .topKHinge(k: 1, margin: 1),
      .smoothTopKSVM(k: 1, tau: 1, alpha: 1), .twoHeadAverageK(.init(k: 1)),
    ]
    for kind in kinds {
      let stage = try Stage(Problem(random: 1, rows: 3, classes: 1))
      let loss = try LossCase(kind: kind, classes: 1).make()
      expectFailure(.option, naming: ["k", "1"]) { try stage.evaluate(loss) }
      #expect(stage.outputsAreUntouched)
    }
  }

  @Test(arguments: ElementType.allCases)
  func `one class alone has its losses without rivals`(type: ElementType) throws {
    let methods: [LossCase.SinglePositive.Method] = [
      .assumeNegative, .weakAssumeNegative, .expectedPositive,
    ]
    let kinds =
      methods.map { LossCase.Kind.singlePositive(.init(method: $0)) }
      + [.outlyingMSE(alpha: 1, teacher: [2]), .noisedTopKOperator(.init(isExact: true))]
      + [.twoHeadAverageK(.init(k: 0.5))]
    for kind in kinds {
      let loss = LossCase(kind: kind, classes: 1)
      let problem = Problem(random: 1, type: type, rows: 4, classes: 1, spread: 2)
      expectAgreement(try loss.evaluate(problem), try loss.expected(problem), loss)
    }
  }

  @Test(arguments: ElementType.allCases)
  func `of rivals that tie, the lowest class's margin is taken in`(type: ElementType) throws {
    let classes = 40
    let loss = LossCase(
      kind: .elm(maxMargin: 1, scale: 1, lam: 1), classes: classes, counts: longTail(classes))
    for label in [0, 3, 17, 39] {
      for rivals in [[1, 2], [5, 38], [16, 32], Array(0..<classes)] {
        var problem = Problem(
          type: type, rows: 1, classes: classes, logits: [Double](repeating: -1, count: classes),
          labels: [Int64(label)])
        for rival in rivals { problem.logits[rival] = 0.5 }
        expectAgreement(try loss.evaluate(problem), try loss.expected(problem), loss)
      }
    }
  }

  @Test func `one row`() throws {
    for loss in LossCase.table(classes: 9) {
      let problem = Problem(random: 12, rows: 1, classes: 9)
      expectAgreement(try loss.evaluate(problem), try loss.expected(problem), loss)
    }
  }
}
