import CTopKLoss
import Foundation
import Testing

@Suite(.enabled(if: InstructionSet.isFirst)) struct `Scores and counts` {
  /// Post-hoc adjustment into the stage's gradient.
  private func adjust(
    _ stage: Stage, tau: Double = 1, counts: [Double], smoothing: Double = 0
  ) throws {
    let classes = counts.count
    let counts = Memory(counts)
    var options = topkloss_logit_adjust_options()
    try check(topkloss_logit_adjust_options_init(&options, MemoryLayout.size(ofValue: options)))
    (options.classes, options.class_counts) = (Int64(classes), UnsafePointer(counts.numbers))
    (options.count_smoothing, options.tau) = (smoothing, tau)
    try withExtendedLifetime(counts) {
      try check(
        topkloss_logit_adjust(
          &options, &stage.batch, stage.gradient.address, stage.result.gradient_row_stride))
    }
  }

  @Test(arguments: ElementType.allCases, [1, -0.5, 2.5])
  func `scores are adjusted by minus tau log prior`(type: ElementType, tau: Double) throws {
    let counts = longTail(19).enumerated().map { $0.offset == 3 ? 0 : $0.element }
    var problem = Problem(random: 1, type: type, rows: 5, classes: 19, spread: 3)
    // Infinities and NaN pass through.
    (problem.logits[0], problem.logits[20], problem.logits[40]) = (.infinity, -.infinity, .nan)
    let prior = referenceLogPrior(counts: counts.map { $0 + 2 })
    let expected = problem.logits.enumerated().map { $0.element - tau * prior[$0.offset % 19] }
    for layout in Variation.layouts(classes: 19) {
      let stage = try Stage(problem, layout)
      // Labels and weights are not looked at.
      (stage.batch.labels, stage.batch.label_type, stage.batch.first_row) = (nil, 77, -1)
      try adjust(stage, tau: tau, counts: counts, smoothing: 2)
      expectAgreement("adjusted", stage.gradient, expected, 20)
      #expect(stage.gradient.paddingIsUntouched)
    }
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
    let changed = zip(stage.logits.numbers, stage.gradient.numbers).count {
      $0 != $1 && !($0.isNaN && $1.isNaN)
    }
    #expect(changed == 0)
  }

  @Test func `adjustment that cannot be is refused`() throws {
    let refusals: [(Status, [String], [Double], Double, Double, (Stage) -> Void)] = [
      (.classCount, ["class_counts[1]", "0"], [3, 0, 1], 1, 0, { _ in }),
      (.option, ["tau", "nan"], [3, 2, 1], .nan, 0, { _ in }),
      (.option, ["count_smoothing", "-1"], [3, 2, 1], 1, -1, { _ in }),
      (.size, ["classes", "3", "2"], [3, 2], 1, 0, { _ in }),
      (
        .size, ["adjusted_row_stride", "2", "3"], [3, 2, 1], 1, 0,
        { $0.result.gradient_row_stride = 2 }
      ),
    ]
    for (status, words, counts, tau, smoothing, spoil) in refusals {
      let stage = try Stage(Problem(random: 1, rows: 4, classes: 3))
      spoil(stage)
      expectFailure(status, naming: words) {
        try adjust(stage, tau: tau, counts: counts, smoothing: smoothing)
      }
      #expect(stage.outputsAreUntouched)
    }
  }

  @Test(arguments: ElementType.allCases)
  func `the outlying teacher and what is predicted by it`(type: ElementType) throws {
    let counts = longTail(9)
    let loss = try LossCase(
      "outlying_mse", classes: 9, ["class_counts": .vector(counts), "alpha": 0.25]
    ).make()
    var teacher = [Double](repeating: 0, count: 9)
    try check(topkloss_outlying_mse_teacher(loss.handle, 9, &teacher))
    #expect(teacher == referenceTeacher(counts: counts, alpha: 0.25))
    // Ties, NaN, and a row of NaN alone, which is class 0.
    var problem = Problem(random: 3, type: type, rows: 60, classes: 9)
    problem.logits = problem.logits.map { ($0 * 2).rounded() }
    for place in [3, 30, 31] + Array(18..<27) { problem.logits[place] = .nan }
    let stage = try Stage(problem, Stage.Layout(logitsStride: -11))
    for rule in [0, 1] as [Int32] {
      var found = [Int64](repeating: -1, count: 60)
      try check(topkloss_outlying_mse_predict(loss.handle, &stage.batch, rule, &found))
      for row in 0..<60 {
        let scores = problem.row(row).enumerated().map { index, score in
          rule == 0 ? score : teacher[index] * (2 * score - teacher[index])
        }
        let best = scores.filter { !$0.isNaN }.max()
        #expect(Int(found[row]) == best.flatMap { scores.firstIndex(of: $0) } ?? 0, "row \(row)")
      }
    }
    var untouched: Int64 = 77
    for rule in [-1, 2, .max] as [Int32] {
      expectFailure(.enumerator, naming: ["rule", "\(rule)"]) {
        try check(topkloss_outlying_mse_predict(loss.handle, &stage.batch, rule, &untouched))
      }
    }
    let other = try LossCase("cross_entropy", classes: 9).make()
    expectFailure(.option, naming: []) {
      try check(topkloss_outlying_mse_predict(other.handle, &stage.batch, 0, &untouched))
    }
    expectFailure(.option, naming: []) {
      try check(topkloss_outlying_mse_teacher(other.handle, 9, &teacher))
    }
    expectFailure(.size, naming: ["8", "9"]) {
      try check(topkloss_outlying_mse_teacher(loss.handle, 8, &teacher))
    }
    #expect(untouched == 77)
  }

  typealias Weigh =
    @Sendable (Int64, UnsafePointer<Double>?, UnsafeMutablePointer<Double>?)
    -> topkloss_status

  private static let counts: [[Double]] = [
    [17], [1, 1, 1], [1000, 100, 10, 1], longTail(100), [1e15, 1e-3, 7], [0.5, 1e6],
  ]

  @Test(arguments: counts, [nil, 0, 0.5, 0.9, 0.9999, 1 - 1e-9, 1 - 0x1p-53])
  func `class weights by inverse frequency, or effective number, with mean 1`(
    counts: [Double], beta: Double?
  ) throws {
    // (1 - beta) / (1 - beta^n), where both differences cancel for beta near 1.
    let raw = counts.map { count in
      guard let beta else { return 1 / count }
      return beta == 0 ? 1 : (1 - beta) / -expm1(count * log1p(beta - 1))
    }
    let mean = exactSum(raw) / Double(counts.count)
    let (memory, classes) = (Memory(counts + [Stage.unwritten]), Int64(counts.count))
    // In place.
    try check(
      beta.map { topkloss_effective_number(classes, memory.numbers, $0, memory.numbers) }
        ?? topkloss_inverse_frequency(classes, memory.numbers, memory.numbers))
    for (index, weight) in raw.enumerated() {
      #expect(abs(memory.numbers[index] / (weight / mean) - 1) < 1e-12, "\(counts)")
    }
    #expect(memory.numbers[counts.count] == Stage.unwritten)
  }

  @Test func `class weights that cannot be are refused`() {
    let (counts, weights) = (Memory.forever([3.0, 2, 1]), Memory.forever([7.0, 7, 7]))
    let calls: [Weigh] = [
      { topkloss_inverse_frequency($0, $1, $2) }, { topkloss_effective_number($0, $1, 0.9, $2) },
    ]
    for call in calls {
      expectFailure(.nullPointer, naming: ["class_counts"]) {
        try check(call(3, nil, weights.numbers))
      }
      expectFailure(.nullPointer, naming: ["weights"]) { try check(call(3, counts.numbers, nil)) }
      for classes in [0, -1, Int64.min, .max] {
        expectFailure(.size, naming: ["classes", "\(classes)"]) {
          try check(call(classes, counts.numbers, weights.numbers))
        }
      }
      for (count, text) in [(0.0, "0"), (-2, "-2"), (.nan, "nan"), (.infinity, "inf")] {
        counts.numbers[1] = count
        expectFailure(.classCount, naming: ["class_counts[1]", text]) {
          try check(call(3, counts.numbers, weights.numbers))
        }
        counts.numbers[1] = 2
      }
    }
    for (beta, text) in [(1.0, "1"), (-0.1, "-0.1"), (.nan, "nan"), (.infinity, "inf")] {
      expectFailure(.option, naming: ["beta", text]) {
        try check(topkloss_effective_number(3, counts.numbers, beta, weights.numbers))
      }
    }
    #expect((0..<3).allSatisfy { weights.numbers[$0] == 7 })
  }
}
