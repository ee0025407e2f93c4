import Foundation
import Testing

@Suite(.enabled(if: InstructionSet.isOwn)) struct `NaN and infinities stay in their row` {
  private static let classes = 21
  private static let indexed = Array(LossCase.table(classes: classes).enumerated()).map {
    ($0.offset, $0.element)
  }

  @Test(arguments: indexed)
  func `NaN and +inf make their own row NaN and leave the others as they are`(
    index: Int, loss: LossCase
  ) throws {
    let loss = loss.with(.none)
    // At the label, beside it, at either end, and where the last vector of lanes is cut short.
    for (turn, place) in [0, 1, 15, 16, Self.classes - 1, -1].enumerated() {
      let type = ElementType.allCases[(index + turn) % 4]
      var problem = Problem(random: 2, type: type, rows: 6, classes: Self.classes)
      // A row that is lost counts for the others as little as one that is ignored.
      var without = problem
      if loss.usesLabels { without.labels[3] = loss.ignoreIndex }
      let expected = try loss.evaluate(without)
      let column = place < 0 ? Int(problem.labels[3]) : place
      for number in [Double.nan, .infinity] {
        problem.logits[3 * Self.classes + column] = number
        let stage = try loss.evaluate(problem, Stage.Layout(isInPlace: turn % 2 == 1))
        #expect(stage.result.value.isNaN)
        for row in 0..<6 {
          var heads = [(stage.gradient, expected.gradient)]
          if loss.hasTwoHeads {
            heads.append((stage.multiLabelGradient, expected.multiLabelGradient))
          }
          let isRight = heads.allSatisfy { actual, expected in
            (0..<Self.classes).allSatisfy {
              row == 3 ? actual[row, $0].isNaN : actual[row, $0] == expected[row, $0]
            }
          }
          let value = stage.rowValues[row, 0]
          #expect(isRight, "\(loss), \(number) at \(column), row \(row)")
          #expect(row == 3 ? value.isNaN : value == expected.rowValues[row, 0], "\(loss)")
        }
      }
    }
  }

  @Test(arguments: indexed)
  func `-inf masks a class out, and ignored rows may hold anything`(
    index: Int, loss: LossCase
  ) throws {
    for (turn, masked) in [[0], [20], [3, 4, 5, 16, 17], Array(0..<15)].enumerated() {
      let type = ElementType.allCases[(index + turn) % 4]
      var problem = Problem(random: 2, type: type, rows: 4, classes: Self.classes, spread: 0.5)
      problem.labels = [18, 19, 18, 19]
      for row in 0..<4 {
        for place in masked { problem.logits[row * Self.classes + place] = -.infinity }
      }
      expectAgreement(try loss.evaluate(problem), try loss.expected(problem), loss)
      guard loss.usesLabels else { continue }
      let clean = problem.ignoring()
      var wild = clean
      wild.logits[2 * Self.classes + 4] = .nan
      wild.multiLabelLogits[2 * Self.classes + 5] = .infinity
      #expect(try loss.evaluate(wild).written == loss.evaluate(clean).written)
    }
  }

  @Test(arguments: LossCase.table(classes: classes).filter(\.isCrossEntropy))
  func `a row whose own label is masked is +inf, its gradient there 0`(loss: LossCase) throws {
    let loss = loss.with(.none)
    var problem = Problem(random: 2, rows: 3, classes: Self.classes, spread: 0.5)
    problem.logits[Self.classes + Int(problem.labels[1])] = -.infinity
    let stage = try loss.evaluate(problem)
    #expect(stage.result.value == .infinity && stage.rowValues[1, 0] == .infinity)
    #expect(stage.gradient.numbers.allSatisfy { $0.isFinite })
    expectAgreement(stage, try loss.expected(problem), loss)
    // Nor has a row without any class left a gradient.
    for column in 0..<Self.classes { problem.logits[column] = -.infinity }
    let empty = try loss.evaluate(problem)
    #expect(empty.rowValues[0, 0] == .infinity && empty.rowValues[2, 0].isFinite)
    #expect((0..<Self.classes).allSatisfy { empty.gradient[0, $0] == 0 })
  }

  private static func hinges(k: Int64) -> [LossCase] {
    let k = Option.integer(k)
    return [
      LossCase("noised_topk", classes: classes, ["k": k]),
      LossCase("noised_topk", classes: classes, ["k": k, "estimator": 1]),
      LossCase("noised_topk", classes: classes, ["k": k, "estimator": 1, "epsilon": 0]),
      LossCase("topk_hinge", classes: classes, ["k": k]),
    ]
  }

  @Test func `in the top-K family a masked label is as far off as can be`() throws {
    var problem = Problem(random: 2, rows: 1, classes: Self.classes)
    let label = Int(problem.labels[0])
    problem.logits[label] = -.infinity
    for loss in Self.hinges(k: 1) {
      let stage = try loss.evaluate(problem)
      #expect(stage.result.value == .infinity && stage.gradient[0, label] == -1)
    }
    // With K classes left, the label among them, there is no rival.
    for column in 0..<Self.classes where column != 3 { problem.logits[column] = -.infinity }
    problem.logits[label] = 1
    let svm = LossCase("smooth_topk_svm", classes: Self.classes, ["k": 2])
    for loss in Self.hinges(k: 2) + [svm] {
      let stage = try loss.evaluate(problem)
      #expect(stage.result.value == 0 && stage.gradient.numbers.allSatisfy { $0 == 0 })
    }
  }

  @Test(arguments: ElementType.allCases)
  func `NaN in given noise makes its row NaN`(type: ElementType) throws {
    let loss = LossCase("noised_topk", classes: 5, ["k": 1, "n_samples": 3]).with(.none)
    for place in 0..<15 {
      var problem = Problem(random: 2, type: type, rows: 3, classes: 5)
      problem.samples = 3
      problem.noise = [Double](repeating: 0.25, count: 3 * 3 * 5)
      problem.noise?[15 + place] = .nan
      let stage = try loss.evaluate(problem)
      #expect(stage.rowValues[1, 0].isNaN && (0..<5).allSatisfy { stage.gradient[1, $0].isNaN })
      #expect(stage.rowValues[0, 0].isFinite && stage.rowValues[2, 0].isFinite)
    }
  }
}

