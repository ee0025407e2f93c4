import CTopKLoss
import Testing

@Suite struct `Accuracy by shots tells frequent classes from rare ones` {
  /// On both sides of each default bound, and on it.
  private static let counts: [Double] = [1000, 100, 101, 20, 19, 50, 0, 3]

  /// Three accuracies, which a call that fails must leave as they are.
  private func accuracies(
    _ stage: Stage, counts: [Double] = counts,
    _ change: (inout topkloss_shot_accuracy_options) -> Void = { _ in }
  ) throws -> [Double] {
    try withPointer(counts) { counts in
      var options = topkloss_shot_accuracy_options()
      try check(topkloss_shot_accuracy_options_init(&options, 64))
      (options.classes, options.class_counts) = (8, counts)
      change(&options)
      var found = [Double](repeating: Stage.unwritten, count: 3)
      let status = topkloss_shot_accuracy(&options, &stage.batch, &found)
      #expect(status == 0 || found == [Double](repeating: Stage.unwritten, count: 3))
      try check(status)
      return found
    }
  }

  /// NaN is like NaN.
  private func expectSame(_ actual: [Double], _ expected: [Double]) {
    for (one, other) in zip(actual, expected) {
      #expect(abs(one - other) < 1e-14 || (one.isNaN && other.isNaN), "\(actual), \(expected)")
    }
  }

  /// Top-K accuracy over the rows of some classes alone, as the interface has it.
  private func plain(
    _ problem: Problem, classes: [Int], k: Int, isMacro: Bool
  ) throws -> Double {
    var part = problem
    part.labels = problem.labels.map { $0 >= 0 && classes.contains(Int($0)) ? $0 : -100 }
    if part.labels.allSatisfy({ $0 == -100 }) { return .nan }
    var options = topkloss_topk_accuracy_options()
    try check(topkloss_topk_accuracy_options_init(&options, 32))
    (options.k, options.average) = (Int64(k), isMacro ? 1 : 0)
    var accuracy = 0.0
    let stage = try Stage(part)
    try check(topkloss_topk_accuracy(&options, &stage.batch, &accuracy))
    return accuracy
  }

  @Test(arguments: ElementType.allCases, [1, 2, 5, 8, 100])
  func `each group is the accuracy of its own rows`(type: ElementType, k: Int) throws {
    for isMacro in [false, true] {
      for isNarrow in [false, true] {
        var problem = Problem(random: 5, type: type, rows: 150, classes: 8).ignoring()
        problem.logits = problem.logits.map { ($0 * 2).rounded() }
        problem.labelsAreNarrow = isNarrow
        for layout in [Stage.Layout(), .init(logitsStride: 13), .init(logitsStride: -9)] {
          let found = try accuracies(Stage(problem, layout)) {
            ($0.k, $0.average) = (Int64(k), isMacro ? 1 : 0)
          }
          // More than 100, 20 to 100, fewer than 20.
          let groups = [[0, 2], [1, 3, 5], [4, 6, 7]]
          expectSame(
            found, try groups.map { try plain(problem, classes: $0, k: k, isMacro: isMacro) })
        }
      }
    }
  }

  @Test func `the bounds may be moved, and may meet`() throws {
    let problem = Problem(random: 5, rows: 150, classes: 8)
    let stage = try Stage(problem)
    let found = try accuracies(stage) { ($0.many, $0.few) = (20, 20) }
    expectSame(
      found,
      try [[0, 1, 2, 5], [3], [4, 6, 7]].map {
        try plain(problem, classes: $0, k: 1, isMacro: false)
      })
    let all = try accuracies(stage) { ($0.many, $0.few) = (5000, 0) }
    expectSame(
      all, [.nan, try plain(problem, classes: Array(0..<8), k: 1, isMacro: false), .nan])
  }

  @Test func `it is NaN where no row counts`() throws {
    let empty = try Stage(Problem(rows: 0, classes: 8, logits: [], labels: []))
    expectSame(try accuracies(empty), [.nan, .nan, .nan])
    var problem = Problem(random: 5, rows: 3, classes: 8)
    problem.labels = [0, 0, 9]
    let found = try accuracies(Stage(problem)) { $0.ignore_index = 9 }
    #expect(found[0] >= 0 && found[1].isNaN && found[2].isNaN)
  }

  @Test func `options that cannot be are refused`() throws {
    let stage = try Stage(Problem(random: 1, rows: 4, classes: 8))
    func expect(
      _ status: Status, _ words: [String], counts: [Double] = Self.counts,
      _ change: (inout topkloss_shot_accuracy_options) -> Void = { _ in }
    ) {
      expectFailure(status, naming: words) {
        _ = try accuracies(stage, counts: counts, change)
      }
    }
    expect(.option, ["k", "0", "1"]) { $0.k = 0 }
    expect(.option, ["k", "-3", "1"]) { $0.k = -3 }
    expect(.option, ["few", "-1"]) { $0.few = -1 }
    expect(.option, ["few", "nan"]) { $0.few = .nan }
    expect(.option, ["many", "19"]) { $0.many = 19 }
    expect(.option, ["many", "inf"]) { $0.many = .infinity }
    expect(.nullPointer, ["class_counts"]) { $0.class_counts = nil }
    expect(.size, ["classes", "0"]) { $0.classes = 0 }
    expect(.size, ["classes", "7", "8"]) { $0.classes = 7 }
    var wrong = Self.counts
    for (count, text) in [(-1.0, "-1"), (.nan, "nan"), (.infinity, "inf")] {
      wrong[5] = count
      expect(.classCount, ["class_counts[5]", text], counts: wrong)
    }
  }

  @Test func `batches that cannot be are refused`() throws {
    let problem = Problem(random: 1, rows: 4, classes: 8)
    let spoils: [(Status, [String], (inout topkloss_batch) -> Void)] = [
      (.nullPointer, ["labels"], { $0.labels = nil }),
      (.nullPointer, ["logits"], { $0.logits = nil }), (.size, ["rows", "-4"], { $0.rows = -4 }),
      (.enumerator, ["dtype", "4"], { $0.dtype = 4 }),
      (.enumerator, ["label_type", "2"], { $0.label_type = 2 }),
      (.structSize, ["batch.struct_size"], { $0.struct_size = 120 }),
    ]
    for (status, words, spoil) in spoils {
      let stage = try Stage(problem)
      spoil(&stage.batch)
      expectFailure(status, naming: words) { _ = try accuracies(stage) }
    }
    var mislabelled = problem
    mislabelled.labels[2] = 8
    expectFailure(.label, naming: ["labels[2]", "8"]) { _ = try accuracies(Stage(mislabelled)) }

    let stage = try Stage(problem)
    var options = topkloss_shot_accuracy_options()
    try check(topkloss_shot_accuracy_options_init(&options, 64))
    (options.classes, options.class_counts) = (3, StaticCounts.three)
    var found = [0.0, 0, 0]
    expectFailure(.nullPointer, naming: ["options"]) {
      try check(topkloss_shot_accuracy(nil, &stage.batch, &found))
    }
    expectFailure(.nullPointer, naming: ["batch"]) {
      try check(topkloss_shot_accuracy(&options, nil, &found))
    }
    expectFailure(.nullPointer, naming: ["accuracies"]) {
      try check(topkloss_shot_accuracy(&options, &stage.batch, nil))
    }
  }
}
