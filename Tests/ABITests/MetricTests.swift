import CTopKLoss
import Foundation
import Testing

// What stands around the losses, against full rankings and plain formulas.

/// The three accuracies, with their options.
enum Metric: String, CaseIterable, Sendable {
  case top, average, shots

  struct Options {
    var k = 1.0
    var average: Int32 = 0
    var ignored: Int64 = -100
    /// For shots.
    var counts: [Double]? = [1000, 100, 101, 20, 19, 50, 0, 3]
    var classes: Int64 = 8
    var many = 100.0
    var few = 20.0
  }

  /// One number, or three for shots; a call that fails has left them alone.
  func measure(_ batch: UnsafePointer<topkloss_batch>?, _ options: Options = .init()) throws
    -> [Double]
  {
    var found = [Double](repeating: Stage.unwritten, count: 3)
    let counts = options.counts.map { Memory($0) }
    let status: topkloss_status
    switch self {
    case .top:
      var c = topkloss_topk_accuracy_options()
      try check(topkloss_topk_accuracy_options_init(&c, MemoryLayout.size(ofValue: c)))
      (c.k, c.average, c.ignore_index) = (Int64(options.k), options.average, options.ignored)
      status = topkloss_topk_accuracy(&c, batch, &found)
    case .average:
      var c = topkloss_average_k_accuracy_options()
      try check(topkloss_average_k_accuracy_options_init(&c, MemoryLayout.size(ofValue: c)))
      (c.k, c.average, c.ignore_index) = (options.k, options.average, options.ignored)
      status = topkloss_average_k_accuracy(&c, batch, &found)
    case .shots:
      var c = topkloss_shot_accuracy_options()
      try check(topkloss_shot_accuracy_options_init(&c, MemoryLayout.size(ofValue: c)))
      (c.k, c.average, c.ignore_index) = (Int64(options.k), options.average, options.ignored)
      (c.classes, c.class_counts) = (options.classes, counts.map { UnsafePointer($0.numbers) })
      (c.many, c.few) = (options.many, options.few)
      status = withExtendedLifetime(counts) { topkloss_shot_accuracy(&c, batch, &found) }
    }
    let unwritten = [Double](repeating: Stage.unwritten, count: 3)
    #expect(status == 0 || status == Status.executor.rawValue || found == unwritten)
    try check(status)
    return self == .shots ? found : [found[0]]
  }

  /// Whether the label of a row is a hit, row by row; rows that are left out are none.
  private func hits(_ problem: Problem, k: Double) -> [Bool] {
    let counted = (0..<problem.rows).filter { problem.labels[$0] != -100 }
    var hits = [Bool](repeating: false, count: problem.rows)
    let kept = self == .average ? bestPairs(counted.map(problem.row), k: k) : []
    for (place, row) in counted.enumerated() {
      let (scores, label) = (problem.row(row), Int(problem.labels[row]))
      if self == .average {
        hits[row] = kept[place][label]
      } else if scores[label].isNaN {
        // In no top K that leaves a class out.
        hits[row] = Int(k) >= scores.count
      } else {
        let before = scores.indices.count {
          scores[$0] > scores[label] || (scores[$0] == scores[label] && $0 < label)
        }
        hits[row] = before < Int(k)
      }
    }
    return hits
  }

  /// Over rows, or over classes of each class's own; NaN of nothing, but 0 where all classes are one group.
  ///
  /// - Parameter times: how often each row counts; nil: once.
  func reference(_ problem: Problem, _ options: Options, times: [Int]? = nil) -> [Double] {
    let hits = hits(problem, k: options.k)
    func mean(_ numbers: [Double]) -> Double { numbers.reduce(0, +) / Double(numbers.count) }
    func accuracy(_ isIn: (Int) -> Bool) -> Double {
      let rows = (0..<problem.rows).filter {
        problem.labels[$0] != -100 && isIn(Int(problem.labels[$0]))
      }.flatMap { [Int](repeating: $0, count: times?[$0] ?? 1) }
      let byClass = Dictionary(grouping: rows) { problem.labels[$0] }.values
      let groups = options.average == 0 ? (rows.isEmpty ? [] : [rows]) : Array(byClass)
      return mean(groups.map { mean($0.map { hits[$0] ? 1 : 0 }) })
    }
    guard self == .shots, let counts = options.counts else { return [accuracy { _ in true }] }
    return [
      accuracy { counts[$0] > options.many },
      accuracy { counts[$0] >= options.few && counts[$0] <= options.many },
      accuracy { counts[$0] < options.few },
    ]
  }
}

