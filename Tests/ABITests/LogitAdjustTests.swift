import CTopKLoss
import Foundation
import Testing

@Suite struct `Scores are adjusted after training` {
  private static let counts = longTail(19)

  private func adjust(
    _ stage: Stage, tau: Double = 1, counts: [Double] = counts, smoothing: Double = 0
  ) throws {
    try counts.withUnsafeBufferPointer { counts in
      var options = topkloss_logit_adjust_options()
      try check(topkloss_logit_adjust_options_init(&options, 40))
      options.classes = Int64(counts.count)
      options.class_counts = counts.baseAddress
      options.count_smoothing = smoothing
      options.tau = tau
      try check(
        topkloss_logit_adjust(
          &options, &stage.batch, stage.gradient.address, stage.result.gradient_row_stride))
    }
  }

  private func expected(
    _ problem: Problem, tau: Double, counts: [Double] = counts
  ) -> [Double] {
    let prior = referenceLogPrior(counts: counts)
    return problem.logits.enumerated().map {
      $0.element - tau * prior[$0.offset % problem.classes]
    }
  }

  @Test(arguments: ElementType.allCases, [1, 0, -0.5, 2.5])
  func `by minus tau log prior`(type: ElementType, tau: Double) throws {
    let problem = Problem(random: 1, type: type, rows: 5, classes: 19, spread: 3)
    for layout in StrideTests.layouts {
      let stage = try Stage(problem, layout)
      try adjust(stage, tau: tau)
      expectAgreement("adjusted", stage.gradient, expected(problem, tau: tau), 20)
      #expect(stage.surroundingsAreUntouched)
    }
  }

  @Test func `with something added to every count`() throws {
    let problem = Problem(random: 1, type: .float64, rows: 5, classes: 3)
    let stage = try Stage(problem)
    try adjust(stage, counts: [0, 5, 2], smoothing: 2)
    expectAgreement(
      "adjusted", stage.gradient, expected(problem, tau: 1, counts: [2, 7, 4]), 10)
  }

  @Test func `infinities and NaN pass through`() throws {
    var problem = Problem(random: 1, rows: 3, classes: 19)
    (problem.logits[0], problem.logits[20], problem.logits[40]) = (.infinity, -.infinity, .nan)
    let stage = try Stage(problem)
    try adjust(stage)
    #expect(stage.gradient[0, 0] == .infinity && stage.gradient[1, 1] == -.infinity)
    #expect(stage.gradient[2, 2].isNaN)
    #expect(stage.gradient.numbers.filter(\.isFinite).count == 3 * 19 - 3)
  }

  @Test(arguments: [ElementType.float16, .bfloat16])
  func `every number of sixteen bits comes back as it went in`(type: ElementType) throws {
    // One class alone has prior 1, whose logarithm is 0.
    let count = 1 << 16
    let stage = try Stage(
      Problem(
        type: type, rows: count, classes: 1, logits: [Double](repeating: 0, count: count),
        labels: [Int64](repeating: 0, count: count)))
    for bits in 0..<count {
      stage.logits.address(bits, 0).storeBytes(of: UInt16(bits), as: UInt16.self)
    }
    try adjust(stage, counts: [9])
    let changed = zip(stage.logits.numbers, stage.gradient.numbers).filter {
      $0 != $1 && !($0.isNaN && $1.isNaN)
    }
    #expect(changed.isEmpty)
  }

  @Test func `labels and weights are not looked at`() throws {
    let stage = try Stage(Problem(random: 1, rows: 3, classes: 19))
    stage.batch.labels = nil
    stage.batch.label_type = 77
    stage.batch.first_row = -1
    let weight = Memory([Double.nan, .nan, .nan])
    stage.batch.sample_weight = UnsafePointer(weight.numbers)
    stage.batch.upstream = UnsafePointer(weight.numbers)
    try adjust(stage)
    expectAgreement("adjusted", stage.gradient, expected(stage.problem, tau: 1), 20)
  }

  @Test func `a batch of no rows is left alone`() throws {
    let stage = try Stage(Problem(rows: 0, classes: 19, logits: [], labels: []))
    try adjust(stage)
    #expect(stage.gradient.isUntouched)
  }

  @Test func `what cannot be is refused and nothing is written`() throws {
    let refusals: [(Status, [String], (Stage) throws -> Void)] = [
      (.classCount, ["class_counts[1]", "0"], { try self.adjust($0, counts: [3, 0, 1]) }),
      (.option, ["tau", "nan"], { try self.adjust($0, tau: .nan, counts: [3, 2, 1]) }),
      (
        .option, ["count_smoothing", "-1"],
        { try self.adjust($0, counts: [3, 2, 1], smoothing: -1) }
      ),
      (.size, ["classes", "3", "2"], { try self.adjust($0, counts: [3, 2]) }),
      (
        .size, ["adjusted_row_stride", "2", "3"],
        {
          $0.result.gradient_row_stride = 2
          try self.adjust($0, counts: [3, 2, 1])
        }
      ),
      (
        .enumerator, ["dtype", "9"],
        {
          $0.batch.dtype = 9
          try self.adjust($0, counts: [3, 2, 1])
        }
      ),
    ]
    for (status, words, call) in refusals {
      let stage = try Stage(Problem(random: 1, rows: 4, classes: 3))
      expectFailure(status, naming: words) { try call(stage) }
      #expect(stage.outputsAreUntouched)
    }
  }
}
