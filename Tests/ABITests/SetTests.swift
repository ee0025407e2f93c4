import CTopKLoss
import Testing

@Suite(.enabled(if: InstructionSet.isFirst)) struct `Sets of K classes on average` {
  private static let ranks = [1e-3, 0.02, 0.5, 1.5, 2.25, 3.125, 10.9, 16.5, 16.999]

  private func rows(_ problem: Problem) -> [[Double]] { (0..<problem.rows).map(problem.row) }

  /// 17 classes, few distinct scores: ties everywhere.
  private func tied(_ type: ElementType, rows: Int = 40) -> Problem {
    var problem = Problem(random: 5, type: type, rows: rows, classes: 17)
    problem.logits = problem.logits.map { ($0 * 2).rounded() }
    return problem
  }

  private func expectBest(_ problem: Problem, k: Double, layout: Stage.Layout = .init()) throws {
    let stage = try Stage(problem, layout)
    let threshold = try topkloss_threshold(averageK: k, stage)
    let kept = bestPairs(rows(problem), k: k).map { row in row.indices.filter { row[$0] } }
    #expect(try threshold.sets(stage) == kept, "K \(k)")
    #expect(!threshold.value.isNaN)
    #expect(stage.surroundingsAreUntouched && (layout.isInPlace || stage.outputsAreUntouched))
    // Sets that would be empty get their best class; rows of NaN alone stay empty.
    let filled = zip(kept, rows(problem)).map { set, scores in
      let best = scores.filter { !$0.isNaN }.max().flatMap { scores.firstIndex(of: $0) }
      return set.isEmpty ? best.map { [$0] } ?? [] : set
    }
    #expect(try threshold.sets(stage, neverEmpty: true) == filled, "K \(k)")
  }

  @Test(arguments: ElementType.allCases, ranks)
  func `exactly round(B K) pairs, of equal scores the first`(type: ElementType, k: Double) throws {
    for (index, rows) in [1, 2, 3, 8, 40].enumerated() {
      try expectBest(tied(type, rows: rows), k: k, layout: Variation.layouts(classes: 17)[index])
      try expectBest(
        Problem(random: UInt64(rows), type: type, rows: rows, classes: 17, spread: 50), k: k)
    }
  }

  @Test(arguments: ElementType.allCases)
  func `equal scores, zeros of both signs, NaN, infinities, numbers of every size`(
    type: ElementType
  ) throws {
    func problem(_ rows: Int, _ classes: Int, _ logits: [Double]) -> Problem {
      Problem(
        type: type, rows: rows, classes: classes, logits: logits,
        labels: [Int64](repeating: 0, count: rows))
    }
    for score in [0, -0.0, 1.5, -1e4] {
      for k in Self.ranks {
        try expectBest(problem(30, 17, .init(repeating: score, count: 510)), k: k)
      }
    }
    for k in [0.5, 1, 1.5, 2, 2.5] {
      try expectBest(problem(2, 3, [-0.0, 0, 1, 0, -0.0, -1]), k: k)
    }
    let odd: [Double] = [
      .nan, .infinity, -.infinity, 0, -0.0, 6e4, -6e4, 1e-7, -1e-7, 5e-324, 1e-40, -1e-40, 1, -1,
    ]
    var random = Random(seed: 3)
    for round in 0..<20 {
      let logits = (0..<99).map { _ in
        round % 2 == 0 ? odd.randomElement(using: &random) ?? 0 : 100 * random.normal()
      }
      for k in [0.3, 1, 2.5, 5, 9, 10.9] { try expectBest(problem(9, 11, logits), k: k) }
    }
    guard type == .float32 || type == .float64 else { return }
    // Neighbours in the last place: no midpoint between them in their own type.
    var neighbours = [1.0]
    while neighbours.count < 60 {
      let last = neighbours[neighbours.count - 1]
      neighbours.append(type == .float64 ? last.nextUp : Double(Float(last).nextUp))
    }
    for count in 1..<60 { try expectBest(problem(6, 10, neighbours), k: Double(count) / 6) }
  }

  @Test(arguments: ElementType.allCases)
  func `a threshold lies midway, and is +inf if none is kept`(type: ElementType) throws {
    let problem = Problem(random: 7, type: type, rows: 20, classes: 17, spread: 3)
    for k in Self.ranks where k < 16 {
      let value = try topkloss_threshold(averageK: k, Stage(problem)).value
      let expected = referenceThreshold(rows(problem), k: k)
      #expect(expected.isInfinite ? value == expected : abs(value - expected) < 1e-14, "K \(k)")
    }
    let empty = try Stage(Problem(rows: 0, classes: 3, logits: [], labels: []))
    #expect(try topkloss_threshold(averageK: 1, empty).value == .infinity)
    #expect(try topkloss_threshold(value: 5).sets(empty, neverEmpty: true).isEmpty)
  }

  @Test func `half a pair goes to the even number`() throws {
    // 0.5, 1.5, 2.5 and 3.5 pairs of five rows.
    for (k, count) in [(0.1, 0), (0.3, 2), (0.5, 2), (0.7, 4)] {
      let stage = try Stage(tied(.float32, rows: 5))
      // Labels and weights are not looked at.
      (stage.batch.labels, stage.batch.label_type, stage.batch.first_row) = (nil, 77, -1)
      #expect(try topkloss_threshold(averageK: k, stage).sets(stage).flatMap { $0 }.count == count)
    }
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
    let dropping = HostExecutor { _, _ in }
    dropping.withExecutor { executor in
      stage.batch.executor = executor
      expectFailure(.executor, naming: ["executor"]) {
        _ = try topkloss_threshold(averageK: 2, stage)
      }
    }
    stage.batch.executor = nil
    #expect(try threshold.sets(stage) == expected)
  }

  private let problem = Problem(
    rows: 4, classes: 3, logits: [0, 2, 1, 1, 1, 0, -1, -2, -1, 3, .nan, 1],
    labels: [0, 0, 0, 0])

  @Test(arguments: ElementType.allCases)
  func `scores above a threshold, and of those that equal it the first`(type: ElementType) throws {
    var problem = problem
    problem.type = type
    let stage = try Stage(problem)
    func sets(_ ties: Int64, neverEmpty: Bool = false) throws -> [[Int]] {
      try topkloss_threshold(value: 1, ties: ties).sets(stage, neverEmpty: neverEmpty)
    }
    #expect(try sets(-1) == [[1, 2], [0, 1], [], [0, 2]])
    #expect(try sets(0) == [[1], [], [], [0]])
    #expect(try sets(2) == [[1, 2], [0], [], [0]])
    #expect(try sets(3) == [[1, 2], [0, 1], [], [0]])
    #expect(try sets(.max) == sets(-1) && sets(.min) == sets(-1))
    // What is kept already stays as it is.
    #expect(try sets(1, neverEmpty: true) == [[1, 2], [0], [0], [0]])
    (problem.logits[0], problem.logits[4]) = (.infinity, -.infinity)
    let infinite = try Stage(problem)
    func sets(above value: Double, _ ties: Int64 = -1) throws -> [[Int]] {
      try topkloss_threshold(value: value, ties: ties).sets(infinite)
    }
    #expect(try sets(above: .infinity) == [[0], [], [], []])
    #expect(try sets(above: .infinity, 0) == [[], [], [], []])
    #expect(try sets(above: -.infinity) == [[0, 1, 2], [0, 1, 2], [0, 1, 2], [0, 2]])
    #expect(try sets(above: -.infinity, 0) == [[0, 1, 2], [0, 2], [0, 1, 2], [0, 2]])
  }

  @Test func `a threshold is compared as the float64 that it is`() throws {
    // The nearest float32 is above it, or below.
    for value in [0.1, 0.7] {
      let near = Double(Float(value))
      let stage = try Stage(Problem(rows: 1, classes: 3, logits: [near, -1, 1], labels: [0]))
      #expect(try topkloss_threshold(value: value).sets(stage) == [near > value ? [0, 2] : [2]])
    }
  }

  @Test func `with too little room, how much is needed is told and nothing else written`() throws {
    let stage = try Stage(problem)
    var threshold = topkloss_threshold(value: 1)
    for (capacity, isEnough) in [(0, false), (1, false), (5, false), (6, true), (9, true)] {
      var ends = [Int64](repeating: -1, count: 5)
      var indices = [Int64](repeating: -7, count: 9)
      let status = topkloss_predict_sets(
        &threshold, 0, &stage.batch, &ends, &indices, Int64(capacity))
      #expect(status == (isEnough ? Status.ok : .size).rawValue && ends == [0, 2, 4, 4, 6])
      #expect(
        indices == (isEnough ? [1, 2, 0, 1, 0, 2] : .init(repeating: -7, count: 6)) + [-7, -7, -7])
    }
  }

  @Test(arguments: Variation.pairs) func `thresholds by class, and what they come to`(
    variation: Variation
  ) throws {
    var problem = tied(variation.type, rows: 103).ignoring()
    problem.logits[3] = .nan
    var layout = variation.layout(classes: 17)
    layout.isInPlace = false
    let stage = try Stage(problem, layout)
    // Some equal scores, and some lie between them.
    let values = Memory.forever(
      (0..<17).map { (label: Int) -> Double in Double(label % 5) / 2 - 1 })
    var threshold = topkloss_threshold(value: .nan, ties: 1)
    (threshold.classes, threshold.class_values) = (17, UnsafePointer(values.numbers))
    let expected = rows(problem).map { row in
      row.indices.filter { row[$0] >= values.numbers[$0] }
    }
    #expect(try threshold.sets(stage) == expected)

    let start = [Double](repeating: 5, count: 17)
    var (hits, sizes, weights) = (start, start, start)
    try check(
      topkloss_tally_sets(&threshold, -100, &stage.batch, &hits, &sizes, &weights))
    var whole = [start, start, start]
    for (row, label) in problem.labels.enumerated() where label != -100 {
      whole[0][Int(label)] += expected[row].contains(Int(label)) ? 1 : 0
      whole[1][Int(label)] += Double(expected[row].count)
      whole[2][Int(label)] += 1
    }
    #expect([hits, sizes, weights] == whole)
    #expect(stage.outputsAreUntouched)
  }

  @Test(arguments: ElementType.allCases) func `conformal thresholds are order statistics`(
    type: ElementType
  ) throws {
    var problem = Problem(random: 2, type: type, rows: 60, classes: 5).ignoring()
    problem.logits = problem.logits.map { abs($0).truncatingRemainder(dividingBy: 1) }
    let stage = try Stage(problem)
    let counted = (0..<60).filter { problem.labels[$0] != -100 }
    func own(_ rows: [Int]) -> [Double] { rows.map { problem.row($0)[Int(problem.labels[$0])] } }
    func largest(_ numbers: [Double]) -> Double {
      let rank = Int((Double(numbers.count + 1) * 0.8).rounded(.up))
      return rank > numbers.count ? 0 : numbers.sorted(by: >)[rank - 1]
    }
    let counts = Memory.forever([100.0, 50, 20, 5, 1])
    let prior = (0..<5).map { counts.numbers[$0] / 176 }
    let standard = largest(own(counted))
    let classwise = (0..<5).map { label in
      largest(own(counted.filter { problem.labels[$0] == label }))
    }
    let adjusted = largest(
      zip(own(counted), counted).map { $0 / prior[Int(problem.labels[$1])] })
    let expected = [
      .init(repeating: standard, count: 5), classwise, prior.map { $0 * adjusted },
      classwise.map { 0.3 * $0 + 0.7 * standard },
    ]
    for method in 0..<4 {
      var options = topkloss_conformal_options()
      try check(topkloss_conformal_options_init(&options, MemoryLayout.size(ofValue: options)))
      (options.method, options.coverage, options.weight) = (Int32(method), 0.8, 0.3)
      (options.classes, options.class_counts) = (5, UnsafePointer(counts.numbers))
      var found = [Double](repeating: 7, count: 5)
      try check(topkloss_conformal_thresholds(&options, &stage.batch, &found))
      for (one, other) in zip(found, expected[method]) {
        #expect(abs(one - other) < 1e-14, "method \(method): \(found)")
      }
    }
  }
}
