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
      topkloss_batch.self, size: 120,
      [
        (\.struct_size, 0), (\.rows, 8), (\.classes, 16), (\.dtype, 24), (\.label_type, 28),
        (\.logits, 32), (\.logits_row_stride, 40), (\.labels, 48), (\.sample_weight, 56),
        (\.upstream, 64), (\.noise, 72), (\.noise_row_stride, 80), (\.noise_sample_stride, 88),
        (\.step, 96), (\.first_row, 104), (\.executor, 112),
      ])
  }

  @Test func `a result`() {
    expect(
      topkloss_result.self, size: 48,
      [
        (\.struct_size, 0), (\.value, 8), (\.total_weight, 16), (\.row_values, 24),
        (\.gradient, 32), (\.gradient_row_stride, 40),
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
