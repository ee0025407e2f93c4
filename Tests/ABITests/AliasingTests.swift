import CTopKLoss
import Testing

// Output may be the logits themselves, same pointer and same stride, or lie beside them. Any other
// overlap would let a thread read what another has written.

@Suite struct `Output that overlaps input or itself is refused` {
  private static let rows = 4
  private static let classes = 3

  private let loss = LossCase(kind: .crossEntropy, classes: classes)

  private func expectRefusal(
    _ words: [String], sourceLocation: SourceLocation = #_sourceLocation,
    _ spoil: (Stage) -> Void
  ) throws {
    var problem = Problem(random: 1, rows: Self.rows, classes: Self.classes)
    problem.sampleWeight = [Double](repeating: 1, count: Self.rows)
    problem.upstream = [1]
    // Room between the rows, so that any pointer below stays inside its buffer.
    let stage = try Stage(
      problem,
      Stage.Layout(logitsStride: 3 * Self.classes, gradientStride: 3 * Self.classes))
    spoil(stage)
    expectFailure(.aliasing, naming: words, sourceLocation: sourceLocation) {
      try stage.evaluate(loss.make())
    }
    #expect(stage.outputsAreUntouched, sourceLocation: sourceLocation)
  }

  @Test func `the gradient over the logits, one element or one row further`() throws {
    try expectRefusal(["gradient", "logits"]) { $0.result.gradient = $0.logits.address(0, 1) }
    try expectRefusal(["gradient", "logits"]) { $0.result.gradient = $0.logits.address(1, 0) }
    try expectRefusal(["gradient", "logits"]) { $0.result.gradient = $0.logits.address(0, -1) }
    try expectRefusal(["gradient", "logits"]) { $0.result.gradient = $0.logits.address + 1 }
  }

  @Test func `the gradient at the logits' address with another stride`() throws {
    try expectRefusal(["gradient", "logits"]) {
      $0.result.gradient = $0.logits.address
      $0.result.gradient_row_stride = 6
    }
    try expectRefusal(["gradient", "logits"]) {
      $0.result.gradient = $0.logits.address
      $0.result.gradient_row_stride = -9
    }
  }

  @Test func `the row values over the logits or the gradient`() throws {
    try expectRefusal(["row_values"]) { $0.result.row_values = $0.logits.address }
    try expectRefusal(["row_values"]) { $0.result.row_values = $0.gradient.address(3, 2) }
  }

  @Test func `any output over labels, weights or the upstream factor`() throws {
    try expectRefusal(["row_values", "labels"]) {
      $0.result.row_values = UnsafeMutableRawPointer(mutating: $0.batch.labels)
    }
    try expectRefusal(["row_values", "sample_weight"]) {
      $0.result.row_values = $0.batch.sample_weight.map { UnsafeMutableRawPointer(mutating: $0) }
    }
    try expectRefusal(["row_values", "upstream"]) {
      $0.result.row_values = $0.batch.upstream.map { UnsafeMutableRawPointer(mutating: $0) }
    }
    try expectRefusal(["gradient", "labels"]) {
      $0.result.gradient = UnsafeMutableRawPointer(mutating: $0.batch.labels)
    }
    try expectRefusal(["gradient", "sample_weight"]) {
      $0.result.gradient = $0.batch.sample_weight.map { UnsafeMutableRawPointer(mutating: $0) }
    }
  }

  /// Each output of a loss with two heads over each of its inputs and other outputs.
  @Test func `the outputs of two heads`() throws {
    let loss = try LossCase(kind: .twoHeadAverageK(.init(k: 1)), classes: Self.classes).make()
    let spoils: [([String], (Stage) -> Void)] = [
      (["gradient", "multi_label_logits"], { $0.result.gradient = $0.multiLabelLogits.address }),
      (
        ["multi_label_gradient", "logits"],
        { $0.result.multi_label_gradient = $0.logits.address }
      ),
      (
        ["multi_label_gradient", "gradient"],
        { $0.result.multi_label_gradient = $0.gradient.address }
      ),
      (
        ["multi_label_gradient", "gradient"],
        { $0.result.multi_label_gradient = $0.gradient.address(1, 1) }
      ),
      (
        ["multi_label_gradient", "multi_label_logits"],
        { $0.result.multi_label_gradient = $0.multiLabelLogits.address(0, 1) }
      ),
      (
        ["multi_label_gradient", "multi_label_logits"],
        {
          $0.result.multi_label_gradient = $0.multiLabelLogits.address
          $0.result.multi_label_gradient_row_stride = 6
        }
      ),
      (["row_values"], { $0.result.row_values = $0.multiLabelLogits.address }),
      (["row_values"], { $0.result.row_values = $0.multiLabelGradient.address(3, 2) }),
      (
        ["multi_label_gradient", "labels"],
        { $0.result.multi_label_gradient = UnsafeMutableRawPointer(mutating: $0.batch.labels) }
      ),
      (
        ["multi_label_gradient", "sample_weight"],
        {
          $0.result.multi_label_gradient = $0.batch.sample_weight.map {
            UnsafeMutableRawPointer(mutating: $0)
          }
        }
      ),
      (
        ["multi_label_gradient", "upstream"],
        {
          $0.result.multi_label_gradient = $0.batch.upstream.map {
            UnsafeMutableRawPointer(mutating: $0)
          }
        }
      ),
    ]
    for (words, spoil) in spoils {
      var problem = Problem(random: 1, rows: Self.rows, classes: Self.classes)
      problem.sampleWeight = [Double](repeating: 1, count: Self.rows)
      problem.upstream = [1]
      let stride = 3 * Self.classes
      let stage = try Stage(problem, Stage.Layout(logitsStride: stride, gradientStride: stride))
      spoil(stage)
      expectFailure(.aliasing, naming: words) { try stage.evaluate(loss) }
      #expect(stage.outputsAreUntouched)
      #expect(stage.multiLabelLogits.numbers == problem.multiLabelLogits)
    }
  }

