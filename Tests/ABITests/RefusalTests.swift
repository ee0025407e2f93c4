import CTopKLoss
import Testing

// Batches that cannot be: for each thing that may be wrong its status and the words of the message. Losses that do not
// look at it evaluate; the others have written nothing.

@Suite(.enabled(if: InstructionSet.isFirst)) struct `Batches that cannot be are refused` {
  private static let losses = LossCase.kinds(classes: 3).map { loss in
    loss.with(loss.isCrossEntropy ? ["class_weight": [1, 2, 3]] : [:])
  }

  static func problem(for loss: LossCase) -> Problem {
    var problem = Problem(random: 1, rows: 4, classes: 3)
    problem.sampleWeight = [1, 1, 1, 1]
    problem.upstream = [1, 1, 1, 1]
    if loss.isSampled {
      problem.samples = Int(loss["n_samples"])
      problem.noise = [Double](repeating: 0.5, count: 4 * problem.samples * 3)
    }
    return problem
  }

  @Test(
    arguments: Wrong.pointers + Wrong.enumerators + Wrong.sizes + Wrong.secondHead + Wrong.noises
      + Wrong.numbers + Wrong.classes + Wrong.overlaps + Wrong.vectors)
  func `by the status and the words`(wrong: Wrong) throws {
    for loss in Self.losses {
      var problem = Self.problem(for: loss)
      wrong.problem(&problem)
      // Room between the rows, so that any pointer stays inside its buffer.
      let stage = try Stage(problem, Stage.Layout(logitsStride: 9, gradientStride: 9))
      wrong.stage(stage)
      let handle = try loss.make()
      if wrong.matters(loss) {
        expectFailure(wrong.status, naming: wrong.words) { try stage.evaluate(handle) }
        #expect(stage.outputsAreUntouched, "\(loss), \(wrong)")
      } else if wrong.status != .aliasing {
        try stage.evaluate(handle)
      }
    }
  }

  @Test(arguments: losses)
  func `with an upstream value that is not finite, of any row where each has one`(loss: LossCase)
    throws
  {
    var problem = Self.problem(for: loss)
    problem.upstream?[3] = .infinity
    let stage = try Stage(problem)
    let handle = try loss.with(.none).make()
    expectFailure(.notFinite, naming: ["upstream[3]", "inf"]) { try stage.evaluate(handle) }
    #expect(stage.outputsAreUntouched)
  }

  @Test(arguments: losses)
  func `with numbers that are not finite, if asked for: the first is named`(loss: LossCase) throws {
    for (type, number, rows) in [
      (ElementType.float32, Double.nan, 8), (.float64, .infinity, 8), (.float16, .nan, 20_000),
      (.bfloat16, .infinity, 20_000),
    ] {
      var problem = Problem(random: 1, type: type, rows: rows, classes: 3)
      for place in [5 * 3 + 2, (rows - 1) * 3, 6 * 3] { problem.logits[place] = number }
      let checked = loss.with(["check_finite": 1])
      let stage = try Stage(problem)
      expectFailure(.notFinite, naming: ["logits[5, 2]"]) { try stage.evaluate(checked.make()) }
      #expect(stage.outputsAreUntouched)
      problem = Problem(random: 1, type: type, rows: 8, classes: 3)
      // Masked classes and the labels of ignored rows pass.
      (problem.logits[0], problem.labels[0], problem.labels[3]) = (-.infinity, 1, -100)
      #expect(try checked.evaluate(problem).written == loss.evaluate(problem).written)
      guard loss.hasTwoHeads else { continue }
      problem.multiLabelLogits[3 * 3 + 1] = number
      expectFailure(.notFinite, naming: ["multi_label_logits[3, 1]"]) {
        _ = try checked.evaluate(problem)
      }
    }
  }

  @Test func `without a loss, a batch, a result or a host's function`() throws {
    let stage = try Stage(Problem(random: 1, rows: 2, classes: 3))
    let loss = try LossCase("cross_entropy", classes: 3).make()
    expectFailure(.nullPointer, naming: ["loss"]) {
      try check(topkloss_evaluate(nil, &stage.batch, &stage.result))
    }
    expectFailure(.nullPointer, naming: ["batch"]) {
      try check(topkloss_evaluate(loss.handle, nil, &stage.result))
    }
    expectFailure(.nullPointer, naming: ["result"]) {
      try check(topkloss_evaluate(loss.handle, &stage.batch, nil))
    }
    var executor = topkloss_executor()
    executor.struct_size = MemoryLayout<topkloss_executor>.size
    executor.concurrency = 2
    try withUnsafePointer(to: &executor) { address in
      stage.batch.executor = address
      expectFailure(.nullPointer, naming: ["parallel_for"]) { try stage.evaluate(loss) }
    }
    #expect(stage.outputsAreUntouched)
    topkloss_loss_destroy(nil)
  }

  @Test func `in place, the logits stay as they were`() throws {
    var problem = Problem(random: 1, rows: 6, classes: 7)
    problem.labels[5] = 7
    let stage = try Stage(problem, Stage.Layout(isInPlace: true))
    expectFailure(.label, naming: ["labels[5]"]) {
      try stage.evaluate(LossCase("cross_entropy", classes: 7).make())
    }
    #expect(stage.outputsAreUntouched)
  }

  @Test(arguments: [-1, 3, 7, Int64.min, Int64.max, 1 << 32])
  func `but any number may stand for rows to ignore, a class too`(ignored: Int64) throws {
    let loss = LossCase("cross_entropy", classes: 7, ["ignore_index": .integer(ignored)])
    var problem = Problem(random: 1, rows: 9, classes: 7)
    problem.labels = [0, ignored, 1, 2, ignored, 4, 5, 6, ignored]
    expectAgreement(try loss.evaluate(problem), loss.reference(problem), loss)
    // Beyond int32 it is not mistaken for a narrow label.
    problem.labels = [0, 1, 2, 2, 1, 0, 0, 1, 2]
    problem.labelsAreNarrow = true
    #expect(try loss.evaluate(problem).result.total_weight == 9)
  }
}

