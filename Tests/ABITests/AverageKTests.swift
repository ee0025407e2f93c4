import CTopKLoss
import Testing

@Suite struct `A threshold keeps K pairs a row on average` {
  private static let ranks = [1e-3, 0.02, 0.5, 1, 1.5, 2.25, 3.125, 7, 10.9, 16.5, 16.999]

  /// 17 classes, few distinct scores: ties everywhere.
  private func tied(_ type: ElementType, rows: Int = 40) -> Problem {
    var problem = Problem(random: 5, type: type, rows: rows, classes: 17)
    problem.logits = problem.logits.map { ($0 * 2).rounded() }
    return problem
  }

  private func rows(_ problem: Problem) -> [[Double]] {
    (0..<problem.rows).map(problem.row)
  }

  private func expectBest(
    _ problem: Problem, k: Double, layout: Stage.Layout = .init(),
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let stage = try Stage(problem, layout)
    let threshold = try topkloss_threshold(averageK: k, stage)
    let expected = bestPairs(rows(problem), k: k).map { row in row.indices.filter { row[$0] } }
    let actual = try threshold.sets(stage)
    #expect(actual == expected, "K \(k)", sourceLocation: sourceLocation)
    #expect(!threshold.value.isNaN, sourceLocation: sourceLocation)
    #expect(stage.surroundingsAreUntouched && stage.outputsAreUntouched)
  }

  @Test(arguments: ElementType.allCases, ranks)
  func `exactly round(B K) of them, of equal scores the first`(
    type: ElementType, k: Double
  ) throws {
    for rows in [1, 2, 3, 8, 40] {
      try expectBest(tied(type, rows: rows), k: k)
      try expectBest(
        Problem(random: UInt64(rows), type: type, rows: rows, classes: 17, spread: 50), k: k)
    }
  }

  @Test(arguments: ElementType.allCases)
  func `however they lie in memory`(type: ElementType) throws {
    for layout in StrideTests.layouts { try expectBest(tied(type), k: 2.5, layout: layout) }
  }

  @Test func `half a pair goes to the even number`() throws {
    // 0.5, 1.5, 2.5 and 3.5 pairs of five rows.
    for (k, count) in [(0.1, 0), (0.3, 2), (0.5, 2), (0.7, 4)] {
      let stage = try Stage(tied(.float32, rows: 5))
      let kept = try topkloss_threshold(averageK: k, stage).sets(stage).flatMap { $0 }
      #expect(kept.count == count)
    }
  }

  @Test(arguments: ElementType.allCases)
  func `all scores equal, the first pairs are kept`(type: ElementType) throws {
    for score in [0, -0.0, 1.5, -1e4] {
      let problem = Problem(
        type: type, rows: 30, classes: 17, logits: [Double](repeating: score, count: 30 * 17),
        labels: [Int64](repeating: 0, count: 30))
      for k in Self.ranks { try expectBest(problem, k: k) }
    }
  }

  @Test func `zero and minus zero are equal`() throws {
    let problem = Problem(
      rows: 2, classes: 3, logits: [-0.0, 0, 1, 0, -0.0, -1], labels: [0, 0])
    for k in [0.5, 1, 1.5, 2, 2.5] { try expectBest(problem, k: k) }
  }

  @Test(arguments: ElementType.allCases)
  func `scores of every size and sign, NaN and infinities among them`(type: ElementType) throws {
    var random = Random(seed: 3)
    let odd: [Double] = [
      .nan, .infinity, -.infinity, 0, -0.0, 6e4, -6e4, 1e-7, -1e-7, 5e-324, 1e-40, -1e-40, 1, -1,
    ]
    for round in 0..<20 {
      let logits = (0..<9 * 11).map { _ in
        round % 2 == 0 ? odd.randomElement(using: &random) ?? 0 : 100 * random.normal()
      }
      let problem = Problem(
        type: type, rows: 9, classes: 11, logits: logits,
        labels: [Int64](repeating: 0, count: 9))
      for k in [0.3, 1, 2.5, 5, 9, 10.9] { try expectBest(problem, k: k) }
    }
  }

  @Test(arguments: [ElementType.float32, .float64])
  func `scores next to each other`(type: ElementType) throws {
    // Neighbours in the last place: no midpoint between them in their own type.
    var score = 1.0
    var logits: [Double] = []
    for _ in 0..<60 {
      logits.append(score)
      score = type == .float64 ? score.nextUp : Double(Float(score).nextUp)
    }
    let problem = Problem(
      type: type, rows: 6, classes: 10, logits: logits, labels: [Int64](repeating: 0, count: 6))
    for count in 1..<60 { try expectBest(problem, k: Double(count) / 6) }
  }

  @Test(arguments: ElementType.allCases)
  func `its value lies midway`(type: ElementType) throws {
    let problem = Problem(random: 7, type: type, rows: 20, classes: 17, spread: 3)
    for k in Self.ranks.filter({ $0 < 16 }) {
      let threshold = try topkloss_threshold(averageK: k, Stage(problem))
      let expected = referenceThreshold(rows(problem), k: k)
      #expect(
        expected.isInfinite
          ? threshold.value == expected : abs(threshold.value - expected) < 1e-14, "K \(k)")
    }
  }

  @Test func `it is +inf if none is kept`() throws {
    let empty = try Stage(Problem(rows: 0, classes: 3, logits: [], labels: []))
    #expect(try topkloss_threshold(averageK: 1, empty).value == .infinity)
    let few = try Stage(Problem(random: 1, rows: 2, classes: 3))
    let threshold = try topkloss_threshold(averageK: 0.1, few)
    #expect(threshold.value == .infinity)
    #expect(try threshold.sets(few) == [[], []])
  }

  @Test func `a large batch, on several threads and on the host's`() throws {
    var problem = Problem(random: 8, rows: 3000, classes: 67)
    problem.logits = problem.logits.map { ($0 * 50).rounded() }
    let expected = bestPairs(rows(problem), k: 3.3).map { row in row.indices.filter { row[$0] } }
    let stage = try Stage(problem)
    for threads in [1, 2, 5] as [Int32] {
      let threshold = try withThreadCountAlone {
        try check(topkloss_set_num_threads(threads))
        return try topkloss_threshold(averageK: 3.3, stage)
      }
      #expect(try threshold.sets(stage) == expected)
    }
    let host = HostExecutor(concurrency: 3, HostExecutor.backwards)
    let threshold = try host.withExecutor { executor in
      stage.batch.executor = executor
      return try topkloss_threshold(averageK: 3.3, stage)
    }
    #expect(!host.callCounts.isEmpty)
    stage.batch.executor = nil
    #expect(try threshold.sets(stage) == expected)
  }

  @Test func `labels and weights are not looked at`() throws {
    let problem = tied(.float32)
    let stage = try Stage(problem)
    stage.batch.labels = nil
    stage.batch.label_type = 77
    stage.batch.first_row = -1
    let weight = Memory([Double.nan])
    stage.batch.sample_weight = UnsafePointer(weight.numbers)
    stage.batch.upstream = UnsafePointer(weight.numbers)
    let threshold = try topkloss_threshold(averageK: 2, stage)
    #expect(try threshold.sets(stage).flatMap { $0 }.count == 80)
  }
}