  @Test func `the four matrices of two heads side by side in one`() throws {
    let loss = LossCase(kind: .twoHeadAverageK(.init(k: 1)), classes: Self.classes)
    let problem = Problem(random: 1, rows: Self.rows, classes: Self.classes)
    let plain = try loss.evaluate(problem)
    let stride = 4 * Self.classes
    let stage = try Stage(problem, Stage.Layout(logitsStride: stride))
    for row in 0..<Self.rows {
      for column in 0..<Self.classes {
        stage.logits[row, Self.classes + column] = stage.multiLabelLogits[row, column]
      }
    }
    stage.batch.multi_label_logits = UnsafeRawPointer(stage.logits.address(0, Self.classes))
    stage.batch.multi_label_row_stride = Int64(stride)
    stage.result.gradient = stage.logits.address(0, 2 * Self.classes)
    stage.result.gradient_row_stride = Int64(stride)
    stage.result.multi_label_gradient = stage.logits.address(0, 3 * Self.classes)
    stage.result.multi_label_gradient_row_stride = Int64(stride)
    try stage.evaluate(loss.make())
    #expect(stage.result.value == plain.result.value)
    for row in 0..<Self.rows {
      for column in 0..<Self.classes {
        let gradients = [2, 3].map { stage.logits[row, $0 * Self.classes + column] }
        #expect(gradients == [plain.gradient[row, column], plain.multiLabelGradient[row, column]])
      }
    }
  }

  @Test func `any output over the noise that was given`() throws {
    var problem = Problem(random: 1, rows: Self.rows, classes: Self.classes)
    problem.samples = 5
    problem.noise = [Double](repeating: 0.5, count: Self.rows * 5 * Self.classes)
    let noised = try LossCase(kind: .noisedTopK(.init()), classes: Self.classes).make()
    let outputs: [(String, (Stage) -> Void)] = [
      ("gradient", { $0.result.gradient = UnsafeMutableRawPointer(mutating: $0.batch.noise) }),
      ("row_values", { $0.result.row_values = UnsafeMutableRawPointer(mutating: $0.batch.noise) }),
    ]
    for (name, spoil) in outputs {
      let stage = try Stage(problem)
      spoil(stage)
      expectFailure(.aliasing, naming: [name, "noise"]) { try stage.evaluate(noised) }
      #expect(stage.outputsAreUntouched)
    }
  }

  @Test func `output that begins where input ends lies beside it`() throws {
    let (rows, classes) = (Self.rows, Self.classes)
    // One buffer: a single upstream factor, the logits, the gradient, the row values.
    let memory = Memory([Double](repeating: 1, count: 1 + 2 * rows * classes + rows))
    for reduction in [Reduction.mean, .sum] {
      let problem = Problem(random: 1, type: .float64, rows: rows, classes: classes)
      let stage = try Stage(problem)
      stage.batch.upstream = UnsafePointer(memory.numbers)
      stage.batch.logits = UnsafeRawPointer(memory.numbers + 1)
      stage.result.gradient = UnsafeMutableRawPointer(memory.numbers + 1 + rows * classes)
      stage.result.row_values = UnsafeMutableRawPointer(memory.numbers + 1 + 2 * rows * classes)
      try stage.evaluate(loss.with { $0.reduction = reduction }.make())

      // The logits in place, right behind the factor.
      stage.result.gradient = UnsafeMutableRawPointer(memory.numbers + 1)
      try stage.evaluate(loss.with { $0.reduction = reduction }.make())
    }
  }

  @Test func `adjusted scores over the scores, other than in place`() throws {
    let stage = try Stage(Problem(random: 1, rows: 4, classes: 3), Stage.Layout(logitsStride: 9))
    let counts = Memory([3.0, 2, 1])
    var options = topkloss_logit_adjust_options()
    try check(topkloss_logit_adjust_options_init(&options, 40))
    options.classes = 3
    options.class_counts = UnsafePointer(counts.numbers)
    let places = [(stage.logits.address(0, 1), 9), (stage.logits.address, 6)]
    for (address, stride) in places {
      expectFailure(.aliasing, naming: ["adjusted", "logits"]) {
        try check(topkloss_logit_adjust(&options, &stage.batch, address, Int64(stride)))
      }
    }
    #expect(stage.outputsAreUntouched && stage.logits.numbers == stage.problem.logits)
  }
}
