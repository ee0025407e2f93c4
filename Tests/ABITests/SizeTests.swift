import CTopKLoss
import Testing

// Sizes and strides are checked before anything is read through them, so that no product of the two
// overflows.

@Suite struct `Sizes and strides that cannot be are refused` {
  struct Spoil: Sendable, CustomStringConvertible {
    var words: [String]
    var change: @Sendable (Stage) -> Void
    var description: String { "\(words)" }
  }

  static let sizes = [
    Spoil(words: ["rows", "-1", "0"]) { $0.batch.rows = -1 },
    Spoil(words: ["rows", "\(Int64.min)"]) { $0.batch.rows = .min },
    Spoil(words: ["classes", "0", "1"]) { $0.batch.classes = 0 },
    Spoil(words: ["classes", "-3", "1"]) { $0.batch.classes = -3 },
    Spoil(words: ["\(Int64.max)"]) { $0.batch.rows = .max },
    Spoil(words: ["\(Int64.max)"]) { $0.batch.classes = .max },
    Spoil(words: ["logits", "\(Int64.max)"]) { $0.batch.logits_row_stride = .max },
    Spoil(words: ["logits", "\(Int64.min)"]) { $0.batch.logits_row_stride = .min },
    Spoil(words: ["logits", "\(Int64.max / 4)"]) { $0.batch.logits_row_stride = .max / 4 },
    Spoil(words: ["gradient", "\(Int64.max)"]) { $0.result.gradient_row_stride = .max },
    Spoil(words: ["gradient", "\(Int64.min)"]) { $0.result.gradient_row_stride = .min },
    Spoil(words: ["gradient_row_stride", "2", "3"]) { $0.result.gradient_row_stride = 2 },
    Spoil(words: ["gradient_row_stride", "-2", "3"]) { $0.result.gradient_row_stride = -2 },
    Spoil(words: ["gradient_row_stride", "1", "3"]) { $0.result.gradient_row_stride = 1 },
  ]

  @Test(arguments: sizes)
  func `of a batch and its result`(spoil: Spoil) throws {
    let stage = try Stage(Problem(random: 1, rows: 4, classes: 3))
    spoil.change(stage)
    expectFailure(.size, naming: spoil.words) {
      try stage.evaluate(LossCase(kind: .crossEntropy, classes: 3).make())
    }
    #expect(stage.outputsAreUntouched)
  }

  static let secondHeadSizes = [
    Spoil(words: ["multi_label_logits", "\(Int64.max)"]) {
      $0.batch.multi_label_row_stride = .max
    },
    Spoil(words: ["multi_label_logits", "\(Int64.min)"]) {
      $0.batch.multi_label_row_stride = .min
    },
    Spoil(words: ["multi_label_gradient", "\(Int64.max)"]) {
      $0.result.multi_label_gradient_row_stride = .max
    },
    Spoil(words: ["multi_label_gradient_row_stride", "2", "3"]) {
      $0.result.multi_label_gradient_row_stride = 2
    },
    Spoil(words: ["multi_label_gradient_row_stride", "-1", "3"]) {
      $0.result.multi_label_gradient_row_stride = -1
    },
  ]

  @Test(arguments: secondHeadSizes)
  func `of the other head, where it is looked at`(spoil: Spoil) throws {
    for loss in LossCase.kinds(classes: 3) {
      let stage = try Stage(Problem(random: 1, rows: 4, classes: 3))
      spoil.change(stage)
      if loss.hasTwoHeads {
        expectFailure(.size, naming: spoil.words) { try stage.evaluate(loss.make()) }
        #expect(stage.outputsAreUntouched)
      } else {
        try stage.evaluate(loss.make())
      }
    }
  }

  static let noiseSizes = [
    Spoil(words: ["noise", "\(Int64.max)"]) { $0.batch.noise_row_stride = .max },
    Spoil(words: ["noise", "\(Int64.min)"]) { $0.batch.noise_row_stride = .min },
    Spoil(words: ["noise", "\(Int64.max)"]) { $0.batch.noise_sample_stride = .max },
    Spoil(words: ["noise", "\(Int64.min)"]) { $0.batch.noise_sample_stride = .min },
    Spoil(words: ["first_row", "-1", "0"]) {
      $0.batch.noise = nil
      $0.batch.first_row = -1
    },
  ]

