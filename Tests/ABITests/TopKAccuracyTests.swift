import CTopKLoss
import Testing

@Suite struct `Top-K accuracy counts the labels among the K highest scores` {
  private func accuracy(
    _ problem: Problem, k: Int = 1, isMacro: Bool = false, ignoring ignored: Int64 = -100,
    layout: Stage.Layout = .init()
  ) throws -> Double {
    let stage = try Stage(problem, layout)
    var options = topkloss_topk_accuracy_options()
    try check(topkloss_topk_accuracy_options_init(&options, 32))
    options.k = Int64(k)
    options.average = isMacro ? 1 : 0
    options.ignore_index = ignored
    var accuracy = Stage.unwritten
    try check(topkloss_topk_accuracy(&options, &stage.batch, &accuracy))
    #expect(stage.logits.numbers.count == problem.logits.count && stage.gradient.isUntouched)
    return accuracy
  }

  /// Accuracy from a full ranking of every row.
  private func reference(
    _ problem: Problem, k: Int, isMacro: Bool, ignoring ignored: Int64 = -100
  ) -> Double {
    var hits: [Int64: [Double]] = [:]
    for row in 0..<problem.rows where problem.labels[row] != ignored {
      // NaN ranks below everything, -inf too; a label of that score has the last place.
      let scores = problem.row(row).map { $0.isNaN ? (0, 0.0) : (1, $0) }
      let ranking = scores.indices.sorted { first, second in
        scores[first] == scores[second] ? first < second : scores[first] > scores[second]
      }
      let label = Int(problem.labels[row])
      let isUnranked = problem.row(row)[label].isNaN
      let place = isUnranked ? problem.classes - 1 : ranking.firstIndex(of: label) ?? k
      hits[problem.labels[row], default: []].append(place < k ? 1 : 0)
    }
    let groups = isMacro ? Array(hits.values) : [hits.values.flatMap { $0 }]
    let means = groups.filter { !$0.isEmpty }.map { $0.reduce(0, +) / Double($0.count) }
    return means.isEmpty ? 0 : means.reduce(0, +) / Double(means.count)
  }

  @Test(arguments: ElementType.allCases, [1, 2, 5, 20, 21, 22, 1000])
  func `as a full ranking says`(type: ElementType, k: Int) throws {
    for isMacro in [false, true] {
      for isNarrow in [false, true] {
        // Few distinct scores: ties everywhere.
        var problem = Problem(random: 5, type: type, rows: 200, classes: 21).ignoring()
        problem.logits = problem.logits.map { ($0 * 2).rounded() }
        problem.labelsAreNarrow = isNarrow
        let expected = reference(problem, k: k, isMacro: isMacro)
        for layout in [Stage.Layout(), .init(logitsStride: 30), .init(logitsStride: -22)] {
          let actual = try accuracy(problem, k: k, isMacro: isMacro, layout: layout)
          #expect(abs(actual - expected) < 1e-14)
        }
      }
    }
  }

  @Test func `a label on a tie wins over higher indices only`() throws {
    let ties = Problem(
      rows: 3, classes: 3, logits: [1, 1, 0, 1, 1, 0, 1, 1, 0], labels: [0, 1, 2])
    #expect(try accuracy(ties, k: 1) == 1.0 / 3)
    #expect(try accuracy(ties, k: 2) == 2.0 / 3)
    #expect(try accuracy(ties, k: 3) == 1)
  }

  @Test(arguments: ElementType.allCases)
  func `NaN ranks below everything, infinities where they belong`(type: ElementType) throws {
    let logits: [Double] = [
      .nan, 0, 1, .infinity, 0, 1, -.infinity, 0, 1, .nan, -.infinity, .nan,
    ]
    for label in 0..<3 as Range<Int64> {
      let problem = Problem(
        type: type, rows: 4, classes: 3, logits: logits,
        labels: [Int64](repeating: label, count: 4))
      for k in 1...3 {
        #expect(try accuracy(problem, k: k) == reference(problem, k: k, isMacro: false))
      }
    }
  }

  @Test func `a label whose score is NaN is in no top K that leaves a class out`() throws {
    let problem = Problem(rows: 1, classes: 2, logits: [.nan, .nan], labels: [0])
    #expect(try accuracy(problem, k: 1) == 0)
    #expect(try accuracy(problem, k: 2) == 1)
  }

  @Test func `it is 0 if no row counts`() throws {
    let empty = Problem(rows: 0, classes: 3, logits: [], labels: [])
    let ignored = Problem(rows: 2, classes: 3, logits: [1, 2, 3, 1, 2, 3], labels: [7, 7])
    for isMacro in [false, true] {
      #expect(try accuracy(empty, isMacro: isMacro) == 0)
      #expect(try accuracy(ignored, isMacro: isMacro, ignoring: 7) == 0)
    }
  }

  @Test func `classes without rows leave the macro average`() throws {
    // Class 0 is right twice of two, class 2 never; class 1 has no rows.
    let problem = Problem(
      rows: 3, classes: 3, logits: [3, 0, 0, 3, 0, 0, 3, 0, 0], labels: [0, 0, 2])
    #expect(try accuracy(problem, isMacro: true) == 0.5)
    #expect(try accuracy(problem, isMacro: false) == 2.0 / 3)
  }

  @Test(arguments: [0, -1, Int.min])
  func `a K below 1 is refused`(k: Int) {
    expectFailure(.option, naming: ["k", "\(k)", "1"]) {
      _ = try accuracy(Problem(random: 1, rows: 2, classes: 3), k: k)
    }
  }

  @Test func `weights and upstream are not looked at`() throws {
    var problem = Problem(random: 5, rows: 50, classes: 6)
    let plain = try accuracy(problem, k: 2)
    problem.sampleWeight = [Double](repeating: .nan, count: 50)
    problem.upstream = [.nan]
    #expect(try accuracy(problem, k: 2) == plain)
  }
}