@Suite(.enabled(if: InstructionSet.isOwn)) struct `Precision at the ends of the range` {
  private static let crossEntropy = LossCase("cross_entropy", classes: 33)

  @Test(arguments: ElementType.allCases)
  func `a million classes lose no more than a few`(type: ElementType) throws {
    let loss = LossCase("cross_entropy", classes: 1_000_000)
    let problem = Problem(random: 3, type: type, rows: 1, classes: loss.classes)
    let (stage, expected) = (try loss.evaluate(problem), loss.reference(problem))
    #expect(abs(stage.result.value - expected.value) <= 8 * type.arithmeticError * expected.value)
    expectAgreement("gradient", stage.gradient, expected.gradient, 0.25)
  }

  // How close a float32 comes to a threshold on probabilities of 1e-300 means nothing, and the top-K cross-entropy's
  // reference has probabilities, not their logarithms: Python's has.
  @Test(
    arguments: LossCase.table(classes: 33).filter {
      !$0.hasTwoHeads && $0.name != "topk_cross_entropy"
    })
  func `logits of thousands neither overflow nor cancel`(loss: LossCase) throws {
    for type in ElementType.allCases {
      let problem = Problem(random: 4, type: type, rows: 2, classes: 33, spread: 4000)
      expectAgreement(try loss.evaluate(problem), try loss.expected(problem), loss)
    }
  }

  @Test func `a shift of all logits changes nothing but roundings`() throws {
    let problem = Problem(random: 4, type: .float64, rows: 4, classes: 33)
    var shifted = problem
    shifted.logits = problem.logits.map { $0 + 512 }
    let values = try [problem, shifted].map { try Self.crossEntropy.evaluate($0).result.value }
    #expect(abs(values[0] - values[1]) < 1e-11)
  }

  @Test(arguments: [ElementType.float32, .float64])
  func `a small loss keeps its relative precision`(type: ElementType) throws {
    // log(1 + e^-d) with 1 - p_y far below the spacing of numbers next to 1.
    for distance in [5.0, 20, 40, 80] {
      let problem = Problem(type: type, rows: 1, classes: 2, logits: [distance, 0], labels: [0])
      let stage = try LossCase("cross_entropy", classes: 2).evaluate(problem)
      let slope = 1 / (1 + exp(distance))
      let bound = 8 * type.arithmeticError * (type == .float64 ? distance : 1)
      #expect(abs(stage.result.value / log1p(exp(-distance)) - 1) < bound)
      #expect(abs(stage.gradient[0, 0] / -slope - 1) < bound)
      #expect(abs(stage.gradient[0, 1] / slope - 1) < bound)
    }
  }

  @Test(arguments: LossCase.table(classes: 129).filter(\.gradientSumsToZero))
  func `each row's gradient sums to zero`(loss: LossCase) throws {
    let loss = loss.with(.sum)
    for type in [ElementType.float32, .float64] {
      let problem = Problem(random: 4, type: type, rows: 4, classes: 129, spread: 0.5)
      let stage = try loss.evaluate(problem)
      for row in 0..<4 {
        let sum = (0..<129).reduce(0) { $0 + stage.gradient[row, $1] }
        #expect(abs(sum) < 32 * type.arithmeticError * loss.magnitude(problem) * loss.scale)
      }
    }
  }

  @Test func `many rows are summed in float64`() throws {
    let rows = 200_000
    let problem = Problem(
      rows: rows, classes: 2, logits: [Double](repeating: 0, count: 2 * rows),
      labels: [Int64](repeating: 0, count: rows))
    let stage = try LossCase("cross_entropy", classes: 2).evaluate(problem)
    #expect(abs(stage.result.value - log(2)) < 1e-7)
    #expect(stage.result.total_weight == Double(rows))
  }
}
