import Testing

// What holds for every loss, whatever its options, over one table of them.

@Suite(.enabled(if: InstructionSet.isOwn)) struct `Every loss` {
  private static let classes = 37

  @Test(arguments: LossCase.table(classes: classes))
  func `is what it is defined to be, whatever the batch is like`(loss: LossCase) throws {
    for (index, variation) in Variation.pairs.enumerated() {
      let (loss, problem) = variation.applied(to: loss, rows: loss.isExact ? 3 : 13)
      let (plain, expected) = (try loss.evaluate(problem), try loss.expected(problem))
      expectAgreement(plain, expected, loss)
      #expect(plain.surroundingsAreUntouched)
      var layout = variation.layout(classes: Self.classes)
      expectSameBits(try loss.evaluate(problem, layout), plain, "\(loss), \(variation)")
      // What is not wanted is left out and changes nothing else.
      (layout.wantsGradient, layout.wantsRowValues) = (index % 2 == 0, index % 4 > 1)
      let part = try loss.evaluate(problem, layout)
      #expect(part.result.value == plain.result.value, "\(loss), \(variation)")
      #expect(layout.wantsRowValues || part.rowValues.isUntouched)
      #expect(layout.wantsGradient || layout.isInPlace || part.gradient.isUntouched)
      try expectPrecision(plain, expected, loss, variation)
    }
  }

  private func expectSameBits(_ stage: Stage, _ plain: Stage, _ what: String) {
    #expect(stage.result.value.bitPattern == plain.result.value.bitPattern, "\(what)")
    #expect(stage.result.total_weight == plain.result.total_weight, "\(what)")
    #expect(stage.result.threshold == plain.result.threshold, "\(what)")
    #expect(stage.gradient.pattern == plain.gradient.pattern, "\(what)")
    #expect(stage.rowValues.pattern == plain.rowValues.pattern, "\(what)")
    if !plain.multiLabelGradient.isUntouched {
      #expect(stage.multiLabelGradient.pattern == plain.multiLabelGradient.pattern, "\(what)")
    }
    #expect(stage.surroundingsAreUntouched, "\(what)")
  }

  /// The bars of the agreement allow for the size of what goes in; these are about what comes out: gradients within a
  /// share of their largest entry, and halves the float32 results of the same numbers, rounded to nearest even.
  private func expectPrecision(
    _ stage: Stage, _ expected: BatchLoss, _ loss: LossCase, _ variation: Variation
  ) throws {
    let type = variation.type
    if type == .float16 || type == .bfloat16 {
      var wide = stage.problem
      wide.type = .float32
      let float32 = try loss.evaluate(wide)
      #expect(stage.result.value == float32.result.value)
      for (narrow, wide) in [
        (stage.gradient, float32.gradient), (stage.rowValues, float32.rowValues),
        (stage.multiLabelGradient, float32.multiLabelGradient),
      ] where !narrow.isUntouched {
        #expect(narrow.numbers == wide.numbers.map(type.rounded), "\(loss), \(variation)")
      }
    } else if !loss.isExact, variation.weights < 2 {
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

  @Test(arguments: LossCase.table(classes: classes), ElementType.allCases)
  func `may lie class by class: the same bits`(loss: LossCase, type: ElementType) throws {
    let problem = Problem(random: 4, type: type, rows: 20, classes: Self.classes).ignoring()
    let (plain, stage) = (try loss.evaluate(problem), try Stage(problem))
    func turned(_ matrix: Matrix, stride: Int) -> Matrix {
      let turned = Matrix(type: type, rows: Self.classes, columns: 20, stride: stride)
      for row in 0..<20 {
        for label in 0..<Self.classes { turned[label, row] = matrix[row, label] }
      }
      return turned
    }
    let (logits, second) = (
      turned(stage.logits, stride: 23), turned(stage.multiLabelLogits, stride: -21)
    )
    (stage.batch.logits, stage.batch.logits_class_stride) = (UnsafeRawPointer(logits.address), 23)
    stage.batch.multi_label_logits = UnsafeRawPointer(second.address)
    stage.batch.multi_label_class_stride = -21
    (stage.batch.logits_row_stride, stage.batch.multi_label_row_stride) = (1, 1)
    (stage.result.multi_label_gradient, stage.result.multi_label_gradient_class_stride) = (
      second.address, -21
    )
    stage.result.multi_label_gradient_row_stride = 1
    try stage.evaluate(loss.make())
    #expect(stage.result.value.bitPattern == plain.result.value.bitPattern)
    #expect(stage.rowValues.pattern == plain.rowValues.pattern)
    #expect(stage.gradient.pattern == plain.gradient.pattern)
    #expect(logits.paddingIsUntouched && second.paddingIsUntouched)
    if loss.hasTwoHeads {
      let expected = turned(plain.multiLabelGradient, stride: -21)
      #expect(second.pattern == expected.pattern)
    }
  }

  @Test(arguments: [
    2, 3, 15, 16, 17, 31, 32, 33, 63, 64, 65, 511, 513, 1023, 1024, 1025, 2049, 40_009,
  ])
  func `has any number of classes`(classes: Int) throws {
    let losses = classes < 100 ? LossCase.table(classes: classes) : LossCase.kinds(classes: classes)
    for (index, loss) in losses.enumerated() where !loss.isExact || classes < 3000 {
      let type = ElementType.allCases[(index + classes) % 4]
      // The quadrature of the reference takes long.
      let rows = loss.isExact || classes > 3000 ? 1 : 3
      let problem = Problem(
        random: UInt64(classes), type: type, rows: rows, classes: classes, spread: 0.5)
      let stage = try loss.evaluate(problem)
      expectAgreement(stage, try loss.expected(problem), loss)
      #expect(stage.surroundingsAreUntouched)
    }
  }

  @Test(arguments: LossCase.table(classes: 9))
  func `has a gradient that is the derivative of its own values`(loss: LossCase) throws {
    let handle = try loss.with(.sum).make()
    try expectSlopes(of: loss, step: 2e-5, bar: 2e-5) {
      let stage = try Stage($0)
      try stage.evaluate(handle)
      let second = loss.hasTwoHeads ? stage.multiLabelGradient.numbers : nil
      return (stage.result.value, stage.gradient.numbers, second)
    }
  }

  @Test(arguments: LossCase.table(classes: 23).filter { !$0.dependsOnBatch }, [1, 4, 12])
  func `may be evaluated in parts: the same bits, sums and means that add up`(
    loss: LossCase, split: Int
  ) throws {
    for reduction in Reduction.allCases {
      let loss = loss.with(reduction)
      var random = Random(seed: 8)
      var whole = Problem(random: 2, rows: 13, classes: 23, spread: 0.5).ignoring()
      whole.sampleWeight = random.uniforms(13, in: 0.5...2)
      (whole.step, whole.firstRow) = (3, 7)
      let together = try loss.evaluate(whole)
      let parts = try [0..<split, split..<13].map { try loss.evaluate(whole.rows($0)) }
      #expect(together.rowValues.pattern == Pattern(joining: parts.map(\.rowValues.pattern)))
      let weight = parts.reduce(0) { $0 + $1.result.total_weight }
      #expect(abs(weight - together.result.total_weight) < 1e-12 * weight)
      let value =
        loss.reduction == .mean
        ? parts.reduce(0) { $0 + $1.result.value * $1.result.total_weight } / weight
        : parts.reduce(0) { $0 + $1.result.value }
      #expect(abs(value - together.result.value) <= 1e-12 * max(1, abs(value)))
      if loss.reduction != .mean {
        #expect(together.gradient.pattern == Pattern(joining: parts.map(\.gradient.pattern)))
      }
    }
  }

  @Test(arguments: LossCase.table(classes: 4), Reduction.allCases)
  func `is 0 where there is nothing: no rows, no labels, no weights`(
    loss: LossCase, reduction: Reduction
  ) throws {
    let loss = loss.with(reduction)
    let empty = try Stage(Problem(rows: 0, classes: 4, logits: [], labels: []))
    try empty.evaluate(loss.make())
    #expect(empty.result.value == 0 && empty.result.total_weight == 0)
    #expect(empty.gradient.isUntouched && empty.multiLabelGradient.isUntouched)
    (empty.batch.logits, empty.batch.labels, empty.batch.multi_label_logits) = (nil, nil, nil)
    (empty.result.gradient, empty.result.multi_label_gradient, empty.result.row_values) =
      (nil, nil, nil)
    try empty.evaluate(loss.make())

    for type in ElementType.allCases {
      var problem = Problem(random: 1, type: type, rows: 5, classes: 4)
      problem.sampleWeight = [Double](repeating: 0, count: 5)
      expectZero(try loss.evaluate(problem), loss)
      guard loss.usesLabels else { continue }
      problem.sampleWeight = nil
      problem.labels = [Int64](repeating: -100, count: 5)
      // Not looked at, as the row does not count.
      (problem.logits[0], problem.multiLabelLogits[1]) = (.nan, .nan)
      let stage = try loss.evaluate(problem)
      expectZero(stage, loss)
      #expect(stage.gradient.pattern.isZero && stage.rowValues.pattern.isZero)
    }
  }

  private func expectZero(_ stage: Stage, _ loss: LossCase) {
    #expect(stage.result.value == 0 && stage.result.total_weight == 0)
    let gradients =
      stage.gradient.numbers + (loss.hasTwoHeads ? stage.multiLabelGradient.numbers : [])
    #expect(gradients.allSatisfy { $0 == 0 })
  }

  @Test func `of one class alone is certain, or has no rivals`() throws {
    let inputs: [(String, [String: Option])] = LossType.all.map { type in
      // Weights of ranks, which are as many as K, have the sum 1.
      let byClass = type.members.filter { $0.type == .vector && $0.text != "weights" }
      let vectors = byClass.map { ($0.text, [17] as Option) }
      return (type.name, Dictionary(uniqueKeysWithValues: vectors))
    }
    for (name, options) in inputs {
      var loss = LossCase(name, classes: 1, options)
      let problem = Problem(random: 1, type: .float64, rows: 3, classes: 1, spread: 2)
      if loss.has("k"), loss.usesLabels {
        // A top K leaves a class out.
        loss = loss.with(["k": 1])
        let stage = try Stage(problem)
        expectFailure(.option, naming: ["k", "1"]) { try stage.evaluate(loss.make()) }
        #expect(stage.outputsAreUntouched)
      } else if loss.isCrossEntropy {
        for smoothing in loss.has("label_smoothing") ? [0, 0.1, 1] as [Option] : [0] {
          let smooth =
            loss.has("label_smoothing") ? loss.with(["label_smoothing": smoothing]) : loss
          let stage = try smooth.evaluate(problem)
          #expect((stage.gradient.numbers + [stage.result.value]).allSatisfy { $0 == 0 }, "\(loss)")
        }
      } else {
        loss = loss.with(loss.has("k") ? ["k": 1] : [:])
        expectAgreement(try loss.evaluate(problem), try loss.expected(problem), loss)
      }
    }
  }
}

/// Expects each entry of a gradient to be the central difference of the values beside it.
func expectSlopes(
  of loss: LossCase, step: Double, bar: Double,
  _ evaluate: (Problem) throws -> (value: Double, gradient: [Double], other: [Double]?)
) throws {
  var problem = Problem(random: 3, type: .float64, rows: 3, classes: 9)
  problem.sampleWeight = [1, 0.5, 2]
  let here = try evaluate(problem)
  let heads: [(WritableKeyPath<Problem, [Double]>, [Double]?)] = [
    (\.logits, here.gradient), (\.multiLabelLogits, here.other),
  ]
  for (head, gradient) in heads {
    for (index, slope) in (gradient ?? []).enumerated() {
      var (above, below) = (problem, problem)
      above[keyPath: head][index] += step
      below[keyPath: head][index] -= step
      let difference = (try evaluate(above).value - evaluate(below).value) / (2 * step)
      #expect(
        abs(difference - slope) < bar * loss.scale * loss.scale,
        "\(loss) [\(index)]: \(slope), by differences \(difference)")
    }
  }
}
