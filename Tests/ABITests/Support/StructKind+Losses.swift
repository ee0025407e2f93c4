import CTopKLoss

extension StructKind {
  /// Options of every loss.
  static let losses =
    softmaxLosses + [
      StructKind(
        topkloss_noised_topk_options.self, 112, { topkloss_noised_topk_options_init($0, $1) },
        create: { topkloss_noised_topk_create($0, $1) },
        fill: { ($0.k, $0.n_samples, $0.scale) = (1, 5, 1) }),
      StructKind(
        topkloss_noised_topk_operator_options.self, 48,
        { topkloss_noised_topk_operator_options_init($0, $1) },
        create: { topkloss_noised_topk_operator_create($0, $1) },
        fill: { ($0.k, $0.n_samples) = (1, 5) }),
      StructKind(
        topkloss_topk_hinge_options.self, 40, { topkloss_topk_hinge_options_init($0, $1) },
        create: { topkloss_topk_hinge_create($0, $1) }, fill: { $0.k = 1 }),
      StructKind(
        topkloss_smooth_topk_svm_options.self, 48,
        { topkloss_smooth_topk_svm_options_init($0, $1) },
        create: { topkloss_smooth_topk_svm_create($0, $1) }, fill: { ($0.k, $0.tau) = (1, 1) }),
      StructKind(
        topkloss_outlying_mse_options.self, 64, { topkloss_outlying_mse_options_init($0, $1) },
        create: { topkloss_outlying_mse_create($0, $1) },
        fill: { ($0.classes, $0.class_counts, $0.alpha) = (3, StaticCounts.three, 1) }),
      StructKind(
        topkloss_two_head_average_k_options.self, 64,
        { topkloss_two_head_average_k_options_init($0, $1) },
        create: { topkloss_two_head_average_k_create($0, $1) }, fill: { $0.k = 1 }),
      StructKind(
        topkloss_single_positive_options.self, 48,
        { topkloss_single_positive_options_init($0, $1) },
        create: { topkloss_single_positive_create($0, $1) }),
    ]

  private static let softmaxLosses = [
    StructKind(
      topkloss_cross_entropy_options.self, 48, { topkloss_cross_entropy_options_init($0, $1) },
      create: { topkloss_cross_entropy_create($0, $1) }),
    StructKind(
      topkloss_logit_adjusted_options.self, 72, { topkloss_logit_adjusted_options_init($0, $1) },
      create: { topkloss_logit_adjusted_create($0, $1) },
      fill: { ($0.classes, $0.class_counts) = (3, StaticCounts.three) }),
    StructKind(
      topkloss_ldam_options.self, 80, { topkloss_ldam_options_init($0, $1) },
      create: { topkloss_ldam_create($0, $1) },
      fill: { ($0.classes, $0.class_counts, $0.scale) = (3, StaticCounts.three, 30) }),
    StructKind(
      topkloss_elm_options.self, 88, { topkloss_elm_options_init($0, $1) },
      create: { topkloss_elm_create($0, $1) },
      fill: { ($0.classes, $0.class_counts, $0.scale) = (3, StaticCounts.three, 30) }),
    StructKind(
      topkloss_vector_scaling_options.self, 80, { topkloss_vector_scaling_options_init($0, $1) },
      create: { topkloss_vector_scaling_create($0, $1) },
      fill: { ($0.classes, $0.class_counts) = (3, StaticCounts.three) }),
    StructKind(
      topkloss_margin_softmax_options.self, 88, { topkloss_margin_softmax_options_init($0, $1) },
      create: { topkloss_margin_softmax_create($0, $1) }, fill: { $0.scale = 1 }),
    StructKind(
      topkloss_focal_options.self, 48, { topkloss_focal_options_init($0, $1) },
      create: { topkloss_focal_create($0, $1) }),
  ]
}

/// Counts at an address that stays, for structs that outlive the function that fills them.
final class StaticCounts: @unchecked Sendable {
  private static let shared = StaticCounts([3, 2, 1])
  private let memory: Memory

  private init(_ counts: [Double]) { memory = Memory(counts) }

  static var three: UnsafePointer<Double> { UnsafePointer(shared.memory.numbers) }
}
