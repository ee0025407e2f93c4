import CTopKLoss
import Foundation
import Testing

@Suite struct `Class weights from counts` {
  private func inverse(_ counts: [Double]) throws -> [Double] {
    var weights = [Double](repeating: Stage.unwritten, count: counts.count + 1)
    try check(topkloss_inverse_frequency(Int64(counts.count), counts, &weights))
    #expect(weights.popLast() == Stage.unwritten)
    return weights
  }

  private func effective(_ counts: [Double], beta: Double) throws -> [Double] {
    var weights = [Double](repeating: Stage.unwritten, count: counts.count + 1)
    try check(topkloss_effective_number(Int64(counts.count), counts, beta, &weights))
    #expect(weights.popLast() == Stage.unwritten)
    return weights
  }

  private func expectClose(_ actual: [Double], _ expected: [Double]) {
    #expect(actual.count == expected.count)
    for (one, other) in zip(actual, expected) {
      #expect(abs(one / other - 1) < 1e-12, "\(actual), \(expected)")
    }
  }

  static let counts: [[Double]] = [
    [17], [1, 1, 1], [1000, 100, 10, 1], longTail(100), [1e15, 1e-3, 7], [0.5, 1e6],
  ]

  @Test(arguments: counts)
  func `inverse frequency, with mean 1`(counts: [Double]) throws {
    let raw = counts.map { 1 / $0 }
    let mean = exactSum(raw) / Double(counts.count)
    let weights = try inverse(counts)
    expectClose(weights, raw.map { $0 / mean })
    #expect(abs(exactSum(weights) / Double(counts.count) - 1) < 1e-12)
  }

  @Test(arguments: counts, [0, 0.5, 0.9, 0.999, 0.9999, 1 - 1e-9, 1 - 0x1p-53])
  func `effective number, with sum C`(counts: [Double], beta: Double) throws {
    // (1 - beta) / (1 - beta^n), where both differences cancel for beta near 1.
    let raw = counts.map { beta == 0 ? 1 : (1 - beta) / -expm1($0 * log1p(beta - 1)) }
    let mean = exactSum(raw) / Double(counts.count)
    let weights = try effective(counts, beta: beta)
    expectClose(weights, raw.map { $0 / mean })
    #expect(abs(exactSum(weights) / Double(counts.count) - 1) < 1e-12)
  }

  @Test func `beta towards 1 tends to inverse frequency`() throws {
    let counts = longTail(20)
    for (one, other) in zip(try effective(counts, beta: 1 - 1e-12), try inverse(counts)) {
      #expect(abs(one - other) < 1e-6)
    }
  }

  @Test func `in place of the counts`() throws {
    let counts = longTail(37)
    let (first, second) = (Memory(counts), Memory(counts))
    try check(topkloss_inverse_frequency(37, first.numbers, first.numbers))
    try check(topkloss_effective_number(37, second.numbers, 0.999, second.numbers))
    #expect(Array(UnsafeBufferPointer(start: first.numbers, count: 37)) == (try inverse(counts)))
    #expect(
      Array(UnsafeBufferPointer(start: second.numbers, count: 37))
        == (try effective(counts, beta: 0.999)))
  }

  @Test func `what cannot be is refused and nothing is written`() {
    let counts = Memory([3.0, 2, 1])
    let weights = Memory([7.0, 7, 7])
    typealias Call = (Int64, UnsafePointer<Double>?, UnsafeMutablePointer<Double>?)
      -> topkloss_status
    let calls: [Call] = [
      { topkloss_inverse_frequency($0, $1, $2) },
      { topkloss_effective_number($0, $1, 0.9, $2) },
    ]
    for call in calls {
      expectFailure(.nullPointer, naming: ["class_counts"]) {
        try check(call(3, nil, weights.numbers))
      }
      expectFailure(.nullPointer, naming: ["weights"]) {
        try check(call(3, counts.numbers, nil))
      }
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
