import CTopKLoss
import Testing

@Suite struct `Init functions fill in the defaults that the header gives` {
  @Test func `batch and result are zero`() throws {
    var batch = topkloss_batch()
    batch.rows = 5
    batch.step = 9
    try check(topkloss_batch_init(&batch, 120))
    let isZero = withUnsafeBytes(of: batch) { $0.dropFirst(8).allSatisfy { $0 == 0 } }
    #expect(isZero)
    #expect(batch.struct_size == 120)

    var result = topkloss_result()
    result.value = 5
    try check(topkloss_result_init(&result, 48))
    #expect(withUnsafeBytes(of: result) { $0.dropFirst(8).allSatisfy { $0 == 0 } })
    #expect(result.struct_size == 48)
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

  @Test func `no options at all stand for the defaults of cross-entropy and top-K accuracy`() throws
  {
    let problem = Problem(random: 4, rows: 6, classes: 5)
    let plain = LossCase(kind: .crossEntropy, classes: 5)
    let expected = try plain.evaluate(problem)
    let stage = try Stage(problem)
    try stage.evaluate(Loss { topkloss_cross_entropy_create(nil, $0) })
    #expect(stage.result.value == expected.result.value)
    #expect(stage.gradient.pattern == expected.gradient.pattern)

    var (implicit, explicit) = (0.0, 0.0)
    var options = topkloss_topk_accuracy_options()
    try check(topkloss_topk_accuracy_options_init(&options, 32))
    try check(topkloss_topk_accuracy(nil, &stage.batch, &implicit))
    try check(topkloss_topk_accuracy(&options, &stage.batch, &explicit))
    #expect(implicit == explicit)
  }
}
