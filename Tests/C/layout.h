/*
 * The layout of every struct where pointers and size_t have 64 bits: programs compiled against this version rely on
 * these numbers. They may grow at the end of a struct; none may change.
 */
#ifndef LAYOUT_H
#define LAYOUT_H

#include "topkloss.h"

/* An array of negative size stops the compiler, in C99 and C++11 too. */
#define STATIC_CHECK(name, condition) extern int name[(condition) ? 1 : -1]
#define SIZE(type, bytes) STATIC_CHECK(size_of_##type, sizeof(type) == (bytes))
#define AT(type, member, bytes) \
  STATIC_CHECK(offset_of_##type##_##member, offsetof(type, member) == (bytes))

#if UINTPTR_MAX == UINT64_MAX

SIZE(topkloss_executor, 32);
AT(topkloss_executor, struct_size, 0);
AT(topkloss_executor, parallel_for, 8);
AT(topkloss_executor, context, 16);
AT(topkloss_executor, concurrency, 24);

SIZE(topkloss_batch, 136);
AT(topkloss_batch, struct_size, 0);
AT(topkloss_batch, rows, 8);
AT(topkloss_batch, classes, 16);
AT(topkloss_batch, dtype, 24);
AT(topkloss_batch, label_type, 28);
AT(topkloss_batch, logits, 32);
AT(topkloss_batch, logits_row_stride, 40);
AT(topkloss_batch, labels, 48);
AT(topkloss_batch, sample_weight, 56);
AT(topkloss_batch, upstream, 64);
AT(topkloss_batch, noise, 72);
AT(topkloss_batch, noise_row_stride, 80);
AT(topkloss_batch, noise_sample_stride, 88);
AT(topkloss_batch, step, 96);
AT(topkloss_batch, first_row, 104);
AT(topkloss_batch, executor, 112);
AT(topkloss_batch, multi_label_logits, 120);
AT(topkloss_batch, multi_label_row_stride, 128);

SIZE(topkloss_result, 72);
AT(topkloss_result, struct_size, 0);
AT(topkloss_result, value, 8);
AT(topkloss_result, total_weight, 16);
AT(topkloss_result, row_values, 24);
AT(topkloss_result, gradient, 32);
AT(topkloss_result, gradient_row_stride, 40);
AT(topkloss_result, multi_label_gradient, 48);
AT(topkloss_result, multi_label_gradient_row_stride, 56);
AT(topkloss_result, threshold, 64);

SIZE(topkloss_cross_entropy_options, 48);
AT(topkloss_cross_entropy_options, struct_size, 0);
AT(topkloss_cross_entropy_options, reduction, 8);
AT(topkloss_cross_entropy_options, check_finite, 12);
AT(topkloss_cross_entropy_options, ignore_index, 16);
AT(topkloss_cross_entropy_options, classes, 24);
AT(topkloss_cross_entropy_options, class_weight, 32);
AT(topkloss_cross_entropy_options, label_smoothing, 40);

SIZE(topkloss_logit_adjusted_options, 72);
AT(topkloss_logit_adjusted_options, struct_size, 0);
AT(topkloss_logit_adjusted_options, reduction, 8);
AT(topkloss_logit_adjusted_options, check_finite, 12);
AT(topkloss_logit_adjusted_options, ignore_index, 16);
AT(topkloss_logit_adjusted_options, classes, 24);
AT(topkloss_logit_adjusted_options, class_counts, 32);
AT(topkloss_logit_adjusted_options, count_smoothing, 40);
AT(topkloss_logit_adjusted_options, class_weight, 48);
AT(topkloss_logit_adjusted_options, label_smoothing, 56);
AT(topkloss_logit_adjusted_options, tau, 64);

SIZE(topkloss_ldam_options, 80);
AT(topkloss_ldam_options, struct_size, 0);
AT(topkloss_ldam_options, reduction, 8);
AT(topkloss_ldam_options, check_finite, 12);
AT(topkloss_ldam_options, ignore_index, 16);
AT(topkloss_ldam_options, classes, 24);
AT(topkloss_ldam_options, class_counts, 32);
AT(topkloss_ldam_options, count_smoothing, 40);
AT(topkloss_ldam_options, class_weight, 48);
AT(topkloss_ldam_options, label_smoothing, 56);
AT(topkloss_ldam_options, max_margin, 64);
AT(topkloss_ldam_options, scale, 72);

SIZE(topkloss_elm_options, 88);
AT(topkloss_elm_options, struct_size, 0);
AT(topkloss_elm_options, reduction, 8);
AT(topkloss_elm_options, check_finite, 12);
AT(topkloss_elm_options, ignore_index, 16);
AT(topkloss_elm_options, classes, 24);
AT(topkloss_elm_options, class_counts, 32);
AT(topkloss_elm_options, count_smoothing, 40);
AT(topkloss_elm_options, class_weight, 48);
AT(topkloss_elm_options, label_smoothing, 56);
AT(topkloss_elm_options, max_margin, 64);
AT(topkloss_elm_options, scale, 72);
AT(topkloss_elm_options, lam, 80);

SIZE(topkloss_vector_scaling_options, 80);
AT(topkloss_vector_scaling_options, struct_size, 0);
AT(topkloss_vector_scaling_options, reduction, 8);
AT(topkloss_vector_scaling_options, check_finite, 12);
AT(topkloss_vector_scaling_options, ignore_index, 16);
AT(topkloss_vector_scaling_options, classes, 24);
AT(topkloss_vector_scaling_options, class_counts, 32);
AT(topkloss_vector_scaling_options, count_smoothing, 40);
AT(topkloss_vector_scaling_options, class_weight, 48);
AT(topkloss_vector_scaling_options, label_smoothing, 56);
AT(topkloss_vector_scaling_options, gamma, 64);
AT(topkloss_vector_scaling_options, tau, 72);

SIZE(topkloss_margin_softmax_options, 88);
AT(topkloss_margin_softmax_options, struct_size, 0);
AT(topkloss_margin_softmax_options, reduction, 8);
AT(topkloss_margin_softmax_options, check_finite, 12);
AT(topkloss_margin_softmax_options, ignore_index, 16);
AT(topkloss_margin_softmax_options, classes, 24);
AT(topkloss_margin_softmax_options, class_weight, 32);
AT(topkloss_margin_softmax_options, label_smoothing, 40);
AT(topkloss_margin_softmax_options, offset, 48);
AT(topkloss_margin_softmax_options, margin, 56);
AT(topkloss_margin_softmax_options, class_scale, 64);
AT(topkloss_margin_softmax_options, scale, 72);
AT(topkloss_margin_softmax_options, lam, 80);

SIZE(topkloss_focal_options, 48);
AT(topkloss_focal_options, struct_size, 0);
AT(topkloss_focal_options, reduction, 8);
AT(topkloss_focal_options, check_finite, 12);
AT(topkloss_focal_options, ignore_index, 16);
AT(topkloss_focal_options, classes, 24);
AT(topkloss_focal_options, class_weight, 32);
AT(topkloss_focal_options, gamma, 40);

SIZE(topkloss_noised_topk_options, 112);
AT(topkloss_noised_topk_options, struct_size, 0);
AT(topkloss_noised_topk_options, reduction, 8);
AT(topkloss_noised_topk_options, check_finite, 12);
AT(topkloss_noised_topk_options, ignore_index, 16);
AT(topkloss_noised_topk_options, k, 24);
AT(topkloss_noised_topk_options, n_samples, 32);
AT(topkloss_noised_topk_options, seed, 40);
AT(topkloss_noised_topk_options, epsilon, 48);
AT(topkloss_noised_topk_options, margin, 56);
AT(topkloss_noised_topk_options, scale, 64);
AT(topkloss_noised_topk_options, classes, 72);
AT(topkloss_noised_topk_options, class_counts, 80);
AT(topkloss_noised_topk_options, count_smoothing, 88);
AT(topkloss_noised_topk_options, max_margin, 96);
AT(topkloss_noised_topk_options, estimator, 104);

SIZE(topkloss_noised_topk_operator_options, 48);
AT(topkloss_noised_topk_operator_options, struct_size, 0);
AT(topkloss_noised_topk_operator_options, k, 8);
AT(topkloss_noised_topk_operator_options, n_samples, 16);
AT(topkloss_noised_topk_operator_options, seed, 24);
AT(topkloss_noised_topk_operator_options, epsilon, 32);
AT(topkloss_noised_topk_operator_options, estimator, 40);
AT(topkloss_noised_topk_operator_options, check_finite, 44);

SIZE(topkloss_topk_hinge_options, 40);
AT(topkloss_topk_hinge_options, struct_size, 0);
AT(topkloss_topk_hinge_options, reduction, 8);
AT(topkloss_topk_hinge_options, check_finite, 12);
AT(topkloss_topk_hinge_options, ignore_index, 16);
AT(topkloss_topk_hinge_options, k, 24);
AT(topkloss_topk_hinge_options, margin, 32);

SIZE(topkloss_smooth_topk_svm_options, 48);
AT(topkloss_smooth_topk_svm_options, struct_size, 0);
AT(topkloss_smooth_topk_svm_options, reduction, 8);
AT(topkloss_smooth_topk_svm_options, check_finite, 12);
AT(topkloss_smooth_topk_svm_options, ignore_index, 16);
AT(topkloss_smooth_topk_svm_options, k, 24);
AT(topkloss_smooth_topk_svm_options, tau, 32);
AT(topkloss_smooth_topk_svm_options, alpha, 40);

SIZE(topkloss_outlying_mse_options, 64);
AT(topkloss_outlying_mse_options, struct_size, 0);
AT(topkloss_outlying_mse_options, reduction, 8);
AT(topkloss_outlying_mse_options, check_finite, 12);
AT(topkloss_outlying_mse_options, ignore_index, 16);
AT(topkloss_outlying_mse_options, classes, 24);
AT(topkloss_outlying_mse_options, class_counts, 32);
AT(topkloss_outlying_mse_options, count_smoothing, 40);
AT(topkloss_outlying_mse_options, alpha, 48);
AT(topkloss_outlying_mse_options, teacher, 56);

SIZE(topkloss_two_head_average_k_options, 64);
AT(topkloss_two_head_average_k_options, struct_size, 0);
AT(topkloss_two_head_average_k_options, reduction, 8);
AT(topkloss_two_head_average_k_options, check_finite, 12);
AT(topkloss_two_head_average_k_options, ignore_index, 16);
AT(topkloss_two_head_average_k_options, k, 24);
AT(topkloss_two_head_average_k_options, candidate_weight, 32);
AT(topkloss_two_head_average_k_options, multi_label_weight, 40);
AT(topkloss_two_head_average_k_options, class_reduction, 48);
AT(topkloss_two_head_average_k_options, threshold_decay, 56);

SIZE(topkloss_single_positive_options, 48);
AT(topkloss_single_positive_options, struct_size, 0);
AT(topkloss_single_positive_options, reduction, 8);
AT(topkloss_single_positive_options, check_finite, 12);
AT(topkloss_single_positive_options, ignore_index, 16);
AT(topkloss_single_positive_options, method, 24);
AT(topkloss_single_positive_options, expected_positives, 32);
AT(topkloss_single_positive_options, regularization, 40);

SIZE(topkloss_threshold, 24);
AT(topkloss_threshold, struct_size, 0);
AT(topkloss_threshold, value, 8);
AT(topkloss_threshold, ties, 16);

SIZE(topkloss_logit_adjust_options, 40);
AT(topkloss_logit_adjust_options, struct_size, 0);
AT(topkloss_logit_adjust_options, classes, 8);
AT(topkloss_logit_adjust_options, class_counts, 16);
AT(topkloss_logit_adjust_options, count_smoothing, 24);
AT(topkloss_logit_adjust_options, tau, 32);

SIZE(topkloss_topk_accuracy_options, 32);
AT(topkloss_topk_accuracy_options, struct_size, 0);
AT(topkloss_topk_accuracy_options, k, 8);
AT(topkloss_topk_accuracy_options, ignore_index, 16);
AT(topkloss_topk_accuracy_options, average, 24);

SIZE(topkloss_average_k_accuracy_options, 32);
AT(topkloss_average_k_accuracy_options, struct_size, 0);
AT(topkloss_average_k_accuracy_options, k, 8);
AT(topkloss_average_k_accuracy_options, ignore_index, 16);
AT(topkloss_average_k_accuracy_options, average, 24);

SIZE(topkloss_shot_accuracy_options, 64);
AT(topkloss_shot_accuracy_options, struct_size, 0);
AT(topkloss_shot_accuracy_options, classes, 8);
AT(topkloss_shot_accuracy_options, class_counts, 16);
AT(topkloss_shot_accuracy_options, k, 24);
AT(topkloss_shot_accuracy_options, ignore_index, 32);
AT(topkloss_shot_accuracy_options, average, 40);
AT(topkloss_shot_accuracy_options, many, 48);
AT(topkloss_shot_accuracy_options, few, 56);

#endif

#endif /* LAYOUT_H */
