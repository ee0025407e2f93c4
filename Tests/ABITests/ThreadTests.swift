import CTopKLoss
import Foundation
import Testing

// The number of threads belongs to the process, so these tests run one after another. What other tests compute
// meanwhile does not depend on it.

@Suite(.serialized, .enabled(if: InstructionSet.isOwn)) struct `Threads do not show in a result` {
  private static let classes = 67

  /// Enough work to be worth several threads; a quadrature is as much as many rows.
  private func problem(_ loss: LossCase, _ type: ElementType = .float32) -> Problem {
    let rows = loss.isExact ? 300 : 3000
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

  private func evaluate(_ loss: Loss, _ problem: Problem, on host: HostExecutor) throws -> Stage {
    let stage = try Stage(problem)
    try host.withExecutor { executor in
      stage.batch.executor = executor
      try stage.evaluate(loss)
    }
    return stage
  }

  @Test(
    arguments: Array(LossCase.kinds(classes: classes).enumerated()).map { ($0.offset, $0.element) })
  func `the library's own or the host's, in any number and order`(
    index: Int, loss: LossCase
  ) throws {
    let problem = problem(loss, ElementType.allCases[index % 4])
    let handle = try loss.make()
    let single = try Stage(problem)
    try withThreads(1) { try single.evaluate(handle) }
    let expected = single.written
    for count in [2, 5] as [Int32] {
      let stage = try Stage(problem)
      try withThreads(count) { try stage.evaluate(handle) }
      #expect(stage.written == expected)
    }
    let inPlace = try Stage(problem, Stage.Layout(isInPlace: true))
    try withThreads(3) { try inPlace.evaluate(handle) }
    #expect(inPlace.gradient.pattern == single.gradient.pattern)
    for (run, concurrency) in [
      (HostExecutor.forwards, 1), (HostExecutor.backwards, 1024), (HostExecutor.onThreads, 2),
      (HostExecutor.onThreads, 8),
    ] as [(HostExecutor.Run, Int32)] {
      let host = HostExecutor(concurrency: concurrency, run)
      let stage = try evaluate(handle, problem, on: host)
      #expect(stage.written == expected)
    }
    // Tasks that are dropped are an error, wherever they are.
    for run in [
      { _, _ in }, { count, task in for index in 0..<count - 1 { task(index) } },
      { count, task in for index in 1..<count { task(index) } },
    ] as [HostExecutor.Run] {
      expectFailure(.executor, naming: ["executor"]) {
        _ = try evaluate(handle, problem, on: HostExecutor(run))
      }
    }
    let after = try Stage(problem)
    try after.evaluate(handle)
    #expect(after.written == expected)
  }

  @Test(arguments: LossCase.kinds(classes: classes))
  func `one handle serves several threads at once`(loss: LossCase) throws {
    let problem = problem(loss)
    let handle = try loss.make()
    let expected = try Stage(problem)
    try expected.evaluate(handle)
    let written = expected.written
    let lock = NSLock()
    nonisolated(unsafe) var wrong = 0
    try withThreadCountAlone {
      DispatchQueue.concurrentPerform(iterations: 6) { iteration in
        // In the middle of it all the number changes.
        if iteration == 3 { topkloss_set_num_threads(2) }
        let stage = try? Stage(problem)
        let isRight = (try? stage?.evaluate(handle)) != nil && stage?.written == written
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
      let problem = Problem(random: UInt64(iteration), rows: 4, classes: 9)
      let stage = try? losses[iteration % losses.count].evaluate(problem)
      if stage == nil { lock.withLock { failures += 1 } }
    }
    #expect(failures == 0)
  }

  @Test func `the number is what was set, and 0 is the default`() throws {
    try withThreadCountAlone {
      let byDefault = topkloss_get_num_threads()
      #expect((1...1024).contains(byDefault))
      for count in [1, 2, 1024, 7] as [Int32] {
        try check(topkloss_set_num_threads(count))
        #expect(topkloss_get_num_threads() == count)
      }
      for count in [-1, 1025, .min, .max] as [Int32] {
        expectFailure(.option, naming: ["count", "\(count)", "1024"]) {
          try check(topkloss_set_num_threads(count))
        }
        #expect(topkloss_get_num_threads() == 7)
      }
      try check(topkloss_set_num_threads(0))
      #expect(topkloss_get_num_threads() == byDefault)
    }
  }

  private let crossEntropy = LossCase("cross_entropy", classes: classes, ["check_finite": 1])

  @Test func `the host is called at most once per pass over the rows, from the calling thread`()
    throws
  {
    let caller = pthread_self()
    let host = HostExecutor { count, task in
      #expect(pthread_equal(caller, pthread_self()) != 0)
      HostExecutor.forwards(count, task)
    }
    _ = try evaluate(crossEntropy.make(), problem(crossEntropy), on: host)
    // One pass to look for numbers that are not finite, one to evaluate.
    #expect((1...2).contains(host.callCounts.count) && host.callCounts.allSatisfy { $0 > 1 })
  }

  @Test func `a host that cannot be is refused`() throws {
    for concurrency in [0, -1, 1025, .min, .max] as [Int32] {
      let host = HostExecutor(concurrency: concurrency, HostExecutor.forwards)
      expectFailure(.option, naming: ["concurrency", "\(concurrency)", "1", "1024"]) {
        _ = try evaluate(crossEntropy.make(), problem(crossEntropy), on: host)
      }
    }
  }

  // What a pool that steals work does to the thread that waits.
  @Test func `between its tasks a host may evaluate other losses`() throws {
    let inner = try LossCase("cross_entropy", classes: 5).make()
    let small = Problem(random: 4, rows: 3, classes: 5)
    let expected = try Stage(small)
    try expected.evaluate(inner)
    let value = expected.result.value
    let host = HostExecutor { count, task in
      for index in 0..<count {
        task(index)
        let stage = try? Stage(small)
        try? stage?.evaluate(inner)
        #expect(stage?.result.value == value)
      }
    }
    let outer = try crossEntropy.make()
    let plain = try Stage(problem(crossEntropy))
    try plain.evaluate(outer)
    #expect(try evaluate(outer, problem(crossEntropy), on: host).written == plain.written)
  }
}
