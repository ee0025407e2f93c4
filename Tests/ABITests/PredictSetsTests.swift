import CTopKLoss
import Testing

@Suite struct `Sets are what a threshold keeps` {
  private let problem = Problem(
    rows: 4, classes: 3, logits: [0, 2, 1, 1, 1, 0, -1, -2, -1, 3, .nan, 1],
    labels: [0, 0, 0, 0])

  @Test(arguments: ElementType.allCases)
  func `scores above it, and of those that equal it the first`(type: ElementType) throws {
    var problem = problem
    problem.type = type
    let stage = try Stage(problem)
    func sets(_ ties: Int64, neverEmpty: Bool = false) throws -> [[Int]] {
      try topkloss_threshold(value: 1, ties: ties).sets(stage, neverEmpty: neverEmpty)
    }
    #expect(try sets(-1) == [[1, 2], [0, 1], [], [0, 2]])
    #expect(try sets(0) == [[1], [], [], [0]])
    #expect(try sets(1) == [[1, 2], [], [], [0]])
    #expect(try sets(2) == [[1, 2], [0], [], [0]])
    #expect(try sets(3) == [[1, 2], [0, 1], [], [0]])
    #expect(try sets(.max) == sets(-1))
    #expect(try sets(.min) == sets(-1))
    // The best class; of equals the lowest index. What is kept already stays as it is.
    #expect(try sets(1, neverEmpty: true) == [[1, 2], [0], [0], [0]])
    #expect(try sets(-1, neverEmpty: true) == [[1, 2], [0, 1], [0], [0, 2]])
  }

  @Test func `infinite thresholds`() throws {
    var problem = problem
    (problem.logits[0], problem.logits[4]) = (.infinity, -.infinity)
    let stage = try Stage(problem)
    func sets(_ value: Double, _ ties: Int64 = -1) throws -> [[Int]] {
      try topkloss_threshold(value: value, ties: ties).sets(stage)
    }
    #expect(try sets(.infinity) == [[0], [], [], []])
    #expect(try sets(.infinity, 0) == [[], [], [], []])
    #expect(try sets(-.infinity) == [[0, 1, 2], [0, 1, 2], [0, 1, 2], [0, 2]])
    #expect(try sets(-.infinity, 0) == [[0, 1, 2], [0, 2], [0, 1, 2], [0, 2]])
  }

  @Test func `a threshold is compared as the float64 that it is`() throws {
    // The nearest float32 is above it, or below.
    for value in [0.1, 0.7] {
      let near = Double(Float(value))
      let stage = try Stage(
        Problem(rows: 1, classes: 3, logits: [near, -1, 1], labels: [0]))
      let kept = try topkloss_threshold(value: value).sets(stage)
      #expect(kept == [near > value ? [0, 2] : [2]])
    }
  }

  @Test func `rows of NaN alone stay empty`() throws {
    let problem = Problem(
      rows: 3, classes: 2, logits: [.nan, .nan, .nan, -.infinity, 1, 2], labels: [0, 0, 0])
    let sets = try topkloss_threshold(value: 5).sets(Stage(problem), neverEmpty: true)
    #expect(sets == [[], [1], [1]])
  }

  @Test func `no rows have no sets`() throws {
    let stage = try Stage(Problem(rows: 0, classes: 3, logits: [], labels: []))
    #expect(try topkloss_threshold(value: 5).sets(stage, neverEmpty: true).isEmpty)
  }

  @Test func `with too little room, how much is needed is told and nothing else written`() throws {
    let stage = try Stage(problem)
    var threshold = topkloss_threshold(value: 1)
    for capacity in [0, 1, 5] as [Int64] {
      var ends = [Int64](repeating: -1, count: 5)
      var indices = [Int64](repeating: -7, count: 6)
      expectFailure(.size, naming: ["capacity", "\(capacity)", "6"]) {
        try check(
          topkloss_predict_sets(&threshold, 0, &stage.batch, &ends, &indices, capacity))
      }
      #expect(ends == [0, 2, 4, 4, 6])
      #expect(indices == [Int64](repeating: -7, count: 6))
    }
    var indices = [Int64](repeating: -7, count: 9)
    var ends = [Int64](repeating: -1, count: 5)
    try check(topkloss_predict_sets(&threshold, 0, &stage.batch, &ends, &indices, 9))
    #expect(indices == [1, 2, 0, 1, 0, 2, -7, -7, -7])
  }

