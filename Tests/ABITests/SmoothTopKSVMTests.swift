import Foundation
import Testing

@Suite struct `The smooth top-K SVM` {
  /// The value from the definition: sums of products over all sets of rivals.
  private func bySubsets(
    _ logits: [Double], label: Int, k: Int, tau: Double, alpha: Double
  ) -> Double {
    let powers = logits.map { exp($0 / (Double(k) * tau)) }
    let rivals = powers.indices.filter { $0 != label }.map { powers[$0] }
    var sigma = [Double](repeating: 0, count: rivals.count + 1)
    for members in 0..<1 << rivals.count {
      let chosen = rivals.indices.filter { members >> $0 & 1 == 1 }
      sigma[chosen.count] += chosen.reduce(1) { $0 * rivals[$1] }
    }
    let right = powers[label] * sigma[k - 1]
    return tau * (log(right + exp(alpha / tau) * sigma[k]) - log(right))
  }

  @Test(arguments: [2, 3, 5, 8])
  func `is what the sum over all sets says`(classes: Int) throws {
    let problem = Problem(random: 3, type: .float64, rows: 4, classes: classes)
    for k in 1..<classes {
      for (tau, alpha) in [(1.0, 1.0), (0.5, -1), (3, 0), (10, 2.5)] {
        let loss = LossCase(
          kind: .smoothTopKSVM(k: k, tau: tau, alpha: alpha), classes: classes, reduction: .none)
        let stage = try loss.evaluate(problem)
        for row in 0..<4 {
          let expected = bySubsets(
            problem.row(row), label: Int(problem.labels[row]), k: k, tau: tau, alpha: alpha)
          #expect(abs(stage.rowValues[row, 0] - expected) < 1e-12 * max(1, tau), "k \(k)")
        }
      }
    }
  }

  @Test(arguments: ElementType.allCases, [0.01, 0.1, 1, 10, 100])
  func `logits of ten thousand and any temperature`(type: ElementType, tau: Double) throws {
    for (spread, center) in [(1e4, 0.0), (100, 0), (100, 9000), (0.5, -9999), (0, 1e4)] {
      for k in [1, 2, 5] {
        var random = Random(seed: 6)
        let logits = random.uniforms(8 * 40, in: -1...1).map {
          min(1e4, max(-1e4, center + spread * $0))
        }
        let problem = Problem(
          type: type, rows: 8, classes: 40, logits: logits, labels: [0, 5, 10, 15, 20, 25, 30, 39])
        let loss = LossCase(
          kind: .smoothTopKSVM(k: k, tau: tau, alpha: 1), classes: 40, reduction: .sum)
        let (stage, expected) = (try loss.evaluate(problem), loss.reference(problem))
        expectFar(stage, expected, "tau \(tau), \(spread) about \(center), k \(k)")
      }
    }
  }

  /// Differences of far logits are exact, so that entries of the gradient are as good as near zero.
  private func expectFar(_ stage: Stage, _ expected: BatchLoss, _ what: String) {
    let type = stage.problem.type
    let bar = type == .float64 ? 1e-9 : 2e-5
    for (actual, value) in zip(stage.rowValues.numbers, expected.rowValues) {
      let rounding = 2 * type.storageError * abs(value)
      #expect(abs(actual - value) <= bar * max(1, abs(value)) + rounding, "\(type), \(what)")
    }
    let errors = zip(stage.gradient.numbers, expected.gradient).map {
      abs($0 - $1) - 1.01 * type.storageError * abs($1)
    }
    #expect((errors.max() ?? .nan) <= bar, "\(type), \(what)")
  }

