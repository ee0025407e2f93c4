import Testing

// Every loss, element type and reduction against a second formulation in Double.

@Suite struct `The losses are what they are defined to be` {
  static let classes = 37
  static let rows = 13

  private func problem(_ type: ElementType, _ loss: LossCase) -> Problem {
    // Cosines for the losses that expect a normalised layer.
    let spread = loss.scale > 1 ? 0.4 : 2.0
    return Problem(
      random: 11, type: type, rows: Self.rows, classes: Self.classes, spread: spread)
  }

  @Test(arguments: LossCase.table(classes: classes), ElementType.allCases)
  func `value, row values and gradient, for every reduction`(
    loss: LossCase, type: ElementType
  ) throws {
    for reduction in Reduction.allCases {
      let loss = loss.with { $0.reduction = reduction }
      let problem = problem(type, loss)
      let stage = try loss.evaluate(problem)
      expectAgreement(stage, try loss.expected(problem), loss)
      #expect(stage.surroundingsAreUntouched)
    }
  }

  @Test(arguments: LossCase.table(classes: classes), Reduction.allCases)
  func `sample weights, an upstream factor, ignored rows and int32 labels`(
    loss: LossCase, reduction: Reduction
  ) throws {
    for type in ElementType.allCases {
      let loss = loss.with {
        $0.reduction = reduction
        $0.ignoreIndex = 1000
      }
      var random = Random(seed: 5)
      var problem = problem(type, loss).ignoring(1000)
      problem.labelsAreNarrow = true
      problem.sampleWeight = random.uniforms(Self.rows, in: 0...3)
      problem.upstream = random.normals(reduction == .none ? Self.rows : 1)
      expectAgreement(try loss.evaluate(problem), try loss.expected(problem), loss)
    }
  }

  @Test(arguments: [2, 3, 15, 16, 17, 31, 32, 33, 63, 64, 65, 511, 513, 1023, 1024, 1025, 2049])
  func `any number of classes`(classes: Int) throws {
    for loss in LossCase.table(classes: classes) {
      for type in ElementType.allCases {
        let problem = Problem(
          random: UInt64(classes), type: type, rows: 3, classes: classes, spread: 0.5)
        let stage = try loss.evaluate(problem)
        expectAgreement(stage, try loss.expected(problem), loss)
        #expect(stage.surroundingsAreUntouched)
      }
    }
  }

  @Test(arguments: LossCase.table(classes: classes))
  func `negative and zero sample weights`(loss: LossCase) throws {
    for reduction in Reduction.allCases {
      let loss = loss.with { $0.reduction = reduction }
      var problem = problem(.float64, loss)
      problem.sampleWeight = (0..<Self.rows).map { Double($0 % 3) - 0.5 }
      problem.sampleWeight?[4] = 0
      expectAgreement(try loss.evaluate(problem), try loss.expected(problem), loss)
    }
  }

  @Test(arguments: LossCase.table(classes: classes), [ElementType.float16, .bfloat16])
  func `halves are float32 results of the same numbers, rounded to nearest even`(
    loss: LossCase, type: ElementType
  ) throws {
    let narrow = problem(type, loss)
    var wide = narrow
    wide.type = .float32
    let (narrowStage, wideStage) = (try loss.evaluate(narrow), try loss.evaluate(wide))
    #expect(narrowStage.result.value == wideStage.result.value)
    #expect(narrowStage.gradient.numbers == wideStage.gradient.numbers.map(type.rounded))
    #expect(narrowStage.rowValues.numbers == wideStage.rowValues.numbers.map(type.rounded))
  }

  @Test(arguments: LossCase.table(classes: classes))
  func `what is not wanted is left out and changes nothing else`(loss: LossCase) throws {
    let problem = problem(.float32, loss)
    let whole = try loss.evaluate(problem)
    for wantsGradient in [false, true] {
      for wantsRowValues in [false, true] {
        let part = try loss.evaluate(
          problem,
          Stage.Layout(wantsRowValues: wantsRowValues, wantsGradient: wantsGradient))
        #expect(part.result.value == whole.result.value)
        #expect(part.result.total_weight == whole.result.total_weight)
        #expect(
          wantsGradient
            ? part.gradient.pattern == whole.gradient.pattern : part.gradient.isUntouched)
        #expect(
          wantsRowValues
            ? part.rowValues.pattern == whole.rowValues.pattern : part.rowValues.isUntouched)
      }
    }
  }
}
