import Testing

@Suite struct `Numbers that must be finite and are not are refused` {
  private static let rows = 8

  private func problem() -> Problem { Problem(random: 1, rows: Self.rows, classes: 5) }

  @Test(arguments: [(Double.nan, "nan"), (.infinity, "inf"), (-.infinity, "-inf")])
  func `sample weights`(number: Double, text: String) throws {
    for loss in LossCase.kinds(classes: 5) {
      var problem = problem()
      problem.sampleWeight = [Double](repeating: 1, count: Self.rows)
      problem.sampleWeight?[6] = number
      let stage = try Stage(problem)
      expectFailure(.notFinite, naming: ["sample_weight[6]", text]) {
        try stage.evaluate(loss.make())
      }
      #expect(stage.outputsAreUntouched)
    }
  }

  @Test(arguments: [(Double.nan, "nan"), (.infinity, "inf"), (-.infinity, "-inf")])
  func `upstream values, one or one a row`(number: Double, text: String) throws {
    for reduction in Reduction.allCases {
      let loss = LossCase(kind: .crossEntropy, classes: 5, reduction: reduction)
      var problem = problem()
      let bad = reduction == .none ? 3 : 0
      problem.upstream = [Double](repeating: 1, count: reduction == .none ? Self.rows : 1)
      problem.upstream?[bad] = number
      let stage = try Stage(problem)
      expectFailure(.notFinite, naming: ["upstream[\(bad)]", text]) {
        try stage.evaluate(loss.make())
      }
      #expect(stage.outputsAreUntouched)
    }
  }

  @Test(arguments: LossCase.kinds(classes: 5), ElementType.allCases)
  func `logits, if asked for: the first bad row and class are named`(
    loss: LossCase, type: ElementType
  ) throws {
    for number in [Double.nan, .infinity] {
      for threads in [false, true] {
        // Enough rows for several threads to look at once.
        let rows = threads ? 20_000 : 8
        var problem = Problem(random: 1, type: type, rows: rows, classes: 5)
        problem.logits[5 * 5 + 2] = number
        problem.logits[(rows - 1) * 5] = number
        problem.logits[6 * 5] = number
        let stage = try Stage(problem)
        expectFailure(.notFinite, naming: ["logits[5, 2]"]) {
          try stage.evaluate(loss.with { $0.checksFinite = true }.make())
        }
        #expect(stage.outputsAreUntouched)
      }
    }
  }

  @Test(arguments: LossCase.kinds(classes: 5))
  func `check_finite lets masked classes and ignored rows' labels pass`(loss: LossCase) throws {
    var problem = problem()
    problem.logits[0] = -.infinity
    problem.labels[0] = 1
    problem.multiLabelLogits[7] = -.infinity
    problem.labels[3] = -100
    let checked = try loss.with { $0.checksFinite = true }.evaluate(problem)
    let unchecked = try loss.evaluate(problem)
    #expect(checked.written == unchecked.written)
  }

  @Test(arguments: ElementType.allCases)
  func `logits of the other head, if asked for`(type: ElementType) throws {
    let loss = LossCase(kind: .twoHeadAverageK(.init()), classes: 5, checksFinite: true)
    for number in [Double.nan, .infinity] {
      var problem = Problem(random: 1, type: type, rows: 8, classes: 5)
      problem.multiLabelLogits[3 * 5 + 4] = number
      let stage = try Stage(problem)
      expectFailure(.notFinite, naming: ["multi_label_logits[3, 4]"]) {
        try stage.evaluate(loss.make())
      }
      #expect(stage.outputsAreUntouched)
    }
  }
}
