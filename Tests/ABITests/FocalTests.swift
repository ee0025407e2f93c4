import Foundation
import Testing

@Suite struct `Focal loss` {
  @Test(arguments: ElementType.allCases, Reduction.allCases)
  func `with gamma 0 is cross-entropy to the last bit`(
    type: ElementType, reduction: Reduction
  ) throws {
    for classes in [1, 2, 17, 100, 1025] {
      var problem = Problem(random: 3, type: type, rows: 7, classes: classes, spread: 4).ignoring()
      problem.logits[0] = -.infinity
      for weight in [nil, longTail(classes)] {
        let focal = LossCase(
          kind: .focal(gamma: 0), classes: classes, classWeight: weight, reduction: reduction)
        let plain = focal.with { $0.kind = .crossEntropy }
        #expect(try focal.evaluate(problem).written == plain.evaluate(problem).written)
      }
    }
  }

  @Test(arguments: [ElementType.float32, .float64], [0.5, 1, 2, 5])
  func `keeps its relative precision where a row is right already`(
    type: ElementType, gamma: Double
  ) throws {
    // (1 - p)^gamma log(1 + e^-d), with 1 - p far below the spacing of numbers next to 1.
    for distance in [3.0, 10, 15] {
      let problem = Problem(type: type, rows: 1, classes: 2, logits: [distance, 0], labels: [0])
      let stage = try LossCase(kind: .focal(gamma: gamma), classes: 2).evaluate(problem)
      let expected = referenceFocalRow([distance, 0], label: 0, gamma: gamma, classWeight: 1)
      let bound = 64 * type.arithmeticError * (1 + gamma) * distance
      #expect(abs(stage.result.value / expected.value - 1) < bound, "\(distance)")
      // Below the smallest normal number of the type it may be 0.
      let smallest =
        type == .float32
        ? Double(Float.leastNormalMagnitude) : Double.leastNormalMagnitude
      let error = abs(stage.gradient[0, 0] - expected.gradient[0])
      #expect(error < max(bound * abs(expected.gradient[0]), smallest), "\(distance)")
    }
  }

  @Test(arguments: ElementType.allCases, [0, 0.25, 1, 2, 30])
  func `is finite however right or wrong a row is`(type: ElementType, gamma: Double) throws {
    for distance in [-1e4, -200, -50, 50, 200, 1e4] {
      let problem = Problem(
        type: type, rows: 1, classes: 3, logits: [distance, 0, -1], labels: [0])
      let loss = LossCase(kind: .focal(gamma: gamma), classes: 3)
      expectAgreement(try loss.evaluate(problem), try loss.expected(problem), loss)
    }
  }
}

@Suite struct `Members of the softmax-margin family are members of margin softmax` {
  private static let classes = 27

  private func expectSame(_ member: LossCase, _ vectors: LossCase.MarginSoftmax) throws {
    var random = Random(seed: 3)
    var general = member
    general.kind = .marginSoftmax(vectors)
    general.counts = nil
    for loss in [
      (member, general),
      (member.with { $0.labelSmoothing = 0.2 }, general.with { $0.labelSmoothing = 0.2 }),
    ] {
      var problem = Problem(
        random: 2, type: .float64, rows: 9, classes: Self.classes, spread: 0.5)
      problem.sampleWeight = random.uniforms(9, in: 0...2)
      let (first, second) = (try loss.0.evaluate(problem), try loss.1.evaluate(problem))
      #expect(abs(first.result.value - second.result.value) < 1e-12)
      for (one, other) in zip(first.gradient.numbers, second.gradient.numbers) {
        #expect(abs(one - other) < 1e-12)
      }
    }
  }

  @Test func `each with its own vectors`() throws {
    let counts = longTail(Self.classes)
    func counted(_ kind: LossCase.Kind) -> LossCase {
      LossCase(kind: kind, classes: Self.classes, counts: counts)
    }
    let prior = referenceLogPrior(counts: counts)
    let margin = referenceMargins(counts: counts, maxMargin: 0.5)
    let largest = counts.max() ?? 1
    let scale = counts.map { pow($0 / largest, 0.3) }
    try expectSame(LossCase(kind: .crossEntropy, classes: Self.classes), .init())
    try expectSame(counted(.logitAdjusted(tau: 2)), .init(offset: prior.map { 2 * $0 }))
    try expectSame(counted(.ldam(maxMargin: 0.5, scale: 30)), .init(margin: margin, scale: 30))
    try expectSame(
      counted(.elm(maxMargin: 0.5, scale: 30, lam: 0.75)),
      .init(margin: margin, scale: 30, lam: 0.75))
    try expectSame(
      counted(.vectorScaling(gamma: 0.3, tau: 1)), .init(offset: prior, classScale: scale))
  }
}
