import CTopKLoss
import Foundation
import Testing

@Suite struct `The host's own threads do the work` {
  private static let rows = 3000
  private static let classes = 67

  private static let problem = Problem(random: 8, rows: rows, classes: classes).ignoring()

  private func problem() -> Problem { Self.problem }

  /// Enough work for several threads: a quadrature is as much as many rows.
  private func problem(for loss: LossCase) -> Problem {
    loss.isExact ? Self.problem.rows(0..<300) : Self.problem
  }

  private func evaluate(_ loss: Loss, _ problem: Problem, on host: HostExecutor) throws -> Stage {
    let stage = try Stage(problem)
    try host.withExecutor { executor in
      stage.batch.executor = executor
      try stage.evaluate(loss)
    }
    return stage
  }

  @Test(arguments: LossCase.kinds(classes: classes))
  func `in any order, on any thread, the bits are the same`(loss: LossCase) throws {
    let handle = try loss.make()
    let problem = problem(for: loss)
    let plain = try Stage(problem)
    try plain.evaluate(handle)
    let expected = plain.written
    for run in [HostExecutor.forwards, HostExecutor.backwards, HostExecutor.onThreads] {
      for concurrency in [1, 2, 8, 1024] as [Int32] {
        let host = HostExecutor(concurrency: concurrency, run)
        let stage = try evaluate(handle, problem, on: host)
        #expect(stage.written == expected)
      }
    }
  }

  @Test func `it is called at most once per pass over the rows, from the calling thread`() throws {
    let caller = pthread_self()
    let host = HostExecutor { count, task in
      #expect(pthread_equal(caller, pthread_self()) != 0)
      HostExecutor.forwards(count, task)
    }
    let loss = LossCase(kind: .crossEntropy, classes: Self.classes, checksFinite: true)
    _ = try evaluate(loss.make(), problem(), on: host)
    // One pass to look for numbers that are not finite, one to evaluate.
    #expect((1...2).contains(host.callCounts.count))
    #expect(host.callCounts.allSatisfy { $0 > 1 })
  }

  @Test(arguments: LossCase.kinds(classes: classes))
  func `one that drops tasks is told so`(loss: LossCase) throws {
    let droppers: [HostExecutor.Run] = [
      { _, _ in },
      { count, task in for index in 0..<count - 1 { task(index) } },
      { count, task in for index in 1..<count { task(index) } },
      { count, task in for index in stride(from: 0, to: count, by: 2) { task(index) } },
    ]
    for run in droppers {
      let host = HostExecutor(run)
      expectFailure(.executor, naming: ["executor"]) {
        _ = try evaluate(loss.make(), problem(), on: host)
      }
    }
  }

  @Test func `after one that dropped tasks, the next call is right`() throws {
    let loss = try LossCase(kind: .crossEntropy, classes: Self.classes).make()
    let expected = try Stage(problem())
    try expected.evaluate(loss)
    expectFailure(.executor, naming: []) {
      _ = try evaluate(loss, problem(), on: HostExecutor { _, _ in })
    }
    let stage = try Stage(problem())
    try stage.evaluate(loss)
    #expect(stage.result.value == expected.result.value)
    #expect(stage.gradient.pattern == expected.gradient.pattern)
  }

  @Test(arguments: [0, -1, 1025, .min, .max] as [Int32])
  func `a concurrency out of range is refused`(concurrency: Int32) throws {
    let host = HostExecutor(concurrency: concurrency, HostExecutor.forwards)
    expectFailure(.option, naming: ["concurrency", "\(concurrency)", "1", "1024"]) {
      _ = try evaluate(
        LossCase(kind: .crossEntropy, classes: Self.classes).make(), problem(), on: host)
    }
  }

  // What a pool that steals work does to the thread that waits.
  @Test func `between its tasks it may evaluate other losses`() throws {
    let inner = try LossCase(kind: .crossEntropy, classes: 5).make()
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
    let outer = try LossCase(kind: .crossEntropy, classes: Self.classes).make()
    let plain = try Stage(problem())
    try plain.evaluate(outer)
    let stage = try evaluate(outer, problem(), on: host)
    #expect(stage.result.value == plain.result.value)
    #expect(stage.gradient.pattern == plain.gradient.pattern)
  }
}