@Suite(.enabled(if: InstructionSet.isFirst)) struct `Accuracy is what a full ranking says` {
  private func expectSame(_ actual: [Double], _ expected: [Double], _ what: String) {
    for (one, other) in zip(actual, expected) {
      #expect(
        abs(one - other) < 1e-14 || (one.isNaN && other.isNaN), "\(what): \(actual), \(expected)")
    }
  }

  /// Few distinct scores, so that there are ties everywhere, and NaN and infinities.
  private func tied(_ type: ElementType, rows: Int) -> Problem {
    var problem = Problem(random: 5, type: type, rows: rows, classes: 8).ignoring()
    problem.logits = problem.logits.map { ($0 * 2).rounded() }
    for (index, number) in [Double.nan, .infinity, -.infinity].enumerated() {
      for row in 0..<4 { problem.logits[(7 * row + index) * 8 + 2 * index + row] = number }
    }
    for column in 0..<8 { problem.logits[8 * 5 + column] = .nan }
    // In a row that is left out nothing counts.
    problem.logits[2 * 8] = 1000
    return problem
  }

  @Test(arguments: Metric.allCases, [1, 2, 0.3, 2.5, 5, 7, 7.9, 100])
  func `of any K, type, layout and average`(metric: Metric, k: Double) throws {
    if metric == .average ? k >= 8 : k != k.rounded() { return }
    for (index, variation) in Variation.pairs.enumerated() {
      var problem = tied(variation.type, rows: 103)
      problem.labelsAreNarrow = index % 2 == 0
      var layout = variation.layout(classes: 8)
      layout.isInPlace = false
      let stage = try Stage(problem, layout)
      // Not looked at.
      let upstream = Memory.forever([Double](repeating: .nan, count: 103))
      stage.batch.upstream = UnsafePointer(upstream.numbers)
      let times = index % 2 == 0 ? nil : (0..<103).map { $0 % 4 }
      let weight = Memory.forever(
        (times ?? []).map { (number: Int) -> Double in Double(number) / 2 })
      stage.batch.sample_weight = times == nil ? nil : UnsafePointer(weight.numbers)
      let options = Metric.Options(k: k, average: index % 3 == 0 ? 1 : 0)
      expectSame(
        try metric.measure(&stage.batch, options), metric.reference(problem, options, times: times),
        "\(metric), K \(k), \(variation)")
      #expect(stage.outputsAreUntouched)
    }
  }

  @Test func `shots have bounds that may be moved, and may meet`() throws {
    let problem = Problem(random: 5, rows: 150, classes: 8)
    let stage = try Stage(problem)
    for (many, few) in [(20.0, 20.0), (5000, 0), (100.5, 19.5)] {
      let options = Metric.Options(many: many, few: few)
      expectSame(
        try Metric.shots.measure(&stage.batch, options), Metric.shots.reference(problem, options),
        "")
    }
  }

  @Test(arguments: Metric.allCases)
  func `nothing is 0, of shots NaN; no options are the defaults`(metric: Metric) throws {
    let empty = Problem(rows: 0, classes: 8, logits: [], labels: [])
    var ignored = Problem(random: 1, rows: 2, classes: 8)
    ignored.labels = [9, 9]
    for problem in [empty, ignored] {
      for average in [0, 1] as [Int32] {
        let stage = try Stage(problem)
        let found = try metric.measure(&stage.batch, .init(average: average, ignored: 9))
        #expect(found.allSatisfy { metric == .shots ? $0.isNaN : $0 == 0 })
      }
    }
    let stage = try Stage(Problem(random: 4, rows: 6, classes: 8))
    var implicit = 0.0
    try check(topkloss_topk_accuracy(nil, &stage.batch, &implicit))
    #expect(try [implicit] == Metric.top.measure(&stage.batch))
  }

  @Test func `on the host's threads too`() throws {
    let problem = tied(.float32, rows: 20_000)
    let stage = try Stage(problem)
    let host = HostExecutor(HostExecutor.onThreads)
    let options = Metric.Options(k: 3, average: 1)
    try host.withExecutor { executor in
      stage.batch.executor = executor
      for metric in Metric.allCases {
        expectSame(
          try metric.measure(&stage.batch, options), metric.reference(problem, options), "\(metric)"
        )
      }
    }
    HostExecutor { _, _ in }.withExecutor { executor in
      stage.batch.executor = executor
      expectFailure(.executor, naming: ["executor"]) {
        _ = try Metric.average.measure(&stage.batch)
      }
    }
  }

  @Test(arguments: Metric.allCases)
  func `options that cannot be are refused`(metric: Metric) throws {
    let stage = try Stage(Problem(random: 1, rows: 4, classes: 8))
    func refuse(_ status: Status, _ words: String..., change: (inout Metric.Options) -> Void) {
      var options = Metric.Options()
      change(&options)
      expectFailure(status, naming: words) { _ = try metric.measure(&stage.batch, options) }
    }
    for (weight, status) in [
      (Double.nan, Status.notFinite), (.infinity, .notFinite), (-1, .option),
    ] {
      let weights = Memory.forever([1, 0, weight, 1])
      stage.batch.sample_weight = UnsafePointer(weights.numbers)
      refuse(status, "sample_weight[2]") { _ in }
    }
    stage.batch.sample_weight = nil
    refuse(.option, "k", "0") { $0.k = 0 }
    refuse(.option, "k", "-3") { $0.k = -3 }
    for number in [-1, 2, 100, .min, .max] as [Int32] {
      refuse(.enumerator, "average", "\(number)") { $0.average = number }
    }
    if metric == .average {
      for (k, text) in [(Double.nan, "nan"), (8, "8"), (.infinity, "inf")] {
        refuse(.option, "k", text) { $0.k = k }
      }
    }
    guard metric == .shots else { return }
    refuse(.option, "few", "-1") { $0.few = -1 }
    refuse(.option, "few", "nan") { $0.few = .nan }
    refuse(.option, "many", "19") { $0.many = 19 }
    refuse(.option, "many", "inf") { $0.many = .infinity }
    refuse(.nullPointer, "class_counts") { $0.counts = nil }
    refuse(.size, "classes", "0") { $0.classes = 0 }
    refuse(.size, "classes", "7", "8") { $0.classes = 7 }
    for (count, text) in [(-1.0, "-1"), (.nan, "nan"), (.infinity, "inf")] {
      refuse(.classCount, "class_counts[5]", text) { $0.counts?[5] = count }
    }
  }
}