  @Test func `equal logits may be any number`() throws {
    let loss = LossCase(
      kind: .smoothTopKSVM(k: 5, tau: 100, alpha: 1), classes: 50, reduction: .none)
    func evaluate(_ logit: Double) throws -> Stage {
      try loss.evaluate(
        Problem(
          type: .float64, rows: 1, classes: 50, logits: [Double](repeating: logit, count: 50),
          labels: [7]))
    }
    let expected = try evaluate(0)
    for logit in [1e15, -1e20, 1e300] {
      let stage = try evaluate(logit)
      #expect(stage.rowValues.pattern == expected.rowValues.pattern)
      #expect(stage.gradient.pattern == expected.gradient.pattern)
    }
  }

  @Test func `logits that are beyond numbers in units of the temperature`() throws {
    let loss = LossCase(
      kind: .smoothTopKSVM(k: 2, tau: 1e-15, alpha: 1), classes: 6, reduction: .none)
    let far = Problem(
      type: .float64, rows: 2, classes: 6,
      logits: [0, -1e300, -1e300, -1e300, -1e300, -1e300, 0, 1e300, 1e300, 1, 1, 1], labels: [0, 0])
    let stage = try loss.evaluate(far)
    #expect(stage.rowValues[0, 0] == 0 && (0..<6).allSatisfy { stage.gradient[0, $0] == 0 })
    #expect(abs(stage.rowValues[1, 0] / 5e299 - 1) < 1e-12)
    #expect(abs(stage.gradient[1, 0] + 0.5) < 1e-12)
    #expect(abs((1..<3).reduce(0) { $0 + stage.gradient[1, $1] } - 0.5) < 1e-12)
  }

  @Test func `towards no temperature it is the hard one`() throws {
    let problem = Problem(random: 3, type: .float64, rows: 6, classes: 9)
    let loss = LossCase(
      kind: .smoothTopKSVM(k: 3, tau: 1e-6, alpha: 1), classes: 9, reduction: .none)
    let stage = try loss.evaluate(problem)
    for row in 0..<6 {
      let label = Int(problem.labels[row])
      let logits = problem.row(row)
      let rivals = logits.indices.filter { $0 != label }.map { logits[$0] }.sorted(by: >)
      // The best three without the label, a margin up, against the best two and the label.
      let best = rivals.prefix(3).reduce(0, +) / 3 + 1
      let own = (rivals.prefix(2).reduce(0, +) + logits[label]) / 3
      #expect(abs(stage.rowValues[row, 0] - max(0, best - own)) < 1e-4)
    }
  }

  @Test(arguments: ElementType.allCases)
  func `masked classes are not there`(type: ElementType) throws {
    let loss = LossCase(
      kind: .smoothTopKSVM(k: 2, tau: 1, alpha: 1), classes: 5, reduction: .none)
    let inf = Double.infinity
    let problem = Problem(
      type: type, rows: 4, classes: 5,
      logits: [
        // A rival fewer; the label masked; one rival left; none, and the label masked.
        1, -inf, 0.5, 2, -1, -inf, 1, 0.5, 2, -1, 3, -inf, -inf, 2, -inf, -inf, -inf, -inf, -inf,
        -inf,
      ], labels: [0, 0, 0, 0])
    let stage = try loss.evaluate(problem)
    let without = Problem(type: type, rows: 1, classes: 4, logits: [1, 0.5, 2, -1], labels: [0])
    let other = LossCase(
      kind: .smoothTopKSVM(k: 2, tau: 1, alpha: 1), classes: 4, reduction: .none)
    let expected = other.reference(without)
    #expect(
      agrees(
        stage.rowValues[0, 0], expected.rowValues[0], arithmetic: type, magnitude: 4,
        stored: type))
    #expect(stage.gradient[0, 1] == 0)
    #expect(stage.rowValues[1, 0] == .infinity)
    #expect(stage.rowValues[2, 0] == 0 && stage.rowValues[3, 0] == 0)
    #expect(stage.gradient.numbers.allSatisfy { $0.isFinite })
    #expect((2..<4).allSatisfy { row in (0..<5).allSatisfy { stage.gradient[row, $0] == 0 } })
  }
}