  @Test func `what cannot be is refused and nothing is written`() throws {
    let stage = try Stage(problem)
    var ends = [Int64](repeating: -1, count: 5)
    var indices = [Int64](repeating: -7, count: 12)
    func predict(
      _ threshold: topkloss_threshold?, _ spoil: (inout topkloss_batch) -> Void = { _ in },
      capacity: Int64 = 12
    ) throws {
      var batch = stage.batch
      spoil(&batch)
      guard var threshold else {
        return try check(topkloss_predict_sets(nil, 0, &batch, &ends, &indices, capacity))
      }
      try check(topkloss_predict_sets(&threshold, 0, &batch, &ends, &indices, capacity))
    }
    let good = topkloss_threshold(value: 1)
    expectFailure(.nullPointer, naming: ["threshold"]) { try predict(nil) }
    expectFailure(.nullPointer, naming: ["logits"]) { try predict(good) { $0.logits = nil } }
    expectFailure(.option, naming: ["value", "NaN"]) {
      try predict(topkloss_threshold(value: .nan))
    }
    expectFailure(.structSize, naming: ["threshold.struct_size", "3"]) {
      try predict(topkloss_threshold(struct_size: 3, value: 1, ties: 0))
    }
    expectFailure(.structSize, naming: ["batch.struct_size"]) {
      try predict(good) { $0.struct_size = 120 }
    }
    expectFailure(.size, naming: ["rows", "-1"]) { try predict(good) { $0.rows = -1 } }
    expectFailure(.size, naming: ["classes", "0"]) { try predict(good) { $0.classes = 0 } }
    expectFailure(.size, naming: ["\(Int64.max)"]) {
      try predict(good) { $0.logits_row_stride = .max }
    }
    expectFailure(.enumerator, naming: ["dtype", "9"]) { try predict(good) { $0.dtype = 9 } }
    expectFailure(.size, naming: ["capacity", "-1"]) { try predict(good, capacity: -1) }
    var copy = good
    expectFailure(.nullPointer, naming: ["batch"]) {
      try check(topkloss_predict_sets(&copy, 0, nil, &ends, &indices, 12))
    }
    expectFailure(.nullPointer, naming: ["indptr"]) {
      try check(topkloss_predict_sets(&copy, 0, &stage.batch, nil, &indices, 12))
    }
    #expect(ends.dropFirst().allSatisfy { $0 == -1 || $0 >= 0 } && indices.allSatisfy { $0 == -7 })
  }

  @Test func `of a threshold too`() throws {
    let stage = try Stage(problem)
    func threshold(_ k: Double, _ spoil: (inout topkloss_batch) -> Void = { _ in }) throws {
      var batch = stage.batch
      spoil(&batch)
      var found = topkloss_threshold(value: Stage.unwritten, ties: 12)
      defer { #expect(found.value == Stage.unwritten && found.ties == 12) }
      try check(topkloss_average_k_threshold(k, &batch, &found))
    }
    for (k, text) in [(0.0, "0"), (-1, "-1"), (.nan, "nan"), (3, "3"), (.infinity, "inf")] {
      expectFailure(.option, naming: ["k", text]) { try threshold(k) }
    }
    expectFailure(.nullPointer, naming: ["logits"]) { try threshold(1) { $0.logits = nil } }
    expectFailure(.structSize, naming: ["batch.struct_size"]) {
      try threshold(1) { $0.struct_size = 5000 }
    }
    expectFailure(.size, naming: ["rows", "-1"]) { try threshold(1) { $0.rows = -1 } }
    expectFailure(.enumerator, naming: ["dtype", "-1"]) { try threshold(1) { $0.dtype = -1 } }
    expectFailure(.nullPointer, naming: ["batch"]) {
      var found = topkloss_threshold(value: 0)
      try check(topkloss_average_k_threshold(1, nil, &found))
    }
    expectFailure(.nullPointer, naming: ["threshold"]) {
      try check(topkloss_average_k_threshold(1, &stage.batch, nil))
    }
    expectFailure(.structSize, naming: ["threshold.struct_size", "16"]) {
      var found = topkloss_threshold(struct_size: 16, value: 0, ties: 0)
      try check(topkloss_average_k_threshold(1, &stage.batch, &found))
    }
  }

  @Test func `an executor that drops tasks is told so`() throws {
    let stage = try Stage(Problem(random: 8, rows: 3000, classes: 67))
    HostExecutor { _, _ in }.withExecutor { executor in
      stage.batch.executor = executor
      expectFailure(.executor, naming: ["executor"]) {
        _ = try topkloss_threshold(averageK: 2, stage)
      }
    }
    let bad = HostExecutor(concurrency: 0, HostExecutor.forwards)
    bad.withExecutor { executor in
      stage.batch.executor = executor
      expectFailure(.option, naming: ["concurrency", "0"]) {
        _ = try topkloss_threshold(averageK: 2, stage)
      }
    }
  }
}
