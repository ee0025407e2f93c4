import Foundation
import Testing

// What the losses of a family have to do with each other, and what only one of them is asked for.

@Suite(.enabled(if: InstructionSet.isOwn)) struct `Focal loss` {
  @Test(arguments: ElementType.allCases)
  func `with gamma 0 is cross-entropy to the last bit`(type: ElementType) throws {
    for classes in [1, 2, 17, 100, 1025] {
      var problem = Problem(random: 3, type: type, rows: 7, classes: classes, spread: 4).ignoring()
      problem.logits[0] = -.infinity
      for options in [[:], ["class_weight": .vector(longTail(classes))]] as [[String: Option]] {
        let focal = LossCase("focal", classes: classes, options).with(["gamma": 0])
        let plain = LossCase("cross_entropy", classes: classes, options)
        #expect(try focal.evaluate(problem).written == plain.evaluate(problem).written)
      }
    }
  }

  @Test(arguments: [ElementType.float32, .float64], [0.5, 1, 2, 5])
  func `keeps its relative precision where a row is right already`(
    type: ElementType, gamma: Double
  ) throws {
    // (1 - p)^gamma log(1 + e^-d), with 1 - p far below the spacing of numbers next to 1.
    for distance in [3.0, 10, 15] {
      let problem = Problem(type: type, rows: 1, classes: 2, logits: [distance, 0], labels: [0])
      let stage = try LossCase("focal", classes: 2, ["gamma": .number(gamma)]).evaluate(problem)
      let expected = referenceFocalRow([distance, 0], label: 0, gamma: gamma, classWeight: 1)
      let bound = 64 * type.arithmeticError * (1 + gamma) * distance
      #expect(abs(stage.result.value / expected.value - 1) < bound, "\(distance)")
      // Below the smallest normal number of the type it may be 0.
      let smallest = type == .float32 ? 0x1p-126 : 0x1p-1022
      let error = abs(stage.gradient[0, 0] - expected.gradient[0])
      #expect(error < max(bound * abs(expected.gradient[0]), smallest), "\(distance)")
    }
  }

  @Test(arguments: ElementType.allCases, [0, 0.25, 1, 2, 30])
  func `is finite however right or wrong a row is`(type: ElementType, gamma: Double) throws {
    for distance in [-1e4, -200, -50, 50, 200, 1e4] {
      let problem = Problem(
        type: type, rows: 1, classes: 3, logits: [distance, 0, -1], labels: [0])
      let loss = LossCase("focal", classes: 3, ["gamma": .number(gamma)])
      expectAgreement(try loss.evaluate(problem), try loss.expected(problem), loss)
    }
  }
}

@Suite(.enabled(if: InstructionSet.isOwn)) struct `The enlarged margin` {
  @Test(arguments: ElementType.allCases)
  func `of rivals that tie is the lowest class's`(type: ElementType) throws {
    let classes = 40
    let loss = LossCase(
      "elm", classes: classes,
      ["class_counts": .vector(longTail(classes)), "max_margin": 1, "scale": 1])
    for label in [0, 3, 17, 39] {
      for rivals in [[1, 2], [5, 38], [16, 32], Array(0..<classes)] {
        var problem = Problem(
          type: type, rows: 1, classes: classes, logits: [Double](repeating: -1, count: classes),
          labels: [Int64(label)])
        for rival in rivals { problem.logits[rival] = 0.5 }
        expectAgreement(try loss.evaluate(problem), try loss.expected(problem), loss)
      }
    }
  }
}

