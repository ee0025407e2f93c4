import CTopKLoss
import Foundation
import Testing

// The number of threads belongs to the process, so these tests run one after another. What other
// tests compute meanwhile does not depend on it.

@Suite(.serialized) struct `The number of threads does not show in a result` {
  private static let rows = 3000
  private static let classes = 67

  /// Enough work to be worth several threads.
  private func problem(_ type: ElementType, _ loss: LossCase) -> Problem {
    // A quadrature is as much as many rows.
    let rows = loss.isExact ? 300 : Self.rows
    var random = Random(seed: 2)
    var problem = Problem(
      random: 8, type: type, rows: rows, classes: Self.classes, spread: 0.5
    ).ignoring()
    problem.sampleWeight = random.uniforms(rows, in: 0...2)
    return problem
  }

  private func withThreads(_ count: Int32, _ body: () throws -> Void) throws {
    try withThreadCountAlone {
      try check(topkloss_set_num_threads(count))
      try body()
    }
  }

  @Test(arguments: LossCase.kinds(classes: classes), ElementType.allCases)
  func `any number of threads give the same bits`(
    loss: LossCase, type: ElementType
  ) throws {
    let problem = problem(type, loss)
    let handle = try loss.make()
    let single = try Stage(problem)
    try withThreads(1) { try single.evaluate(handle) }
    let expected = single.written
    for count in [2, 3, 5, 8] as [Int32] {
      for isInPlace in [false, true] {
        let stage = try Stage(problem, Stage.Layout(isInPlace: isInPlace))
        try withThreads(count) { try stage.evaluate(handle) }
        // What a loss of one head leaves of the other is not the same if it lies elsewhere.
        if loss.hasTwoHeads || !isInPlace { #expect(stage.written == expected) }
        #expect(stage.result.value == single.result.value)
        #expect(stage.gradient.pattern == single.gradient.pattern)
      }
    }
  }

  @Test(arguments: [1, 2, 8, 1024] as [Int32])
  func `it is what was set`(count: Int32) throws {
    try withThreads(count) { #expect(topkloss_get_num_threads() == count) }
  }

  @Test func `zero returns to the default`() throws {
    try withThreadCountAlone {
      let byDefault = topkloss_get_num_threads()
      #expect((1...1024).contains(byDefault))
      try check(topkloss_set_num_threads(7))
      try check(topkloss_set_num_threads(0))
      #expect(topkloss_get_num_threads() == byDefault)
    }
  }

  @Test(arguments: [-1, 1025, .min, .max] as [Int32])
  func `what is out of range is refused and changes nothing`(count: Int32) throws {
    try withThreads(5) {
      expectFailure(.option, naming: ["count", "\(count)", "1024"]) {
        try check(topkloss_set_num_threads(count))
      }
      #expect(topkloss_get_num_threads() == 5)
    }
  }

  @Test(arguments: LossCase.kinds(classes: classes))
  func `one handle serves several threads at once`(loss: LossCase) throws {
    let problem = problem(.float32, loss)
    let handle = try loss.make()
    let expected = try Stage(problem)
    try expected.evaluate(handle)
    let written = expected.written

    let lock = NSLock()
    nonisolated(unsafe) var wrong = 0
    try withThreadCountAlone {
      DispatchQueue.concurrentPerform(iterations: 8) { iteration in
        // In the middle of it all the number changes.
        if iteration == 3 { topkloss_set_num_threads(2) }
        let stage = try? Stage(problem)
        let isRight =
          (try? stage?.evaluate(handle)) != nil && stage?.written == written
        if !isRight { lock.withLock { wrong += 1 } }
      }
    }
    #expect(wrong == 0)
  }

  @Test func `losses are created, used and freed on many threads at once`() {
    let losses = LossCase.kinds(classes: 9)
    let lock = NSLock()
    nonisolated(unsafe) var failures = 0
    DispatchQueue.concurrentPerform(iterations: 64) { iteration in
      let loss = losses[iteration % losses.count]
      let problem = Problem(random: UInt64(iteration), rows: 4, classes: 9)
      if (try? loss.evaluate(problem)) == nil { lock.withLock { failures += 1 } }
    }
    #expect(failures == 0)
  }
}
