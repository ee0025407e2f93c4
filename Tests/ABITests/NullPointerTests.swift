import CTopKLoss
import Testing

@Suite struct `A pointer that is needed and NULL is named` {
  @Test(arguments: StructKind.all)
  func `init functions`(kind: StructKind) {
    guard let initialize = kind.initialize else { return }
    expectFailure(.nullPointer, naming: [kind.argument]) { try check(initialize(nil, kind.size)) }
  }

  typealias Create = @Sendable (UnsafeMutablePointer<OpaquePointer?>?) -> topkloss_status

  /// Every create function without options: for the first three that stands for the defaults.
  static let creates: [Create] = [
    { topkloss_cross_entropy_create(nil, $0) },
    { topkloss_margin_softmax_create(nil, $0) },
    { topkloss_focal_create(nil, $0) },
    { topkloss_logit_adjusted_create(nil, $0) },
    { topkloss_ldam_create(nil, $0) },
    { topkloss_elm_create(nil, $0) },
    { topkloss_vector_scaling_create(nil, $0) },
    { topkloss_noised_topk_create(nil, $0) },
    { topkloss_noised_topk_operator_create(nil, $0) },
    { topkloss_topk_hinge_create(nil, $0) },
    { topkloss_smooth_topk_svm_create(nil, $0) },
    { topkloss_outlying_mse_create(nil, $0) },
    { topkloss_two_head_average_k_create(nil, $0) },
    { topkloss_single_positive_create(nil, $0) },
  ]

  @Test func `where create functions put the handle`() {
    for create in Self.creates {
      expectFailure(.nullPointer, naming: ["out"]) { try check(create(nil)) }
    }
  }

  @Test func `options without defaults, which leave the handle NULL`() {
    for create in Self.creates.dropFirst(3) {
      var handle = OpaquePointer(bitPattern: 16)
      expectFailure(.nullPointer, naming: ["options"]) { try check(create(&handle)) }
      #expect(handle == nil)
    }
  }

  @Test(arguments: LossCase.kinds(classes: 4).filter(\.needsCounts))
  func `class counts of the losses that live on them`(loss: LossCase) {
    expectFailure(.nullPointer, naming: ["class_counts"]) {
      _ = try loss.with { $0.counts = nil }.make()
    }
  }

  @Test func `class counts of post-hoc adjustment`() throws {
    let stage = try Stage(Problem(random: 1, rows: 2, classes: 3))
    var options = topkloss_logit_adjust_options()
    try check(topkloss_logit_adjust_options_init(&options, 40))
    options.classes = 3
    expectFailure(.nullPointer, naming: ["class_counts"]) {
      try check(topkloss_logit_adjust(&options, &stage.batch, stage.gradient.address, 0))
    }
    #expect(stage.outputsAreUntouched)
  }

  @Test func `every argument of evaluate`() throws {
    let stage = try Stage(Problem(random: 1, rows: 2, classes: 3))
    let loss = try LossCase(kind: .crossEntropy, classes: 3).make()
    expectFailure(.nullPointer, naming: ["loss"]) {
      try check(topkloss_evaluate(nil, &stage.batch, &stage.result))
    }
    expectFailure(.nullPointer, naming: ["batch"]) {
      try check(topkloss_evaluate(loss.handle, nil, &stage.result))
    }
    expectFailure(.nullPointer, naming: ["result"]) {
      try check(topkloss_evaluate(loss.handle, &stage.batch, nil))
    }
    #expect(stage.outputsAreUntouched)
  }

  @Test(arguments: LossCase.kinds(classes: 3))
  func `every member of a batch that has no default`(loss: LossCase) throws {
    let spoils: [(String, Bool, (inout topkloss_batch) -> Void)] = [
      ("logits", true, { $0.logits = nil }),
      ("labels", loss.usesLabels, { $0.labels = nil }),
      ("multi_label_logits", loss.hasTwoHeads, { $0.multi_label_logits = nil }),
    ]
    let handle = try loss.make()
    for (name, isNeeded, spoil) in spoils {
      let stage = try Stage(Problem(random: 1, rows: 2, classes: 3))
      spoil(&stage.batch)
      if isNeeded {
        expectFailure(.nullPointer, naming: [name]) { try stage.evaluate(handle) }
        #expect(stage.outputsAreUntouched)
      } else {
        try stage.evaluate(handle)
      }
    }
  }

  @Test func `an executor without a function`() throws {
    let stage = try Stage(Problem(random: 1, rows: 2, classes: 3))
    var executor = topkloss_executor(
      struct_size: 32, parallel_for: nil, context: nil, concurrency: 2, reserved: 0)
    try withUnsafePointer(to: &executor) { address in
      stage.batch.executor = address
      let loss = try LossCase(kind: .crossEntropy, classes: 3).make()
      expectFailure(.nullPointer, naming: ["parallel_for"]) { try stage.evaluate(loss) }
    }
    #expect(stage.outputsAreUntouched)
  }

  @Test func `where noise goes`() {
    expectFailure(.nullPointer, naming: ["noise"]) {
      try check(topkloss_standard_normal(0, 0, 0, 2, 5, 3, nil))
    }
  }

  @Test func `every argument of post-hoc adjustment and of accuracy`() throws {
    let stage = try Stage(Problem(random: 1, rows: 2, classes: 3))
    let counts = Memory([3.0, 2, 1])
    var options = topkloss_logit_adjust_options()
    try check(topkloss_logit_adjust_options_init(&options, 40))
    options.classes = 3
    options.class_counts = UnsafePointer(counts.numbers)
    let adjusted = stage.gradient.address
    expectFailure(.nullPointer, naming: ["options"]) {
      try check(topkloss_logit_adjust(nil, &stage.batch, adjusted, 0))
    }
    expectFailure(.nullPointer, naming: ["batch"]) {
      try check(topkloss_logit_adjust(&options, nil, adjusted, 0))
    }
    expectFailure(.nullPointer, naming: ["adjusted"]) {
      try check(topkloss_logit_adjust(&options, &stage.batch, nil, 0))
    }
    #expect(stage.outputsAreUntouched)

    var accuracy = Stage.unwritten
    expectFailure(.nullPointer, naming: ["batch"]) {
      try check(topkloss_topk_accuracy(nil, nil, &accuracy))
    }
    expectFailure(.nullPointer, naming: ["accuracy"]) {
      try check(topkloss_topk_accuracy(nil, &stage.batch, nil))
    }
    #expect(accuracy == Stage.unwritten)
  }
}