@Suite(.enabled(if: InstructionSet.isOwn)) struct `Noised top-K with noise given and its own` {
  private static let rows = 6
  private static let classes = 41
  private static let samples = 7

  private func loss(_ options: [String: Option] = [:]) -> LossCase {
    LossCase(
      "noised_topk", classes: Self.classes, ["k": 3, "n_samples": 7, "seed": 42, "epsilon": 0.7]
    ).with(options)
  }

  private func problem(_ type: ElementType = .float32) -> Problem {
    Problem(random: 6, type: type, rows: Self.rows, classes: Self.classes)
  }

  private func given(_ problem: Problem, _ numbers: [Double]) -> Problem {
    var problem = problem
    (problem.noise, problem.samples) = (numbers, Self.samples)
    return problem
  }

  private func noise() -> [Double] {
    var random = Random(seed: 3)
    return random.normals(Self.rows * Self.samples * Self.classes).map { Double(Float($0)) }
  }

  @Test(arguments: ElementType.allCases)
  func `given noise counts in place of its own, which given back makes the same bits`(
    type: ElementType
  ) throws {
    for reduction in Reduction.allCases {
      let (loss, problem) = (loss().with(reduction), given(problem(type), noise()).ignoring())
      expectAgreement(try loss.evaluate(problem), try loss.expected(problem), loss)
    }
    var problem = problem(type)
    (problem.step, problem.firstRow) = (5, 1000)
    let own = try loss().ownNoise(problem).flatMap { $0.flatMap { $0 } }
    #expect(
      try loss().evaluate(problem).written == loss().evaluate(given(problem, own)).written)
  }

  @Test func `strides of given noise are free`() throws {
    let (noise, classes, samples) = (noise(), Self.classes, Self.samples)
    let plain = try loss().evaluate(given(problem(), noise))
    for (rowStride, sampleStride) in [(7 * 50, 50), (600, 43), (41, 6 * 41), (-7 * 41, 41)] {
      let stage = try Stage(problem())
      let reach = Self.rows * abs(rowStride) + samples * abs(sampleStride)
      let memory = Memory.forever([Float](repeating: .nan, count: 2 * reach))
      let start = rowStride < 0 ? Self.rows * -rowStride : 0
      for index in noise.indices {
        let (row, sample) = (index / (samples * classes), index / classes % samples)
        let place = start + row * rowStride + sample * sampleStride + index % classes
        (memory.address + 4 * place).storeBytes(of: Float(noise[index]), as: Float.self)
      }
      stage.batch.noise = UnsafeRawPointer(memory.address + 4 * start)
      stage.batch.noise_row_stride = Int64(rowStride)
      stage.batch.noise_sample_stride = Int64(sampleStride)
      try stage.evaluate(loss().make())
      #expect(stage.gradient.pattern == plain.gradient.pattern)
    }
  }

  @Test func `another step, seed or first row is another draw`() throws {
    let base = try loss().evaluate(problem())
    var (later, further) = (problem(), problem())
    (later.step, further.firstRow) = (1, 3)
    let others = [
      try loss().evaluate(later), try loss().evaluate(further),
      try loss(["seed": 43]).evaluate(problem()),
    ]
    #expect(others.allSatisfy { $0.rowValues.pattern != base.rowValues.pattern })
  }

  @Test(arguments: ElementType.allCases)
  func `without noise it is the hinge, to the bit`(type: ElementType) throws {
    // Few distinct scores: ties everywhere.
    var problem = Problem(random: 3, type: type, rows: 20, classes: 12)
    problem.logits = problem.logits.map { ($0 * 2).rounded() }
    for k in 1..<12 as Range<Int64> {
      let options: [String: Option] = ["k": .integer(k), "margin": 0.5]
      let hinge = LossCase("topk_hinge", classes: 12, options)
      expectAgreement(try hinge.evaluate(problem), try hinge.expected(problem), hinge)
      for estimator in [0, 1] as [Option] {
        let noised = LossCase("noised_topk", classes: 12, options).with(
          ["epsilon": 0, "n_samples": 1, "estimator": estimator])
        #expect(try noised.evaluate(problem).written == hinge.evaluate(problem).written)
      }
    }
  }

  @Test func `a hinge at its corners, by hand`() throws {
    // Of equal scores the lowest index holds rank K + 1; +1 and -1 may cancel; at exactly 0 the subgradient is 0.
    let problem = Problem(
      type: .float64, rows: 3, classes: 4, logits: [1, 1, 1, 1, 0, 2, 0, -3, 1, 2, 0, -3],
      labels: [3, 0, 1])
    let stage = try LossCase("topk_hinge", classes: 4, ["k": 1]).with(.sum).evaluate(problem)
    #expect(stage.result.value == 2)
    #expect(stage.gradient.numbers == [1, 0, 0, -1, 0, 0, 0, 0, 0, 0, 0, 0])
  }
}

