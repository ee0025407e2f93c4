import CTopKLoss
import Testing

@Suite struct `Init functions fill in the defaults that the header gives` {
  @Test func `batch and result are zero`() throws {
    var batch = topkloss_batch()
    batch.rows = 5
    batch.step = 9
    batch.multi_label_row_stride = 7
    try check(topkloss_batch_init(&batch, 136))
    let isZero = withUnsafeBytes(of: batch) { $0.dropFirst(8).allSatisfy { $0 == 0 } }
    #expect(isZero)
    #expect(batch.struct_size == 136)

    var result = topkloss_result()
    result.value = 5
    result.threshold = 3
    try check(topkloss_result_init(&result, 72))
    #expect(withUnsafeBytes(of: result) { $0.dropFirst(8).allSatisfy { $0 == 0 } })
    #expect(result.struct_size == 72)
  }

  @Test func `a threshold is 0 and keeps all that equal it`() throws {
    var threshold = topkloss_threshold()
    try check(topkloss_threshold_init(&threshold, 24))
    #expect(threshold.struct_size == 24 && threshold.value == 0 && threshold.ties == -1)
  }

  @Test func `cross-entropy`() throws {
    var options = topkloss_cross_entropy_options()
    try check(topkloss_cross_entropy_options_init(&options, 48))
    #expect(options.reduction == 0 && options.check_finite == 0 && options.ignore_index == -100)
    #expect(options.classes == 0 && options.class_weight == nil && options.label_smoothing == 0)
  }

  @Test func `logit adjustment`() throws {
    var options = topkloss_logit_adjusted_options()
    try check(topkloss_logit_adjusted_options_init(&options, 72))
    #expect(options.reduction == 0 && options.check_finite == 0 && options.ignore_index == -100)
    #expect(options.classes == 0 && options.class_counts == nil && options.count_smoothing == 0)
    #expect(options.class_weight == nil && options.label_smoothing == 0 && options.tau == 1)
  }

  @Test func `LDAM`() throws {
    var options = topkloss_ldam_options()
    try check(topkloss_ldam_options_init(&options, 80))
    #expect(options.reduction == 0 && options.check_finite == 0 && options.ignore_index == -100)
    #expect(options.classes == 0 && options.class_counts == nil && options.count_smoothing == 0)
    #expect(options.class_weight == nil && options.label_smoothing == 0)
    #expect(options.max_margin == 0.5 && options.scale == 30)
  }

  @Test func `ELM`() throws {
    var options = topkloss_elm_options()
    try check(topkloss_elm_options_init(&options, 88))
    #expect(options.reduction == 0 && options.check_finite == 0 && options.ignore_index == -100)
    #expect(options.classes == 0 && options.class_counts == nil && options.count_smoothing == 0)
    #expect(options.class_weight == nil && options.label_smoothing == 0)
    #expect(options.max_margin == 0.5 && options.scale == 30 && options.lam == 1)
  }

  @Test func `noised top-K`() throws {
    var options = topkloss_noised_topk_options()
    try check(topkloss_noised_topk_options_init(&options, 112))
    #expect(options.reduction == 0 && options.check_finite == 0 && options.ignore_index == -100)
    #expect(options.n_samples == 5 && options.seed == 0 && options.epsilon == 1)
    #expect(options.margin == 1 && options.scale == 1 && options.max_margin == 0.5)
    #expect(options.classes == 0 && options.class_counts == nil && options.count_smoothing == 0)
    #expect(options.estimator == 0)
  }

  @Test func `vector scaling`() throws {
    var options = topkloss_vector_scaling_options()
    try check(topkloss_vector_scaling_options_init(&options, 80))
    #expect(options.reduction == 0 && options.check_finite == 0 && options.ignore_index == -100)
    #expect(options.classes == 0 && options.class_counts == nil && options.count_smoothing == 0)
    #expect(options.class_weight == nil && options.label_smoothing == 0)
    #expect(options.gamma == 0.3 && options.tau == 1)
  }

  @Test func `margin softmax`() throws {
    var options = topkloss_margin_softmax_options()
    try check(topkloss_margin_softmax_options_init(&options, 88))
    #expect(options.reduction == 0 && options.check_finite == 0 && options.ignore_index == -100)
    #expect(options.classes == 0 && options.class_weight == nil && options.label_smoothing == 0)
    #expect(options.offset == nil && options.margin == nil && options.class_scale == nil)
    #expect(options.scale == 1 && options.lam == 0)
  }

  @Test func focal() throws {
    var options = topkloss_focal_options()
    try check(topkloss_focal_options_init(&options, 48))
    #expect(options.reduction == 0 && options.check_finite == 0 && options.ignore_index == -100)
    #expect(options.classes == 0 && options.class_weight == nil && options.gamma == 2)
  }

