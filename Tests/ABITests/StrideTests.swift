import Testing

// How a matrix lies in memory must not show in the result: the same bits, and no byte written
// beside them.

@Suite("Any layout gives the same bits") struct StrideTests {
  private static let rows = 7
  private static let classes = 19

  struct Case: Sendable, CustomStringConvertible {
    var layout: Stage.Layout
    var description: String {
      "logits \(layout.logitsStride ?? 0), gradient \(layout.gradientStride ?? 0), "
        + "misaligned by \(layout.misalignment)\(layout.isInPlace ? ", in place" : "")"
    }
  }

  static let cases: [Case] = [nil, 19, 20, 33, 64, -19, -20, -64].flatMap { logits in
    [nil, 23, -19, -33].flatMap { gradient in
      [0, 1, 3].map {
        Case(
          layout: .init(logitsStride: logits, gradientStride: gradient, misalignment: $0))
      }
    }
  }

  static let inPlaceCases: [Case] = [nil, 19, 20, 64, -19, -33].flatMap { stride in
    [0, 1, 2, 5].map {
      Case(layout: .init(logitsStride: stride, misalignment: $0, isInPlace: true))
    }
  }

  /// Layouts of all kinds, for matrices of up to 19 columns.
  static let layouts = (cases + inPlaceCases).map(\.layout)

  private func problem(_ type: ElementType) -> Problem {
    Problem(random: 3, type: type, rows: Self.rows, classes: Self.classes).ignoring()
  }

  @Test(arguments: LossCase.kinds(classes: classes), ElementType.allCases)
  func `padded, reversed and misaligned matrices`(loss: LossCase, type: ElementType) throws {
    try expectSameBits(loss, type, Self.cases)
  }

  @Test(arguments: LossCase.table(classes: classes), ElementType.allCases)
  func `the gradient in place of the logits`(loss: LossCase, type: ElementType) throws {
    try expectSameBits(loss, type, Self.inPlaceCases)
  }

  private func expectSameBits(_ loss: LossCase, _ type: ElementType, _ cases: [Case]) throws {
    for reduction in Reduction.allCases {
      let loss = loss.with { $0.reduction = reduction }
      let plain = try loss.evaluate(problem(type))
      for other in cases {
        let stage = try loss.evaluate(problem(type), other.layout)
        #expect(stage.result.value == plain.result.value, "\(other)")
        #expect(stage.result.total_weight == plain.result.total_weight, "\(other)")
        #expect(stage.result.threshold == plain.result.threshold, "\(other)")
        #expect(stage.gradient.pattern == plain.gradient.pattern, "\(other)")
        if loss.hasTwoHeads {
          let second = plain.multiLabelGradient.pattern
          #expect(stage.multiLabelGradient.pattern == second, "\(other)")
        }
        #expect(stage.rowValues.pattern == plain.rowValues.pattern, "\(other)")
        #expect(stage.surroundingsAreUntouched, "\(other)")
      }
    }
  }

  @Test(arguments: LossCase.kinds(classes: classes), ElementType.allCases)
  func `the gradient between the rows of the logits, as in one wider matrix`(
    loss: LossCase, type: ElementType
  ) throws {
    let plain = try loss.evaluate(problem(type))
    for stride in [2 * Self.classes, 3 * Self.classes, -2 * Self.classes] {
      let stage = try Stage(problem(type), Stage.Layout(logitsStride: stride))
      stage.result.gradient = stage.logits.address(0, Self.classes)
      stage.result.gradient_row_stride = Int64(stride)
      try stage.evaluate(loss.make())
      #expect(stage.result.value == plain.result.value)
      #expect(stage.logits.pattern == plain.logits.pattern)
      for row in 0..<Self.rows {
        for column in 0..<Self.classes {
          let beside = stage.logits[row, Self.classes + column]
          #expect(beside == plain.gradient[row, column])
        }
      }
    }
  }

  @Test func `labels, weights and upstream values at odd addresses`() throws {
    var random = Random(seed: 1)
    for isNarrow in [false, true] {
      var problem = problem(.float32)
      problem.sampleWeight = random.uniforms(Self.rows, in: 0...2)
      problem.upstream = random.normals(Self.rows)
      problem.labelsAreNarrow = isNarrow
      let loss = LossCase(kind: .crossEntropy, classes: Self.classes, reduction: .none)
      let plain = try loss.evaluate(problem)

      let stage = try Stage(problem)
      let labels = Shifted(stage.batch.labels, bytes: Self.rows * (isNarrow ? 4 : 8))
      let weights = Shifted(stage.batch.sample_weight, bytes: Self.rows * 8)
      let upstream = Shifted(stage.batch.upstream, bytes: Self.rows * 8)
      stage.batch.labels = labels.address
      stage.batch.sample_weight = weights.address.assumingMemoryBound(to: Double.self)
      stage.batch.upstream = upstream.address.assumingMemoryBound(to: Double.self)
      try stage.evaluate(loss.make())
      #expect(stage.result.value == plain.result.value)
      #expect(stage.gradient.pattern == plain.gradient.pattern)
    }
  }

  /// A copy of some bytes that begins at an odd address.
  private final class Shifted {
    private let memory: Memory

    init(_ source: UnsafeRawPointer?, bytes: Int) {
      let copy = Array(UnsafeRawBufferPointer(start: source, count: bytes))
      memory = Memory([0] + copy)
    }

    var address: UnsafeRawPointer { UnsafeRawPointer(memory.address + 1) }
  }
}