@Suite(.enabled(if: InstructionSet.isFirst)) struct `Neighbours in memory are welcome` {
  @Test(arguments: LossCase.kinds(classes: 3))
  func `all matrices side by side in one`(loss: LossCase) throws {
    let problem = Problem(random: 1, rows: 4, classes: 3)
    let plain = try loss.evaluate(problem)
    let stage = try Stage(problem, Stage.Layout(logitsStride: 12))
    for row in 0..<4 {
      for column in 0..<3 { stage.logits[row, 3 + column] = stage.multiLabelLogits[row, column] }
    }
    stage.batch.multi_label_logits = UnsafeRawPointer(stage.logits.address(0, 3))
    stage.result.gradient = stage.logits.address(0, 6)
    stage.result.multi_label_gradient = stage.logits.address(0, 9)
    (stage.batch.multi_label_row_stride, stage.result.gradient_row_stride) = (12, 12)
    stage.result.multi_label_gradient_row_stride = 12
    try stage.evaluate(loss.make())
    #expect(stage.result.value == plain.result.value)
    for row in 0..<4 {
      for column in 0..<3 {
        #expect(stage.logits[row, 6 + column] == plain.gradient[row, column])
        let second = plain.multiLabelGradient[row, column]
        #expect(!loss.hasTwoHeads || stage.logits[row, 9 + column] == second)
      }
    }
  }

  @Test func `vectors at odd addresses, and rows that overlap as windows over a series do`() throws
  {
    let loss = LossCase("cross_entropy", classes: 2)
    for isNarrow in [false, true] {
      var problem = Problem(rows: 3, classes: 2, logits: [1, 5, 5, 2, 2, 4], labels: [0, 1, 0])
      (problem.labelsAreNarrow, problem.sampleWeight, problem.upstream) = (
        isNarrow, [1, 2, 3], [2]
      )
      let apart = try loss.evaluate(problem)
      let stage = try Stage(problem)
      func odd(_ source: UnsafeRawPointer?, _ bytes: Int) -> Memory {
        Memory.forever([0] + Array(UnsafeRawBufferPointer(start: source, count: bytes)))
      }
      let labels = odd(stage.batch.labels, isNarrow ? 12 : 24)
      let weights = odd(stage.batch.sample_weight, 24)
      let upstream = odd(stage.batch.upstream, 8)
      let series = Memory.forever([1, 5, 2, 4] as [Float])
      stage.batch.labels = UnsafeRawPointer(labels.address + 1)
      stage.batch.sample_weight = UnsafeRawPointer(weights.address + 1).assumingMemoryBound(
        to: Double.self)
      stage.batch.upstream = UnsafeRawPointer(upstream.address + 1).assumingMemoryBound(
        to: Double.self)
      (stage.batch.logits, stage.batch.logits_row_stride) = (UnsafeRawPointer(series.address), 1)
      try stage.evaluate(loss.make())
      #expect(stage.result.value == apart.result.value)
      #expect(stage.gradient.pattern == apart.gradient.pattern)
    }
  }

  @Test func `output that begins where input ends lies beside it`() throws {
    // One buffer: a single upstream factor, the logits, the gradient, the row values.
    let memory = Memory.forever([Double](repeating: 1, count: 1 + 2 * 12 + 4))
    let stage = try Stage(Problem(random: 1, type: .float64, rows: 4, classes: 3))
    stage.batch.upstream = UnsafePointer(memory.numbers)
    stage.batch.logits = UnsafeRawPointer(memory.numbers + 1)
    stage.result.gradient = UnsafeMutableRawPointer(memory.numbers + 13)
    stage.result.row_values = UnsafeMutableRawPointer(memory.numbers + 25)
    try stage.evaluate(LossCase("cross_entropy", classes: 3).make())
    stage.result.gradient = UnsafeMutableRawPointer(memory.numbers + 1)
    try stage.evaluate(LossCase("cross_entropy", classes: 3).make())
  }
}