@Suite(.enabled(if: InstructionSet.isOwn)) struct `The smooth top-K SVM` {
  private func loss(_ k: Int, tau: Double, alpha: Double = 1, classes: Int) -> LossCase {
    LossCase(
      "smooth_topk_svm", classes: classes,
      ["k": .integer(Int64(k)), "tau": .number(tau), "alpha": .number(alpha)]
    ).with(.none)
  }

  /// The value from the definition: sums of products over all sets of rivals.
  private func bySubsets(_ logits: [Double], label: Int, _ loss: LossCase) -> Double {
    let (k, tau, alpha) = (Int(loss["k"]), loss["tau"], loss["alpha"])
    let powers = logits.map { exp($0 / (Double(k) * tau)) }
    let rivals = powers.indices.filter { $0 != label }.map { powers[$0] }
    var sigma = [Double](repeating: 0, count: rivals.count + 1)
    for members in 0..<1 << rivals.count {
      let chosen = rivals.indices.filter { members >> $0 & 1 == 1 }
      sigma[chosen.count] += chosen.reduce(1) { $0 * rivals[$1] }
    }
    let right = powers[label] * sigma[k - 1]
    return tau * (log(right + exp(alpha / tau) * sigma[k]) - log(right))
  }

  @Test(arguments: [2, 3, 5, 8])
  func `is what the sum over all sets says`(classes: Int) throws {
    let problem = Problem(random: 3, type: .float64, rows: 4, classes: classes)
    for k in 1..<classes {
      for (tau, alpha) in [(1.0, 1.0), (0.5, -1), (3, 0), (10, 2.5)] {
        let loss = loss(k, tau: tau, alpha: alpha, classes: classes)
        let stage = try loss.evaluate(problem)
        for row in 0..<4 {
          let expected = bySubsets(problem.row(row), label: Int(problem.labels[row]), loss)
          #expect(abs(stage.rowValues[row, 0] - expected) < 1e-12 * max(1, tau), "k \(k)")
        }
      }
    }
  }

  @Test(arguments: ElementType.allCases, [0.01, 0.1, 1, 10, 100])
  func `logits of ten thousand and any temperature`(type: ElementType, tau: Double) throws {
    for (spread, center) in [(1e4, 0.0), (100, 0), (100, 9000), (0.5, -9999), (0, 1e4)] {
      for k in [1, 2, 5] {
        var random = Random(seed: 6)
        let logits = random.uniforms(8 * 40, in: -1...1).map {
          min(1e4, max(-1e4, center + spread * $0))
        }
        let problem = Problem(
          type: type, rows: 8, classes: 40, logits: logits, labels: [0, 5, 10, 15, 20, 25, 30, 39])
        let loss = loss(k, tau: tau, classes: 40)
        let (stage, expected) = (try loss.evaluate(problem), loss.reference(problem))
        // Differences of far logits are exact, so that entries of the gradient are as good as near zero.
        let bar = type == .float64 ? 1e-9 : 2e-5
        for (actual, value) in zip(stage.rowValues.numbers, expected.rowValues) {
          let rounding = 2 * type.storageError * abs(value)
          #expect(abs(actual - value) <= bar * max(1, abs(value)) + rounding, "\(loss)")
        }
        let errors = zip(stage.gradient.numbers, expected.gradient).map {
          abs($0 - $1) - 1.01 * type.storageError * abs($1)
        }
        #expect((errors.max() ?? .nan) <= bar, "\(type), \(loss)")
      }
    }
  }

  @Test func `equal logits may be any number, and far ones beyond numbers`() throws {
    func equal(_ logit: Double) throws -> Stage.Written {
      try loss(5, tau: 100, classes: 50).evaluate(
        Problem(
          type: .float64, rows: 1, classes: 50, logits: [Double](repeating: logit, count: 50),
          labels: [7])
      ).written
    }
    let expected = try equal(0)
    for logit in [1e15, -1e20, 1e300] { #expect(try equal(logit).patterns == expected.patterns) }
    let far = Problem(
      type: .float64, rows: 2, classes: 6,
      logits: [0, -1e300, -1e300, -1e300, -1e300, -1e300, 0, 1e300, 1e300, 1, 1, 1], labels: [0, 0])
    let stage = try loss(2, tau: 1e-15, classes: 6).evaluate(far)
    #expect(stage.rowValues[0, 0] == 0 && (0..<6).allSatisfy { stage.gradient[0, $0] == 0 })
    #expect(abs(stage.rowValues[1, 0] / 5e299 - 1) < 1e-12)
    #expect(abs(stage.gradient[1, 0] + 0.5) < 1e-12)
  }

  @Test(arguments: ElementType.allCases)
  func `masked classes are not there`(type: ElementType) throws {
    let inf = Double.infinity
    let problem = Problem(
      type: type, rows: 4, classes: 5,
      logits: [
        // A rival fewer; the label masked; one rival left; none, and the label masked.
        1, -inf, 0.5, 2, -1, -inf, 1, 0.5, 2, -1, 3, -inf, -inf, 2, -inf, -inf, -inf, -inf, -inf,
        -inf,
      ], labels: [0, 0, 0, 0])
    let stage = try loss(2, tau: 1, classes: 5).evaluate(problem)
    let without = Problem(type: type, rows: 1, classes: 4, logits: [1, 0.5, 2, -1], labels: [0])
    let expected = loss(2, tau: 1, classes: 4).reference(without).rowValues[0]
    let value = stage.rowValues[0, 0]
    #expect(agrees(value, expected, arithmetic: type, magnitude: 4, stored: type))
    #expect(stage.gradient[0, 1] == 0 && stage.rowValues[1, 0] == .infinity)
    #expect(stage.rowValues[2, 0] == 0 && stage.rowValues[3, 0] == 0)
    #expect(stage.gradient.numbers.allSatisfy { $0.isFinite })
    #expect((2..<4).allSatisfy { row in (0..<5).allSatisfy { stage.gradient[row, $0] == 0 } })
  }
}
