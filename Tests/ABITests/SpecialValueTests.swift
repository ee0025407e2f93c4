import Testing

@Suite struct `NaN and infinities stay in their row` {
  private static let classes = 21

  @Test(arguments: LossCase.table(classes: classes), ElementType.allCases)
  func `NaN and +inf make their own row NaN and leave the others as they are`(
    loss: LossCase, type: ElementType
  ) throws {
    let loss = loss.with { $0.reduction = .none }
    let clean = Problem(random: 2, type: type, rows: 6, classes: Self.classes)
    // A row that is lost counts for the others as little as one that is ignored.
    var without = clean
    if loss.usesLabels { without.labels[3] = loss.ignoreIndex }
    let expected = try loss.evaluate(without)
    for number in [Double.nan, .infinity] {
      // At the label, beside it, at either end, and where the last vector of lanes is cut short.
      for place in [0, 1, 15, 16, Self.classes - 1, Int(clean.labels[3])] {
        for layout in [Stage.Layout(), Stage.Layout(isInPlace: true)] {
          var problem = clean
          problem.logits[3 * Self.classes + place] = number
          let stage = try loss.evaluate(problem, layout)
          #expect(stage.result.value.isNaN)
          for row in 0..<6 {
            if row == 3 {
              let isAllNaN = (0..<Self.classes).allSatisfy { stage.gradient[row, $0].isNaN }
              #expect(isAllNaN && stage.rowValues[row, 0].isNaN, "\(number) at \(place)")
              let secondIsNaN = (0..<Self.classes).allSatisfy {
                stage.multiLabelGradient[row, $0].isNaN
              }
              #expect(secondIsNaN == loss.hasTwoHeads)
            } else {
              let isTheSame = (0..<Self.classes).allSatisfy {
                stage.gradient[row, $0] == expected.gradient[row, $0]
                  && (!loss.hasTwoHeads
                    || stage.multiLabelGradient[row, $0] == expected.multiLabelGradient[row, $0])
              }
              #expect(isTheSame && stage.rowValues[row, 0] == expected.rowValues[row, 0])
            }
          }
        }
      }
    }
  }

  @Test(arguments: LossCase.table(classes: classes).filter(\.usesLabels))
  func `NaN in a row that is ignored does no harm`(loss: LossCase) throws {
    let clean = Problem(random: 2, rows: 6, classes: Self.classes).ignoring()
    var problem = clean
    problem.logits[2 * Self.classes + 4] = .nan
    problem.multiLabelLogits[2 * Self.classes + 5] = .infinity
    let (stage, expected) = (try loss.evaluate(problem), try loss.evaluate(clean))
    #expect(stage.written == expected.written)
  }

  @Test(arguments: LossCase.table(classes: classes), ElementType.allCases)
  func `-inf masks a class out`(loss: LossCase, type: ElementType) throws {
    for masked in [[0], [20], [3, 4, 5, 16, 17], Array(0..<15)] {
      var problem = Problem(random: 2, type: type, rows: 4, classes: Self.classes, spread: 0.5)
      problem.labels = [18, 19, 18, 19]
      for row in 0..<4 {
        for place in masked { problem.logits[row * Self.classes + place] = -.infinity }
      }
      expectAgreement(try loss.evaluate(problem), try loss.expected(problem), loss)
    }
  }

  @Test(arguments: LossCase.table(classes: classes).filter(\.isCrossEntropy), ElementType.allCases)
  func `a row whose own label is masked is +inf, its gradient there 0`(
    loss: LossCase, type: ElementType
  ) throws {
    let loss = loss.with { $0.reduction = .none }
    var problem = Problem(random: 2, type: type, rows: 3, classes: Self.classes, spread: 0.5)
    problem.logits[Self.classes + Int(problem.labels[1])] = -.infinity
    let stage = try loss.evaluate(problem)
    #expect(stage.result.value == .infinity && stage.rowValues[1, 0] == .infinity)
    #expect(stage.rowValues[0, 0].isFinite && stage.rowValues[2, 0].isFinite)
    #expect(stage.gradient.numbers.allSatisfy { $0.isFinite })
    expectAgreement(stage, try loss.expected(problem), loss)
  }

  @Test(arguments: LossCase.table(classes: classes).filter(\.isCrossEntropy))
  func `a row without any class left is +inf with no gradient`(loss: LossCase) throws {
    var problem = Problem(random: 2, rows: 2, classes: Self.classes)
    for column in 0..<Self.classes { problem.logits[column] = -.infinity }
    let stage = try loss.with { $0.reduction = .none }.evaluate(problem)
    #expect(stage.rowValues[0, 0] == .infinity)
    #expect((0..<Self.classes).allSatisfy { stage.gradient[0, $0] == 0 })
    #expect(stage.rowValues[1, 0].isFinite)
  }

  @Test func `in the top-K family a masked label is as far off as can be`() throws {
    var problem = Problem(random: 2, rows: 1, classes: Self.classes)
    problem.logits[Int(problem.labels[0])] = -.infinity
    for kind in Self.hinges(k: 1) {
      let stage = try LossCase(kind: kind, classes: Self.classes).evaluate(problem)
      #expect(stage.result.value == .infinity)
      #expect(stage.gradient[0, Int(problem.labels[0])] == -1)
    }
  }

  private static func hinges(k: Int) -> [LossCase.Kind] {
    [
      .noisedTopK(.init(k: k)), .noisedTopK(.init(k: k, isExact: true)),
      .noisedTopK(.init(k: k, epsilon: 0, isExact: true)), .topKHinge(k: k, margin: 1),
    ]
  }

  @Test func `with K classes left, the label among them loses nothing`() throws {
    var problem = Problem(random: 2, rows: 1, classes: Self.classes)
    for column in 0..<Self.classes where column != 3 && column != 8 {
      problem.logits[column] = -.infinity
    }
    problem.labels = [8]
    for kind in Self.hinges(k: 2) + [.smoothTopKSVM(k: 2, tau: 1, alpha: 1)] {
      let stage = try LossCase(kind: kind, classes: Self.classes).evaluate(problem)
      #expect(stage.result.value == 0)
      #expect(stage.gradient.numbers.allSatisfy { $0 == 0 })
    }
  }

  @Test(arguments: ElementType.allCases)
  func `NaN in given noise makes its row NaN`(type: ElementType) throws {
    let loss = LossCase(kind: .noisedTopK(.init(samples: 3)), classes: 5, reduction: .none)
    for place in 0..<15 {
      var problem = Problem(random: 2, type: type, rows: 3, classes: 5)
      problem.samples = 3
      problem.noise = [Double](repeating: 0.25, count: 3 * 3 * 5)
      problem.noise?[15 + place] = .nan
      let stage = try loss.evaluate(problem)
      #expect(stage.rowValues[1, 0].isNaN)
      #expect((0..<5).allSatisfy { stage.gradient[1, $0].isNaN })
      #expect(stage.rowValues[0, 0].isFinite && stage.rowValues[2, 0].isFinite)
    }
  }
}
