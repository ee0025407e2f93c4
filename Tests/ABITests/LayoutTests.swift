import CTopKLoss
import Testing

// The structs as they lie in memory where pointers and size_t have 64 bits. A change of any of
// these numbers is a change of the binary interface.

@Suite struct `Structs lie in memory as programs were compiled with them` {
  private func expect<Struct>(
    _ type: Struct.Type, size: Int, _ members: [(PartialKeyPath<Struct>, Int)],
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(MemoryLayout<Struct>.size == size, sourceLocation: sourceLocation)
    #expect(MemoryLayout<Struct>.stride == size, sourceLocation: sourceLocation)
    #expect(MemoryLayout<Struct>.alignment == 8, sourceLocation: sourceLocation)
    for (member, offset) in members {
      #expect(
        MemoryLayout<Struct>.offset(of: member) == offset, "\(member)",
        sourceLocation: sourceLocation)
    }
  }

  @Test func `a batch`() {
    expect(
      topkloss_batch.self, size: 136,
      [
        (\.struct_size, 0), (\.rows, 8), (\.classes, 16), (\.dtype, 24), (\.label_type, 28),
        (\.logits, 32), (\.logits_row_stride, 40), (\.labels, 48), (\.sample_weight, 56),
        (\.upstream, 64), (\.noise, 72), (\.noise_row_stride, 80), (\.noise_sample_stride, 88),
        (\.step, 96), (\.first_row, 104), (\.executor, 112), (\.multi_label_logits, 120),
        (\.multi_label_row_stride, 128),
      ])
  }

  @Test func `a result`() {
    expect(
      topkloss_result.self, size: 72,
      [
        (\.struct_size, 0), (\.value, 8), (\.total_weight, 16), (\.row_values, 24),
        (\.gradient, 32), (\.gradient_row_stride, 40), (\.multi_label_gradient, 48),
        (\.multi_label_gradient_row_stride, 56), (\.threshold, 64),
      ])
  }

  @Test func `an executor`() {
    expect(
      topkloss_executor.self, size: 32,
      [(\.struct_size, 0), (\.parallel_for, 8), (\.context, 16), (\.concurrency, 24)])
  }

  @Test func `options of cross-entropy`() {
    expect(
      topkloss_cross_entropy_options.self, size: 48,
      [
        (\.struct_size, 0), (\.reduction, 8), (\.check_finite, 12), (\.ignore_index, 16),
        (\.classes, 24), (\.class_weight, 32), (\.label_smoothing, 40),
      ])
  }

  @Test func `options of the logit-adjusted loss`() {
    expect(
      topkloss_logit_adjusted_options.self, size: 72,
      [
        (\.struct_size, 0), (\.reduction, 8), (\.check_finite, 12), (\.ignore_index, 16),
        (\.classes, 24), (\.class_counts, 32), (\.count_smoothing, 40), (\.class_weight, 48),
        (\.label_smoothing, 56), (\.tau, 64),
      ])
  }

  @Test func `options of LDAM`() {
    expect(
      topkloss_ldam_options.self, size: 80,
      [
        (\.struct_size, 0), (\.reduction, 8), (\.check_finite, 12), (\.ignore_index, 16),
        (\.classes, 24), (\.class_counts, 32), (\.count_smoothing, 40), (\.class_weight, 48),
        (\.label_smoothing, 56), (\.max_margin, 64), (\.scale, 72),
      ])
  }

  @Test func `options of ELM`() {
    expect(
      topkloss_elm_options.self, size: 88,
      [
        (\.struct_size, 0), (\.reduction, 8), (\.check_finite, 12), (\.ignore_index, 16),
        (\.classes, 24), (\.class_counts, 32), (\.count_smoothing, 40), (\.class_weight, 48),
        (\.label_smoothing, 56), (\.max_margin, 64), (\.scale, 72), (\.lam, 80),
      ])
  }

  @Test func `options of vector scaling, margin softmax and focal loss`() {
    expect(
      topkloss_vector_scaling_options.self, size: 80,
      [
        (\.struct_size, 0), (\.reduction, 8), (\.check_finite, 12), (\.ignore_index, 16),
        (\.classes, 24), (\.class_counts, 32), (\.count_smoothing, 40), (\.class_weight, 48),
        (\.label_smoothing, 56), (\.gamma, 64), (\.tau, 72),
      ])
    expect(
      topkloss_margin_softmax_options.self, size: 88,
      [
        (\.struct_size, 0), (\.reduction, 8), (\.check_finite, 12), (\.ignore_index, 16),
        (\.classes, 24), (\.class_weight, 32), (\.label_smoothing, 40), (\.offset, 48),
        (\.margin, 56), (\.class_scale, 64), (\.scale, 72), (\.lam, 80),
      ])
    expect(
      topkloss_focal_options.self, size: 48,
      [
        (\.struct_size, 0), (\.reduction, 8), (\.check_finite, 12), (\.ignore_index, 16),
        (\.classes, 24), (\.class_weight, 32), (\.gamma, 40),
      ])
  }

  @Test func `options of the other top-K losses`() {
    expect(
      topkloss_noised_topk_operator_options.self, size: 48,
      [
        (\.struct_size, 0), (\.k, 8), (\.n_samples, 16), (\.seed, 24), (\.epsilon, 32),
        (\.estimator, 40), (\.check_finite, 44),
      ])
    expect(
      topkloss_topk_hinge_options.self, size: 40,
      [
        (\.struct_size, 0), (\.reduction, 8), (\.check_finite, 12), (\.ignore_index, 16),
        (\.k, 24), (\.margin, 32),
      ])
    expect(
      topkloss_smooth_topk_svm_options.self, size: 48,
      [
        (\.struct_size, 0), (\.reduction, 8), (\.check_finite, 12), (\.ignore_index, 16),
        (\.k, 24), (\.tau, 32), (\.alpha, 40),
      ])
  }

  @Test func `options of the losses with other targets`() {
    expect(
      topkloss_outlying_mse_options.self, size: 64,
      [
        (\.struct_size, 0), (\.reduction, 8), (\.check_finite, 12), (\.ignore_index, 16),
        (\.classes, 24), (\.class_counts, 32), (\.count_smoothing, 40), (\.alpha, 48),
        (\.teacher, 56),
      ])
    expect(
      topkloss_two_head_average_k_options.self, size: 64,
      [
        (\.struct_size, 0), (\.reduction, 8), (\.check_finite, 12), (\.ignore_index, 16),
        (\.k, 24), (\.candidate_weight, 32), (\.multi_label_weight, 40),
        (\.class_reduction, 48), (\.threshold_decay, 56),
      ])
    expect(
      topkloss_single_positive_options.self, size: 48,
      [
        (\.struct_size, 0), (\.reduction, 8), (\.check_finite, 12), (\.ignore_index, 16),
        (\.method, 24), (\.expected_positives, 32), (\.regularization, 40),
      ])
  }

  @Test func `a threshold and options of accuracies`() {
    expect(
      topkloss_threshold.self, size: 24, [(\.struct_size, 0), (\.value, 8), (\.ties, 16)])
    expect(
      topkloss_average_k_accuracy_options.self, size: 32,
      [(\.struct_size, 0), (\.k, 8), (\.ignore_index, 16), (\.average, 24)])
    expect(
      topkloss_shot_accuracy_options.self, size: 64,
      [
        (\.struct_size, 0), (\.classes, 8), (\.class_counts, 16), (\.k, 24),
        (\.ignore_index, 32), (\.average, 40), (\.many, 48), (\.few, 56),
      ])
  }

  @Test func `options of noised top-K`() {
    expect(
      topkloss_noised_topk_options.self, size: 112,
      [
        (\.struct_size, 0), (\.reduction, 8), (\.check_finite, 12), (\.ignore_index, 16),
        (\.k, 24), (\.n_samples, 32), (\.seed, 40), (\.epsilon, 48), (\.margin, 56),
        (\.scale, 64), (\.classes, 72), (\.class_counts, 80), (\.count_smoothing, 88),
        (\.max_margin, 96), (\.estimator, 104),
      ])
  }

  @Test func `options of post-hoc adjustment`() {
    expect(
      topkloss_logit_adjust_options.self, size: 40,
      [
        (\.struct_size, 0), (\.classes, 8), (\.class_counts, 16), (\.count_smoothing, 24),
        (\.tau, 32),
      ])
  }

  @Test func `options of top-K accuracy`() {
    expect(
      topkloss_topk_accuracy_options.self, size: 32,
      [(\.struct_size, 0), (\.k, 8), (\.ignore_index, 16), (\.average, 24)])
  }
}
