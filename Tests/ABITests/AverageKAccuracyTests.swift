import CTopKLoss
import Testing

@Suite struct `Average-K accuracy counts the labels in sets of K on average` {
  private func accuracy(
    _ stage: Stage, k: Double, isMacro: Bool = false, ignoring ignored: Int64 = -100
  ) throws -> Double {
    var options = topkloss_average_k_accuracy_options()
    try check(topkloss_average_k_accuracy_options_init(&options, 32))
    (options.k, options.average, options.ignore_index) = (k, isMacro ? 1 : 0, ignored)
    var accuracy = Stage.unwritten
    try check(topkloss_average_k_accuracy(&options, &stage.batch, &accuracy))
    return accuracy
  }

  private func reference(_ problem: Problem, k: Double, isMacro: Bool) -> Double {
    let counted = (0..<problem.rows).filter { problem.labels[$0] != -100 }
    let kept = bestPairs(counted.map(problem.row), k: k)
    var hits: [Int64: [Double]] = [:]
    for (place, row) in counted.enumerated() {
      let label = problem.labels[row]
      hits[label, default: []].append(kept[place][Int(label)] ? 1 : 0)
    }
    let groups = isMacro ? Array(hits.values) : [hits.values.flatMap { $0 }]
    let means = groups.filter { !$0.isEmpty }.map { $0.reduce(0, +) / Double($0.count) }
    return means.isEmpty ? 0 : means.reduce(0, +) / Double(means.count)
  }

  @Test(arguments: ElementType.allCases, [0.01, 0.5, 1, 2.5, 7, 20.5, 20.999])
  func `as a full ranking says`(type: ElementType, k: Double) throws {
    for isMacro in [false, true] {
      for isNarrow in [false, true] {
        // Few distinct scores: ties everywhere.
        var problem = Problem(random: 5, type: type, rows: 103, classes: 21).ignoring()
        problem.logits = problem.logits.map { ($0 * 2).rounded() }
        problem.logits[3] = .nan
        problem.logits[5 * 21 + Int(problem.labels[5])] = .infinity
        // In a row that is left out nothing counts.
        problem.logits[2 * 21] = 1000
        problem.labelsAreNarrow = isNarrow
        let expected = reference(problem, k: k, isMacro: isMacro)
        for layout in [Stage.Layout(), .init(logitsStride: 30), .init(logitsStride: -22)] {
          let actual = try accuracy(Stage(problem, layout), k: k, isMacro: isMacro)
          #expect(abs(actual - expected) < 1e-14)
        }
      }
    }
  }

  @Test func `it is 0 if no row counts`() throws {
    let empty = Problem(rows: 0, classes: 3, logits: [], labels: [])
    let ignored = Problem(rows: 2, classes: 3, logits: [1, 2, 3, 1, 2, 3], labels: [7, 7])
    for isMacro in [false, true] {
      #expect(try accuracy(Stage(empty), k: 1, isMacro: isMacro) == 0)
      #expect(try accuracy(Stage(ignored), k: 1, isMacro: isMacro, ignoring: 7) == 0)
    }
  }

  @Test func `on the host's threads too`() throws {
    let problem = Problem(random: 5, rows: 3000, classes: 60).ignoring()
    let stage = try Stage(problem)
    let host = HostExecutor(HostExecutor.onThreads)
    var found = 0.0
    try host.withExecutor { executor in
      stage.batch.executor = executor
      found = try accuracy(stage, k: 3, isMacro: true)
    }
    #expect(abs(found - reference(problem, k: 3, isMacro: true)) < 1e-14)
    #expect(!host.callCounts.isEmpty)
    HostExecutor { _, _ in }.withExecutor { executor in
      stage.batch.executor = executor
      expectFailure(.executor, naming: ["executor"]) { _ = try accuracy(stage, k: 3) }
    }
  }

  @Test func `what cannot be is refused and nothing is written`() throws {
    let stage = try Stage(Problem(random: 1, rows: 4, classes: 3))
    for (k, text) in [(0.0, "0"), (-2, "-2"), (.nan, "nan"), (3, "3"), (.infinity, "inf")] {
      expectFailure(.option, naming: ["k", text]) { _ = try accuracy(stage, k: k) }
    }
    var options = topkloss_average_k_accuracy_options()
    try check(topkloss_average_k_accuracy_options_init(&options, 32))
    options.k = 1
    var found = Stage.unwritten
    func measure(_ spoil: (inout topkloss_batch) -> Void) throws {
      var batch = stage.batch
      spoil(&batch)
      try check(topkloss_average_k_accuracy(&options, &batch, &found))
    }
    let wrong = Memory([Int64](repeating: 3, count: 4))
    expectFailure(.label, naming: ["labels[0]", "3"]) {
      try measure { $0.labels = UnsafeRawPointer(wrong.address) }
    }
    expectFailure(.nullPointer, naming: ["labels"]) { try measure { $0.labels = nil } }
    expectFailure(.nullPointer, naming: ["logits"]) { try measure { $0.logits = nil } }
    expectFailure(.size, naming: ["rows", "-4"]) { try measure { $0.rows = -4 } }
    expectFailure(.enumerator, naming: ["label_type", "2"]) { try measure { $0.label_type = 2 } }
    expectFailure(.enumerator, naming: ["dtype", "4"]) { try measure { $0.dtype = 4 } }
    expectFailure(.nullPointer, naming: ["options"]) {
      try check(topkloss_average_k_accuracy(nil, &stage.batch, &found))
    }
    expectFailure(.nullPointer, naming: ["batch"]) {
      try check(topkloss_average_k_accuracy(&options, nil, &found))
    }
    expectFailure(.nullPointer, naming: ["accuracy"]) {
      try check(topkloss_average_k_accuracy(&options, &stage.batch, nil))
    }
    #expect(found == Stage.unwritten)
  }
}
