import Foundation
import Testing

@Suite struct `Precision at the ends of the range` {
  @Test(arguments: ElementType.allCases)
  func `a million classes lose no more than a few`(type: ElementType) throws {
    let classes = 1_000_000
    let loss = LossCase(kind: .crossEntropy, classes: classes)
    let problem = Problem(random: 3, type: type, rows: 1, classes: classes)
    let stage = try loss.evaluate(problem)
    let expected = loss.reference(problem)
    #expect(abs(stage.result.value - expected.value) <= 8 * type.arithmeticError * expected.value)
    expectAgreement("gradient", stage.gradient, expected.gradient, 0.25)
  }

  @Test(arguments: ElementType.allCases)
  func `logits of thousands neither overflow nor cancel`(type: ElementType) throws {
    // How close a float32 comes to a threshold on probabilities of 1e-300 means nothing.
    for loss in LossCase.table(classes: 33) where !loss.hasTwoHeads {
      let problem = Problem(random: 4, type: type, rows: 4, classes: 33, spread: 4000)
      expectAgreement(try loss.evaluate(problem), try loss.expected(problem), loss)
    }
  }

  @Test func `a shift of all logits changes nothing but roundings`() throws {
    let loss = LossCase(kind: .crossEntropy, classes: 33)
    let problem = Problem(random: 4, type: .float64, rows: 4, classes: 33)
    var shifted = problem
    shifted.logits = problem.logits.map { $0 + 512 }
    let (plain, moved) = (try loss.evaluate(problem), try loss.evaluate(shifted))
    #expect(abs(plain.result.value - moved.result.value) < 1e-11)
  }

  @Test(arguments: [ElementType.float32, .float64])
  func `a small loss keeps its relative precision`(type: ElementType) throws {
    // log(1 + e^-d) with 1 - p_y far below the spacing of numbers next to 1.
    for distance in [5.0, 20, 40, 80] {
      let problem = Problem(type: type, rows: 1, classes: 2, logits: [distance, 0], labels: [0])
      let loss = LossCase(kind: .crossEntropy, classes: 2)
      let stage = try loss.evaluate(problem)
      let expected = log1p(exp(-distance))
      let slope = 1 / (1 + exp(distance))
      let bound = 8 * type.arithmeticError * (type == .float64 ? distance : 1)
      #expect(abs(stage.result.value / expected - 1) < bound)
      #expect(abs(stage.gradient[0, 0] / -slope - 1) < bound)
      #expect(abs(stage.gradient[0, 1] / slope - 1) < bound)
    }
  }

  @Test(arguments: [ElementType.float32, .float64])
  func `each row's gradient sums to zero`(type: ElementType) throws {
    for loss in LossCase.table(classes: 129) where loss.gradientSumsToZero {
      let loss = loss.with { $0.reduction = .sum }
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
    let loss = LossCase(kind: .crossEntropy, classes: 2)
    let problem = Problem(
      rows: rows, classes: 2, logits: [Double](repeating: 0, count: 2 * rows),
      labels: [Int64](repeating: 0, count: rows))
    let stage = try loss.evaluate(problem)
    #expect(abs(stage.result.value - log(2)) < 1e-7)
    #expect(abs(stage.result.value - stage.rowValues[0, 0]) < 1e-7)
    #expect(stage.result.total_weight == Double(rows))
  }
}
