import CTopKLoss
import Testing

@Suite struct `Enumerators without a meaning are refused` {
  static let strangers: [Int32] = [-1, 4, 100, .min, .max]

  @Test(arguments: strangers)
  func `element types`(number: Int32) throws {
    let stage = try Stage(Problem(random: 1, rows: 2, classes: 3))
    stage.batch.dtype = number
    for loss in LossCase.kinds(classes: 3) {
      expectFailure(.enumerator, naming: ["dtype", "\(number)"]) { try stage.evaluate(loss.make()) }
    }
    #expect(stage.outputsAreUntouched)
  }

  @Test(arguments: strangers + [2])
  func `label types`(number: Int32) throws {
    let stage = try Stage(Problem(random: 1, rows: 2, classes: 3))
    stage.batch.label_type = number
    for loss in LossCase.kinds(classes: 3) where loss.usesLabels {
      expectFailure(.enumerator, naming: ["label_type", "\(number)"]) {
        try stage.evaluate(loss.make())
      }
    }
    #expect(stage.outputsAreUntouched)
  }

  @Test(arguments: strangers + [3])
  func `reductions, of every loss`(number: Int32) {
    expectRefusal(topkloss_cross_entropy_options_init, topkloss_cross_entropy_create, number)
    expectRefusal(topkloss_logit_adjusted_options_init, topkloss_logit_adjusted_create, number) {
      ($0.classes, $0.class_counts) = (3, StaticCounts.three)
    }
    expectRefusal(topkloss_ldam_options_init, topkloss_ldam_create, number) {
      ($0.classes, $0.class_counts) = (3, StaticCounts.three)
    }
    expectRefusal(topkloss_elm_options_init, topkloss_elm_create, number) {
      ($0.classes, $0.class_counts) = (3, StaticCounts.three)
    }
    expectRefusal(topkloss_vector_scaling_options_init, topkloss_vector_scaling_create, number) {
      ($0.classes, $0.class_counts) = (3, StaticCounts.three)
    }
    expectRefusal(topkloss_margin_softmax_options_init, topkloss_margin_softmax_create, number)
    expectRefusal(topkloss_focal_options_init, topkloss_focal_create, number)
    expectRefusal(topkloss_noised_topk_options_init, topkloss_noised_topk_create, number) {
      $0.k = 1
    }
    expectRefusal(topkloss_topk_hinge_options_init, topkloss_topk_hinge_create, number) {
      $0.k = 1
    }
    expectRefusal(
      topkloss_smooth_topk_svm_options_init, topkloss_smooth_topk_svm_create, number
    ) { $0.k = 1 }
    expectRefusal(topkloss_outlying_mse_options_init, topkloss_outlying_mse_create, number) {
      ($0.classes, $0.class_counts) = (3, StaticCounts.three)
    }
    expectRefusal(
      topkloss_two_head_average_k_options_init, topkloss_two_head_average_k_create, number
    ) { $0.k = 1 }
    expectRefusal(topkloss_single_positive_options_init, topkloss_single_positive_create, number)
  }

  /// Spoils the reduction.
  private func expectRefusal<Options: LossOptions>(
    _ initialize: Loss.Initialize<Options>, _ create: Loss.Create<Options>, _ number: Int32,
    sourceLocation: SourceLocation = #_sourceLocation,
    _ change: (inout Options) -> Void = { _ in }
  ) {
    expectRefusal("reduction", number, initialize, create, sourceLocation: sourceLocation) {
      change(&$0)
      $0.reduction = number
    }
  }

  @Test(arguments: strangers + [2])
  func `estimators, class reductions and methods`(number: Int32) {
    expectRefusal(
      "estimator", number, topkloss_noised_topk_options_init, topkloss_noised_topk_create
    ) { ($0.estimator, $0.k) = (number, 1) }
    expectRefusal(
      "estimator", number, topkloss_noised_topk_operator_options_init,
      topkloss_noised_topk_operator_create
    ) { ($0.estimator, $0.k) = (number, 1) }
    expectRefusal(
      "class_reduction", number, topkloss_two_head_average_k_options_init,
      topkloss_two_head_average_k_create
    ) { ($0.class_reduction, $0.k) = (number, 1) }
    expectRefusal(
      "method", number == 2 ? 3 : number, topkloss_single_positive_options_init,
      topkloss_single_positive_create
    ) { $0.method = number == 2 ? 3 : number }
  }

  /// Fills options, spoils them, and expects that no loss comes of them.
  private func expectRefusal<Options: InterfaceOptions>(
    _ member: String, _ number: Int32, _ initialize: Loss.Initialize<Options>,
    _ create: Loss.Create<Options>, sourceLocation: SourceLocation = #_sourceLocation,
    _ spoil: (inout Options) -> Void
  ) {
    var options = Options()
    #expect(
      initialize(&options, MemoryLayout<Options>.size) == 0, sourceLocation: sourceLocation)
    spoil(&options)
    var handle = OpaquePointer(bitPattern: 16)
    expectFailure(.enumerator, naming: [member, "\(number)"], sourceLocation: sourceLocation) {
      try check(create(&options, &handle))
    }
    #expect(handle == nil, sourceLocation: sourceLocation)
  }

  @Test(arguments: strangers + [2])
  func `averages of an accuracy`(number: Int32) throws {
    let stage = try Stage(Problem(random: 1, rows: 2, classes: 3))
    var accuracies = [Double](repeating: Stage.unwritten, count: 3)
    var plain = topkloss_topk_accuracy_options()
    try check(topkloss_topk_accuracy_options_init(&plain, 32))
    plain.average = number
    var sets = topkloss_average_k_accuracy_options()
    try check(topkloss_average_k_accuracy_options_init(&sets, 32))
    (sets.k, sets.average) = (1, number)
    var shots = topkloss_shot_accuracy_options()
    try check(topkloss_shot_accuracy_options_init(&shots, 64))
    (shots.classes, shots.class_counts, shots.average) = (3, StaticCounts.three, number)
    let calls: [() -> topkloss_status] = [
      { topkloss_topk_accuracy(&plain, &stage.batch, &accuracies) },
      { topkloss_average_k_accuracy(&sets, &stage.batch, &accuracies) },
      { topkloss_shot_accuracy(&shots, &stage.batch, &accuracies) },
    ]
    for call in calls {
      expectFailure(.enumerator, naming: ["average", "\(number)"]) { try check(call()) }
    }
    #expect(accuracies == [Double](repeating: Stage.unwritten, count: 3))
  }

  @Test(arguments: strangers + [2])
  func `rules to predict by`(number: Int32) throws {
    let loss = try LossCase(kind: .outlyingMSE(alpha: 1, teacher: [1, 2, 3]), classes: 3).make()
    let stage = try Stage(Problem(random: 1, rows: 2, classes: 3))
    var predictions: [Int64] = [77, 77]
    expectFailure(.enumerator, naming: ["rule", "\(number)"]) {
      try check(topkloss_outlying_mse_predict(loss.handle, &stage.batch, number, &predictions))
    }
    #expect(predictions == [77, 77])
  }
}
