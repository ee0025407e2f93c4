import CTopKLoss
import Testing

@Suite struct `Noised top-K with noise given and its own` {
  private static let rows = 6
  private static let classes = 41

  private func loss(_ change: (inout LossCase.NoisedTopK) -> Void = { _ in }) -> LossCase {
    var options = LossCase.NoisedTopK(k: 3, samples: 7, seed: 42, epsilon: 0.7)
    change(&options)
    return LossCase(kind: .noisedTopK(options), classes: Self.classes)
  }

  private func problem(_ type: ElementType = .float32) -> Problem {
    Problem(random: 6, type: type, rows: Self.rows, classes: Self.classes)
  }

  private func withNoise(_ problem: Problem, _ numbers: [Double], samples: Int) -> Problem {
    var problem = problem
    problem.noise = numbers
    problem.samples = samples
    return problem
  }

  @Test(arguments: ElementType.allCases)
  func `given noise counts in place of its own`(type: ElementType) throws {
    var random = Random(seed: 3)
    let noise = random.normals(Self.rows * 7 * Self.classes).map {
      type == .float64 ? $0 : Double(Float($0))
    }
    for reduction in Reduction.allCases {
      let loss = loss().with { $0.reduction = reduction }
      let problem = withNoise(problem(type), noise, samples: 7).ignoring()
      expectAgreement(try loss.evaluate(problem), try loss.expected(problem), loss)
    }
  }

  @Test(arguments: ElementType.allCases)
  func `its own noise, given back to it, makes the same bits`(type: ElementType) throws {
    let loss = loss()
    var problem = problem(type)
    problem.step = 5
    problem.firstRow = 1000
    let own = try loss.evaluate(problem)
    let noise = try loss.ownNoise(problem).flatMap { $0.flatMap { $0 } }
    let given = try loss.evaluate(withNoise(problem, noise, samples: 7))
    #expect(own.result.value == given.result.value)
    #expect(own.gradient.pattern == given.gradient.pattern)
    #expect(own.rowValues.pattern == given.rowValues.pattern)
  }

  @Test func `strides of given noise are free`() throws {
    var random = Random(seed: 3)
    let loss = loss()
    let (samples, classes) = (7, Self.classes)
    let noise = random.normals(Self.rows * samples * classes).map { Double(Float($0)) }
    let plain = try loss.evaluate(withNoise(problem(), noise, samples: samples))

    for (rowStride, sampleStride) in [(7 * 50, 50), (600, 43), (41, 6 * 41), (-7 * 41, 41)] {
      let stage = try Stage(problem())
      let reach = Self.rows * abs(rowStride) + samples * abs(sampleStride)
      let memory = Memory([Float](repeating: .nan, count: 2 * reach))
      let start = rowStride < 0 ? Self.rows * -rowStride : 0
      for index in noise.indices {
        let (row, sample) = (index / (samples * classes), index / classes % samples)
        let place = start + row * rowStride + sample * sampleStride + index % classes
        (memory.address + 4 * place).storeBytes(of: Float(noise[index]), as: Float.self)
      }
      stage.batch.noise = UnsafeRawPointer(memory.address + 4 * start)
      stage.batch.noise_row_stride = Int64(rowStride)
      stage.batch.noise_sample_stride = Int64(sampleStride)
      try stage.evaluate(loss.make())
      #expect(stage.result.value == plain.result.value)
      #expect(stage.gradient.pattern == plain.gradient.pattern)
    }
  }

  @Test(arguments: [1, 5, 13, 39])
  func `a batch in two halves has the same rows`(split: Int) throws {
    let loss = loss().with { $0.reduction = .none }
    var whole = Problem(random: 9, rows: 40, classes: Self.classes)
    whole.firstRow = 7
    let together = try loss.evaluate(whole)
    let first = try loss.evaluate(whole.rows(0..<split))
    let second = try loss.evaluate(whole.rows(split..<40))
    #expect(
      together.gradient.pattern
        == Pattern(joining: [first.gradient.pattern, second.gradient.pattern]))
    #expect(
      together.rowValues.pattern
        == Pattern(joining: [first.rowValues.pattern, second.rowValues.pattern]))
    #expect(
      together.result.total_weight == first.result.total_weight + second.result.total_weight)
  }

  @Test func `without first_row the second half is other noise`() throws {
    let loss = loss().with { $0.reduction = .none }
    let whole = Problem(random: 9, rows: 40, classes: Self.classes)
    var second = whole.rows(20..<40)
    second.firstRow = 0
    let together = try loss.evaluate(whole)
    let apart = try loss.evaluate(second)
    #expect(Array(together.rowValues.numbers[20...]) != apart.rowValues.numbers)
  }

  @Test func `another step or seed is another draw, the same is the same`() throws {
    let base = try loss().evaluate(problem())
    let again = try loss().evaluate(problem())
    #expect(base.gradient.pattern == again.gradient.pattern)
    var later = problem()
    later.step = 1
    #expect(try loss().evaluate(later).rowValues.pattern != base.rowValues.pattern)
    let reseeded = loss { $0.seed = 43 }
    #expect(try reseeded.evaluate(problem()).rowValues.pattern != base.rowValues.pattern)
  }

  @Test func `without noise to speak of, it is the top-K hinge`() throws {
    let hinge = loss { $0.epsilon = 0 }
    for type in ElementType.allCases {
      let stage = try hinge.evaluate(problem(type))
      let problem = problem(type)
      for row in 0..<Self.rows {
        let logits = problem.row(row)
        let ranked = logits.sorted(by: >)
        let expected = max(0, 1 + ranked[3] - logits[Int(problem.labels[row])])
        #expect(
          agrees(
            stage.rowValues[row, 0], expected, arithmetic: type, magnitude: 4, stored: type))
      }
    }
  }

  @Test func `equal scores rank by class`() throws {
    let plain = loss {
      $0.epsilon = 0
      $0.samples = 1
      $0.k = 2
    }
    var problem = Problem(
      rows: 1, classes: Self.classes, logits: [Double](repeating: 1, count: Self.classes),
      labels: [40])
    // Ranks 1 and 2 are above; rank 3 is shared by classes 1 and up, and class 1 holds it.
    problem.logits[0] = 5
    problem.logits[17] = 5
    let stage = try plain.evaluate(problem)
    #expect(stage.result.value == 1)
    #expect(stage.gradient[0, 1] == 1 && stage.gradient[0, 40] == -1)
    #expect(stage.gradient.numbers.filter { $0 != 0 }.count == 2)
  }

  @Test func `a hinge of exactly zero has no gradient`() throws {
    let plain = loss {
      $0.epsilon = 0
      $0.samples = 1
      $0.k = 1
    }
    var problem = Problem(
      rows: 1, classes: Self.classes, logits: [Double](repeating: 0, count: Self.classes),
      labels: [0])
    problem.logits[0] = 2
    problem.logits[1] = 1
    let stage = try plain.evaluate(problem)
    #expect(stage.result.value == 0)
    #expect(stage.gradient.numbers.allSatisfy { $0 == 0 })
  }

  @Test func `the gradient of an active row sums to zero`() throws {
    let stage = try loss { $0.margin = 100 }.with { $0.reduction = .sum }.evaluate(
      problem(.float64))
    for row in 0..<Self.rows {
      let sum = (0..<Self.classes).reduce(0) { $0 + stage.gradient[row, $1] }
      #expect(abs(sum) < 1e-14)
    }
  }
}
