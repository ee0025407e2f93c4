import CTopKLoss
import Foundation
import Testing

// The library's own noise: a function of (seed, step, row, sample, class) and of nothing else.

@Suite(.enabled(if: InstructionSet.isOwn)) struct `Noise is a function of seed, step and row` {
  private func noise(
    seed: UInt64 = 1, step: UInt64 = 2, firstRow: Int64 = 0, rows: Int = 3, samples: Int = 4,
    classes: Int = 77
  ) throws -> [Float] {
    var numbers = [Float](repeating: .nan, count: rows * samples * classes)
    try check(
      topkloss_standard_normal(
        seed, step, firstRow, Int64(rows), Int64(samples), Int64(classes), &numbers))
    return numbers
  }

  @Test(
    arguments: [
      (0, 0, 0), (1, 2, 3), (.max, .max, 0), (0x0123_4567_89AB_CDEF, 1 << 40, 1 << 50),
    ] as [(UInt64, UInt64, Int64)])
  func `it is what a second implementation says`(
    seed: UInt64, step: UInt64, firstRow: Int64
  ) throws {
    let (rows, samples, classes) = (2, 3, 150)
    let numbers = try noise(
      seed: seed, step: step, firstRow: firstRow, rows: rows, samples: samples, classes: classes)
    for (index, number) in numbers.enumerated() {
      let expected = referenceNoise(
        seed: seed, step: step, row: UInt64(firstRow) + UInt64(index / (samples * classes)),
        sample: index / classes % samples, classIndex: index % classes)
      #expect(abs(Double(number) - expected) < 2e-6 * max(1, abs(expected)))
    }
  }

  @Test func `fewer classes, samples or rows see the beginning of the same noise`() throws {
    let whole = try noise(rows: 3, samples: 4, classes: 77)
    for classes in [1, 15, 16, 17, 31, 32, 33, 48, 64, 76] {
      let part = try noise(rows: 3, samples: 2, classes: classes)
      for row in 0..<3 {
        for sample in 0..<2 {
          let start = (row * 4 + sample) * 77
          let partStart = (row * 2 + sample) * classes
          #expect(
            Array(whole[start..<start + classes])
              == Array(part[partStart..<partStart + classes]))
        }
      }
    }
  }

  @Test func `row n is row n wherever a call begins`() throws {
    let whole = try noise(rows: 6)
    let width = 4 * 77
    for first in 0..<6 {
      let part = try noise(firstRow: Int64(first), rows: 6 - first)
      #expect(part == Array(whole[(first * width)...]))
    }
  }

  @Test func `another seed, step or row is other noise`() throws {
    let base = try noise(rows: 1)
    let others = [
      try noise(seed: 2, rows: 1), try noise(seed: 1 << 32, rows: 1),
      try noise(step: 3, rows: 1), try noise(step: 2 | 1 << 32, rows: 1),
      try noise(firstRow: 1, rows: 1), try noise(firstRow: 1 << 32, rows: 1),
      try noise(seed: 2, step: 1, rows: 1),
    ]
    for other in others {
      let equal = zip(base, other).count { $0 == $1 }
      #expect(equal == 0)
    }
    #expect(Set(others).count == others.count)
  }

  @Test func `samples and rows do not resemble each other`() throws {
    let count = 20_000
    let numbers = try noise(rows: 2, samples: 2, classes: count).map(Double.init)
    let series = (0..<4).map { Array(numbers[$0 * count..<($0 + 1) * count]) }
    for first in 0..<4 {
      for second in 0..<first {
        let product = zip(series[first], series[second]).reduce(0) { $0 + $1.0 * $1.1 }
        // Five standard deviations of the correlation of independent series.
        #expect(abs(product / Double(count)) < 5 / Double(count).squareRoot())
      }
    }
    // Neither do neighbours, nor classes that share a counter.
    for distance in [1, 16] {
      let product = zip(series[0], series[0].dropFirst(distance)).reduce(0) { $0 + $1.0 * $1.1 }
      #expect(abs(product / Double(count)) < 5 / Double(count).squareRoot())
    }
  }

  @Test func `it is standard normal`() throws {
    let numbers = try noise(rows: 10, samples: 10, classes: 10_000).map(Double.init).sorted()
    let count = Double(numbers.count)
    let mean = numbers.reduce(0, +) / count
    let variance = numbers.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / count
    let kurtosis = numbers.reduce(0) { $0 + pow($1 - mean, 4) } / count / (variance * variance)
    #expect(abs(mean) < 5 / count.squareRoot())
    #expect(abs(variance - 1) < 5 * (2 / count).squareRoot())
    #expect(abs(kurtosis - 3) < 5 * (24 / count).squareRoot())
    // Kolmogorov and Smirnov: 1.95 / √n is exceeded once in a thousand such series.
    let distance = numbers.enumerated().map { index, number in
      abs(0.5 * erfc(-number / 2.0.squareRoot()) - (Double(index) + 0.5) / count)
    }.max()
    #expect(try #require(distance) < 1.95 / count.squareRoot())
    #expect(numbers.allSatisfy { abs($0) <= 7 })
  }

  @Test func `nothing is written for no rows`() throws {
    let guarded = Matrix(type: .float32, rows: 1, columns: 4)
    let address = guarded.address.assumingMemoryBound(to: Float.self)
    try check(topkloss_standard_normal(0, 0, 0, 0, 5, 4, address))
    #expect(guarded.isUntouched)
  }

  @Test func `nothing is written beyond the end`() throws {
    for classes in [1, 5, 16, 33, 1025] {
      let guarded = Matrix(type: .float32, rows: 1, columns: 2 * 3 * classes)
      let address = guarded.address.assumingMemoryBound(to: Float.self)
      try check(topkloss_standard_normal(0, 0, 0, 2, 3, Int64(classes), address))
      #expect(guarded.paddingIsUntouched && guarded.numbers.allSatisfy { $0.isFinite })
    }
  }
}