  @Test func `the noised top-K operator`() throws {
    var options = topkloss_noised_topk_operator_options()
    try check(topkloss_noised_topk_operator_options_init(&options, 48))
    #expect(options.n_samples == 5 && options.seed == 0 && options.epsilon == 1)
    #expect(options.estimator == 1 && options.check_finite == 0)
  }

  @Test func `the top-K hinge and the smooth top-K SVM`() throws {
    var hinge = topkloss_topk_hinge_options()
    try check(topkloss_topk_hinge_options_init(&hinge, 40))
    #expect(hinge.reduction == 0 && hinge.check_finite == 0 && hinge.ignore_index == -100)
    #expect(hinge.margin == 1)
    var smooth = topkloss_smooth_topk_svm_options()
    try check(topkloss_smooth_topk_svm_options_init(&smooth, 48))
    #expect(smooth.reduction == 0 && smooth.check_finite == 0 && smooth.ignore_index == -100)
    #expect(smooth.tau == 1 && smooth.alpha == 1)
  }

  @Test func `mean squared error with outlying label`() throws {
    var options = topkloss_outlying_mse_options()
    try check(topkloss_outlying_mse_options_init(&options, 64))
    #expect(options.reduction == 0 && options.check_finite == 0 && options.ignore_index == -100)
    #expect(options.classes == 0 && options.class_counts == nil && options.count_smoothing == 0)
    #expect(options.alpha == 1 && options.teacher == nil)
  }

  @Test func `two-head average-K`() throws {
    var options = topkloss_two_head_average_k_options()
    try check(topkloss_two_head_average_k_options_init(&options, 64))
    #expect(options.reduction == 0 && options.check_finite == 0 && options.ignore_index == -100)
    #expect(options.candidate_weight == 1 && options.multi_label_weight == 1)
    #expect(options.class_reduction == 0 && options.threshold_decay == 0)
  }

  @Test func `single positive`() throws {
    var options = topkloss_single_positive_options()
    try check(topkloss_single_positive_options_init(&options, 48))
    #expect(options.reduction == 0 && options.check_finite == 0 && options.ignore_index == -100)
    #expect(options.method == 0 && options.regularization == 1)
  }

  @Test func `post-hoc logit adjustment`() throws {
    var options = topkloss_logit_adjust_options()
    try check(topkloss_logit_adjust_options_init(&options, 40))
    #expect(options.classes == 0 && options.class_counts == nil && options.count_smoothing == 0)
    #expect(options.tau == 1)
  }

  @Test func `top-K accuracy`() throws {
    var options = topkloss_topk_accuracy_options()
    try check(topkloss_topk_accuracy_options_init(&options, 32))
    #expect(options.k == 1 && options.ignore_index == -100 && options.average == 0)
  }

  @Test func `average-K accuracy and accuracy by shots`() throws {
    var options = topkloss_average_k_accuracy_options()
    try check(topkloss_average_k_accuracy_options_init(&options, 32))
    #expect(options.ignore_index == -100 && options.average == 0)
    var shots = topkloss_shot_accuracy_options()
    try check(topkloss_shot_accuracy_options_init(&shots, 64))
    #expect(shots.classes == 0 && shots.class_counts == nil && shots.k == 1)
    #expect(shots.ignore_index == -100 && shots.average == 0)
    #expect(shots.many == 100 && shots.few == 20)
  }

  @Test func `no options at all stand for the defaults of losses that need none`() throws {
    let problem = Problem(random: 4, rows: 6, classes: 5)
    let losses: [(LossCase.Kind, (UnsafeMutablePointer<OpaquePointer?>) -> topkloss_status)] = [
      (.crossEntropy, { topkloss_cross_entropy_create(nil, $0) }),
      (.marginSoftmax(.init()), { topkloss_margin_softmax_create(nil, $0) }),
      (.focal(gamma: 2), { topkloss_focal_create(nil, $0) }),
    ]
    for (kind, create) in losses {
      let expected = try LossCase(kind: kind, classes: 5).evaluate(problem)
      let stage = try Stage(problem)
      try stage.evaluate(Loss(create))
      #expect(stage.written == expected.written)
    }
  }

  @Test func `no options at all stand for the defaults of top-K accuracy`() throws {
    let stage = try Stage(Problem(random: 4, rows: 6, classes: 5))
    var (implicit, explicit) = (0.0, 0.0)
    var options = topkloss_topk_accuracy_options()
    try check(topkloss_topk_accuracy_options_init(&options, 32))
    try check(topkloss_topk_accuracy(nil, &stage.batch, &implicit))
    try check(topkloss_topk_accuracy(&options, &stage.batch, &explicit))
    #expect(implicit == explicit)
  }
}
