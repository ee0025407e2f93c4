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

  // The bars above allow for the size of what goes in; this one is about what comes out.
  @Test(arguments: LossCase.table(classes: classes).filter { !$0.isExact })
  func `gradients in float32 are within 3e-6 of their largest entry, in float64 within 1e-10`(
    loss: LossCase
  ) throws {
    for type in [ElementType.float32, .float64] {
      let problem = problem(type, loss)
      let stage = try loss.evaluate(problem)
      let expected = try loss.expected(problem)
      let bar = type == .float32 ? 3e-6 : 1e-10
      expectWithin(bar, stage.gradient.numbers, expected.gradient, "\(loss)")
      if let second = expected.multiLabelGradient {
        expectWithin(bar, stage.multiLabelGradient.numbers, second, "\(loss), other head")
      }
    }
  }

  private func expectWithin(
    _ bar: Double, _ actual: [Double], _ expected: [Double], _ what: String
  ) {
    let largest = expected.map(abs).max() ?? 0
    let error = zip(actual, expected).map { abs($0 - $1) }.max() ?? 0
    #expect(error <= bar * largest, "\(what): \(error / largest)")
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
      problem.upstream = random.normals(loss.reduction == .none ? Self.rows : 1)
      expectAgreement(try loss.evaluate(problem), try loss.expected(problem), loss)
    }
  }

  @Test(arguments: [2, 3, 15, 16, 17, 31, 32, 33, 63, 64, 65, 511, 513, 1023, 1024, 1025, 2049])
  func `any number of classes`(classes: Int) throws {
    for loss in LossCase.table(classes: classes) {
      for type in ElementType.allCases {
        // The quadrature of the reference takes long.
        let rows = loss.isExact ? 1 : 3
        let problem = Problem(
          random: UInt64(classes), type: type, rows: rows, classes: classes, spread: 0.5)
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
    if loss.hasTwoHeads {
      let rounded = wideStage.multiLabelGradient.numbers.map(type.rounded)
      #expect(narrowStage.multiLabelGradient.numbers == rounded)
    }
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
          wantsGradient && loss.hasTwoHeads
            ? part.multiLabelGradient.pattern == whole.multiLabelGradient.pattern
            : part.multiLabelGradient.isUntouched)
        #expect(
          wantsRowValues
            ? part.rowValues.pattern == whole.rowValues.pattern : part.rowValues.isUntouched)
      }
    }
  }
}
