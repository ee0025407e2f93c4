import Testing

// The bars are the header's: 1e-5 max(epsilon, 1e-3, 0.01 |T|) on T and 1e-5 on each entry of its gradient in
// float32, 1e-10 of the same in float64, against a trapezoid rule with a step of a twentieth of epsilon.

@Suite(.enabled(if: InstructionSet.isOwn)) struct `The exact estimator is the expectation itself` {
  private func ranked(_ k: Int, _ classes: Int, _ options: [String: Option] = [:]) -> LossCase {
    LossCase("noised_topk_operator", classes: classes, ["k": .integer(Int64(k))]).with(options)
  }

  private func expectExact(
    _ scores: [Double], rank: Int, epsilon: Double,
    types: [ElementType] = [.float32, .float64],
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    for type in types {
      let problem = Problem(
        type: type, rows: 1, classes: scores.count, logits: scores, labels: [0])
      let stage = try ranked(rank, scores.count, ["epsilon": .number(epsilon)]).evaluate(problem)
      let expected = exactOrderStatistic(
        problem.logits, above: rank - 1, epsilon: epsilon, step: 0.05)
      let bar = type == .float32 ? 1e-5 : 1e-10
      let what = "rank \(rank) of \(scores.count), epsilon \(epsilon), \(type)"
      let error = abs(stage.rowValues[0, 0] - expected.value)
      #expect(
        error <= bar * max(epsilon, 1e-3, 0.01 * abs(expected.value)), "T, \(what): \(error)",
        sourceLocation: sourceLocation)
      let gradient = stage.gradient.numbers
      let furthest = zip(gradient, expected.holders).map { abs($0 - $1) }.max() ?? 0
      #expect(furthest <= bar, "gradient, \(what): \(furthest)", sourceLocation: sourceLocation)
      #expect(
        gradient.allSatisfy { $0 >= 0 } && abs(exactSum(gradient) - 1) <= bar,
        "sum, \(what): \(exactSum(gradient) - 1)", sourceLocation: sourceLocation)
    }
  }

  @Test(arguments: [1, 2, 3, 6, 17])
  func `every rank of a few classes`(classes: Int) throws {
    var random = Random(seed: UInt64(classes))
    let scores = random.normals(classes, spread: 2)
    for rank in 1...classes {
      for epsilon in [0.1, 1, 5] { try expectExact(scores, rank: rank, epsilon: epsilon) }
    }
  }

  @Test(arguments: [1e-4, 1e-2, 0.5, 2, 100, 1e4])
  func `noise far smaller and far larger than the scores' spread`(ratio: Double) throws {
    var random = Random(seed: 1)
    for (classes, rank) in [(5, 2), (40, 6), (300, 4), (100, 51)] {
      let scores = random.normals(classes)
      try expectExact(scores, rank: rank, epsilon: ratio)
      // The same in another unit, near the ends of what float32 holds well.
      for unit in [1e-3, 1e3] {
        try expectExact(scores.map { $0 * unit }, rank: rank, epsilon: ratio * unit)
      }
    }
  }

  @Test(arguments: [2, 3, 10, 100, 1000])
  func `equal scores`(classes: Int) throws {
    for rank in Set([1, 2, 5, 11, classes / 2, classes]) where (1...classes).contains(rank) {
      guard classes * rank <= 20_000 else { continue }
      for score in [0, -3.25, 40] {
        try expectExact([Double](repeating: score, count: classes), rank: rank, epsilon: 1)
      }
      try expectExact([Double](repeating: 0, count: classes), rank: rank, epsilon: 1e-3)
    }
  }

  @Test(arguments: [1e-3, 2, 6, 9, 30, 1000])
  func `scores in two groups, about as far apart as the noise reaches`(distance: Double) throws {
    for (high, low) in [(1, 9), (3, 7), (5, 5), (9, 1), (4, 96), (30, 30)] {
      let scores = (0..<high + low).map { $0 < high ? distance : 0 }
      for rank in Set([1, high - 1, high, high + 1, high + 2, high + low]) {
        guard (1...high + low).contains(rank) else { continue }
        try expectExact(scores, rank: rank, epsilon: 1)
      }
    }
  }

  @Test func `one class far ahead, one far behind, and a long tail`() throws {
    var random = Random(seed: 4)
    var scores = random.normals(200)
    (scores[17], scores[90]) = (25, -1000)
    let tail = (0..<500).map { -0.02 * Double($0) }
    for rank in [1, 2, 3, 6, 11] {
      for epsilon in [0.05, 1, 20] {
        try expectExact(scores, rank: rank, epsilon: epsilon)
        try expectExact(tail, rank: rank, epsilon: epsilon)
      }
    }
  }

  @Test func `a thousand classes, few ranks and many`() throws {
    var random = Random(seed: 5)
    let scores = random.normals(1000)
    for rank in [2, 11, 65] { try expectExact(scores, rank: rank, epsilon: 1) }
    try expectExact(scores, rank: 6, epsilon: 30)
  }

  @Test func `masked classes are not there`() throws {
    var random = Random(seed: 6)
    var scores = random.normals(30)
    for index in [0, 7, 8, 29] { scores[index] = -.infinity }
    for rank in [1, 5, 26] { try expectExact(scores, rank: rank, epsilon: 1) }

    let problem = Problem(rows: 1, classes: 30, logits: scores, labels: [0])
    let stage = try ranked(27, 30).evaluate(problem)
    #expect(stage.rowValues[0, 0] == -.infinity)
    // The first that is masked, class 0, holds the rank.
    #expect(stage.gradient.numbers == (0..<30).map { $0 == 0 ? 1 : 0 })
  }

  @Test(arguments: ElementType.allCases)
  func `each row by itself is the same bits as in its batch`(type: ElementType) throws {
    let loss = LossCase(
      "noised_topk", classes: 45, ["k": 3, "epsilon": 0.5, "estimator": 1]
    ).with(.none)
    let whole = Problem(random: 2, type: type, rows: 50, classes: 45, spread: 1.5)
    let together = try loss.evaluate(whole)
    let alone = try (0..<50).map { try loss.evaluate(whole.rows($0..<$0 + 1)) }
    #expect(together.gradient.pattern == Pattern(joining: alone.map(\.gradient.pattern)))
    #expect(together.rowValues.pattern == Pattern(joining: alone.map(\.rowValues.pattern)))
  }

  @Test func `samples, seed, step and the row's number mean nothing`() throws {
    var problem = Problem(random: 2, rows: 3, classes: 9)
    let expected = try ranked(2, 9).evaluate(problem).written
    (problem.step, problem.firstRow) = (3, 1000)
    let other = ranked(2, 9, ["n_samples": 77, "seed": 5])
    #expect(try other.evaluate(problem).written == expected)
  }

  @Test func `many samples come close to it`() throws {
    let problem = Problem(random: 4, type: .float64, rows: 2, classes: 10)
    let exact = try ranked(3, 10).evaluate(problem)
    let sampled = try ranked(3, 10, ["n_samples": 40_000, "estimator": 0]).evaluate(problem)
    // Five standard deviations of a mean of 40,000, each of which has at most 1 and at most 1/2.
    for row in 0..<2 {
      #expect(abs(exact.rowValues[row, 0] - sampled.rowValues[row, 0]) < 0.025)
    }
    for (first, second) in zip(exact.gradient.numbers, sampled.gradient.numbers) {
      #expect(abs(first - second) < 0.0125)
    }
  }
}