  @Test(arguments: noiseSizes)
  func `of noise`(spoil: Spoil) throws {
    var problem = Problem(random: 1, rows: 4, classes: 3)
    var random = Random(seed: 2)
    problem.samples = 5
    problem.noise = random.normals(4 * 5 * 3)
    let stage = try Stage(problem)
    spoil.change(stage)
    expectFailure(.size, naming: spoil.words) {
      try stage.evaluate(LossCase(kind: .noisedTopK(.init()), classes: 3).make())
    }
    #expect(stage.outputsAreUntouched)
  }

  @Test(arguments: LossCase.kinds(classes: 3).filter { $0.counts != nil })
  func `numbers of classes that are not the loss's`(loss: LossCase) throws {
    for classes in [2, 4] {
      let stage = try Stage(Problem(random: 1, rows: 4, classes: classes))
      expectFailure(.size, naming: ["classes", "\(classes)", "3"]) {
        try stage.evaluate(loss.make())
      }
      #expect(stage.outputsAreUntouched)
    }
  }

  @Test func `numbers of classes that are not those of the weights or the imbalanced counts`()
    throws
  {
    let weighted = LossCase(kind: .crossEntropy, classes: 3, classWeight: [1, 2, 3])
    let imbalanced = LossCase(kind: .noisedTopK(.init()), classes: 3, counts: [3, 2, 1])
    let others: [LossCase.Kind] = [
      .marginSoftmax(.init(offset: [1, 2, 3])), .marginSoftmax(.init(margin: [1, 2, 3])),
      .marginSoftmax(.init(classScale: [1, 2, 3])), .outlyingMSE(alpha: 1, teacher: [1, 2, 3]),
    ]
    for loss in [weighted, imbalanced] + others.map({ LossCase(kind: $0, classes: 3) }) {
      let stage = try Stage(Problem(random: 1, rows: 2, classes: 4))
      expectFailure(.size, naming: ["classes", "4", "3"]) { try stage.evaluate(loss.make()) }
      #expect(stage.outputsAreUntouched)
    }
  }

  @Test func `of the noise that the library writes`() {
    let noise = Matrix(type: .float32, rows: 1, columns: 8)
    let address = noise.address.assumingMemoryBound(to: Float.self)
    let sizes: [([String], first: Int64, rows: Int64, samples: Int64, classes: Int64)] = [
      (["first_row", "-1"], -1, 1, 1, 1),
      (["rows", "-1"], 0, -1, 1, 1),
      (["n_samples", "0"], 0, 1, 0, 1),
      (["n_samples", "1000001"], 0, 1, 1_000_001, 1),
      (["classes", "0"], 0, 1, 1, 0),
      (["classes", "-8"], 0, 1, 1, -8),
      (["\(Int64.max)"], 0, 3, 1, .max),
      (["\(Int64.max)"], 0, .max, 2, 2),
    ]
    for (words, first, rows, samples, classes) in sizes {
      expectFailure(.size, naming: words) {
        try check(topkloss_standard_normal(0, 0, first, rows, samples, classes, address))
      }
    }
    #expect(noise.isUntouched)
  }

  @Test func `rows of input may overlap, as windows that slide over a series do`() throws {
    let windows = Problem(rows: 3, classes: 2, logits: [1, 5, 5, 2, 2, 4], labels: [0, 1, 0])
    let loss = LossCase(kind: .crossEntropy, classes: 2)
    let apart = try loss.evaluate(windows)

    let stage = try Stage(windows)
    let series = Memory([1, 5, 2, 4] as [Float])
    stage.batch.logits = UnsafeRawPointer(series.address)
    stage.batch.logits_row_stride = 1
    try stage.evaluate(loss.make())
    #expect(stage.result.value == apart.result.value)
    #expect(stage.gradient.pattern == apart.gradient.pattern)
  }
}
