import CPython
import CTopKLoss
import Foundation
import Testing

// One process, two ways to the library: the C interface from Swift, and `import topkloss` in an
// interpreter that lives in the same process. They share one interpreter, so these tests run one
// after another.

@Suite(.serialized, .enabled(if: InstructionSet.isFirst)) struct `Python in the same process` {
  private static let classes = 37
  private static let rows = 13

  private func problem(_ type: ElementType) -> Problem {
    var random = Random(seed: 4)
    var problem = Problem(
      random: 2, type: type, rows: Self.rows, classes: Self.classes, spread: 0.5
    ).ignoring()
    problem.sampleWeight = random.uniforms(Self.rows, in: 0...2)
    problem.step = 6
    return problem
  }

  private func expectSameBits(_ loss: LossCase, _ problem: Problem, isInPlace: Bool = false) throws
  {
    var problem = problem
    // The function of that name has no weights.
    if !loss.usesLabels { problem.sampleWeight = nil }
    let direct = try loss.evaluate(problem)
    let (answer, stage) = try loss.evaluateInPython(problem, isInPlace: isInPlace)
    #expect(answer.error == nil)
    #expect(stage.gradient.pattern == direct.gradient.pattern)
    if loss.hasTwoHeads {
      #expect(stage.multiLabelGradient.pattern == direct.multiLabelGradient.pattern)
    }
    #expect(stage.surroundingsAreUntouched)
    if loss.reduction == .none {
      #expect(stage.rowValues.pattern == direct.rowValues.pattern)
    } else {
      #expect(answer.number?.bitPattern == direct.result.value.bitPattern)
    }
  }

  @Test(arguments: LossCase.table(classes: classes))
  func `value and gradient are the same bits, in place of the logits too`(loss: LossCase) throws {
    for (index, type) in ElementType.allCases.enumerated() {
      var problem = problem(type)
      problem.labelsAreNarrow = index % 2 == 0
      let loss = loss.with(Reduction.allCases[index % 3])
      try expectSameBits(loss, problem, isInPlace: index > 1)
    }
  }

  @Test(arguments: ElementType.allCases)
  func `with noise that is given`(type: ElementType) throws {
    var random = Random(seed: 1)
    let loss = LossCase("noised_topk", classes: Self.classes, ["k": 3, "n_samples": 4])
    var problem = problem(type)
    problem.samples = 4
    problem.noise = random.normals(Self.rows * 4 * Self.classes).map {
      type == .float64 ? $0 : Double(Float($0))
    }
    try expectSameBits(loss, problem)
  }

  @Test func `both have the same file mapped, once`() throws {
    _ = try Interpreter.shared()
    #expect(try mappedLibraries() == [try libraryFile()])
    #expect(try Interpreter.shared().call("simd") == String(cString: topkloss_simd()))
  }

  @Test func `the number of threads set through one is seen through the other`() throws {
    let python = try Interpreter.shared()
    try withThreadCountAlone {
      try check(topkloss_set_num_threads(7))
      let seen = try python.call("get_num_threads")
      #expect(seen == "7")
      let error = try python.call("set_num_threads", "3")
      #expect(error.isEmpty && topkloss_get_num_threads() == 3)
    }
  }

  @Test func `an exception says what the interface says`() throws {
    let plain = LossCase("cross_entropy", classes: Self.classes)
    var badLabel = problem(.float32)
    badLabel.labels[4] = 99
    var badLogit = problem(.float64)
    badLogit.logits[3] = .nan
    var counts = longTail(Self.classes)
    let counted = LossCase(
      "logit_adjusted", classes: Self.classes, ["class_counts": .vector(counts)])
    counts[5] = 0
    let negative = [Double](repeating: -1, count: Self.classes)
    let wrongs: [(LossCase, Problem)] = [
      (plain, badLabel), (plain.with(["check_finite": 1]), badLogit),
      (plain.with(["label_smoothing": 1.5]), problem(.float32)),
      (counted.with(["class_counts": .vector(counts)]), problem(.float32)),
      (counted.with(["class_weight": .vector(negative)]), problem(.float32)),
      (LossCase("noised_topk", classes: Self.classes, ["k": 37]), problem(.float32)),
    ]
    for (loss, problem) in wrongs {
      let failure = #expect(throws: Failure.self) { try loss.evaluate(problem) }
      let (answer, stage) = try loss.evaluateInPython(problem)
      let status = failure.map { String(cString: topkloss_status_name($0.code)) }
      // By the names of Python's arguments.
      let said = failure?.message.replacingOccurrences(
        of: "batch.classes", with: "the number of classes"
      )
      .replacingOccurrences(of: "options.", with: "")
      #expect(answer.error == said && answer.status == status)
      #expect(stage.gradient.isUntouched && stage.rowValues.isUntouched)
    }
  }

  @Test func `an error made in Python is this thread's last error in the interface`() throws {
    let python = try Interpreter.shared()
    var batch = topkloss_batch()
    #expect(topkloss_batch_init(&batch, 3) == 2)
    let message = try python.call("set_num_threads", "-5")
    #expect(message.contains("-5"))
    #expect(String(cString: topkloss_last_error()) == message)
    #expect(try python.call("last_error") == message)
  }

  @Test func `threads that Python does not know may all call it`() throws {
    let losses = LossCase.kinds(classes: Self.classes).filter(\.usesLabels)
    let problem = problem(.float32)
    let expected = try losses.map { try $0.evaluate(problem).gradient.pattern }
    let lock = NSLock()
    nonisolated(unsafe) var wrong: [String] = []
    DispatchQueue.concurrentPerform(iterations: 40) { iteration in
      let index = iteration % losses.count
      let found = Result { try losses[index].evaluateInPython(problem).stage.gradient.pattern }
      if (try? found.get()) != expected[index] { lock.withLock { wrong.append("\(found)") } }
    }
    #expect(wrong.isEmpty)
  }

  @Test func `the interpreter is free while a loss is evaluated`() throws {
    let python = try Interpreter.shared()
    // Python would otherwise take the lock away from a long call by itself.
    _ = try python.call("set_switch_interval", "1000")
    defer { _ = try? python.call("set_switch_interval", "0.005") }
    let (isAboutToWait, hasEnded) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
    let lock = NSLock()
    nonisolated(unsafe) var wasInside = false

    let loss = LossCase("cross_entropy", classes: 500)
    let problem = Problem(random: 1, rows: 400, classes: 500)
    try python.withLock {
      let other = Thread {
        isAboutToWait.signal()
        python.withLock { lock.withLock { wasInside = true } }
        hasEnded.signal()
      }
      other.start()
      isAboutToWait.wait()
      Thread.sleep(forTimeInterval: 0.05)
      #expect(!lock.withLock { wasInside })
      for _ in 0..<100 where !lock.withLock({ wasInside }) {
        _ = try loss.evaluateInPython(problem)
      }
      #expect(lock.withLock { wasInside })
    }
    hasEnded.wait()
  }

  @Test func `the host's signal handlers stay its own`() throws {
    _ = try Interpreter.shared()
    var action = sigaction()
    #expect(sigaction(SIGINT, nil, &action) == 0)
    // SIG_DFL or, where the tests run in the background, SIG_IGN.
    #expect((0...1).contains(unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self)))
  }
}
