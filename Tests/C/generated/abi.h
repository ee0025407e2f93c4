/*
 * The losses with the members of their options, for tests of all of them; and layouts, enumerators
 * and defaults as `python -m abi` reads them in topkloss.h, for Python, Rust and Swift: the
 * compiler's and the library's answers must be the same. Generated from the header: change that.
 */
#ifndef GENERATED_ABI_H
#define GENERATED_ABI_H

#include <math.h>
#include <string.h>

#include "topkloss.h"

/* An array of negative size stops the compiler, in C99 and C++11 too. */
#define STATIC_CHECK(name, condition) extern int name[(condition) ? 1 : -1]
#define SIZE(type, bytes) STATIC_CHECK(size_of_##type, sizeof(type) == (bytes))
#define AT(type, member, bytes) \
  STATIC_CHECK(offset_of_##type##_##member, offsetof(type, member) == (bytes))
#define ENUMERATOR(name, value) STATIC_CHECK(value_of_##name, (name) == (value))

#if UINTPTR_MAX == UINT64_MAX

SIZE(topkloss_executor, 32);
AT(topkloss_executor, struct_size, 0);
AT(topkloss_executor, parallel_for, 8);
AT(topkloss_executor, context, 16);
AT(topkloss_executor, concurrency, 24);
AT(topkloss_executor, reserved, 28);

SIZE(topkloss_batch, 208);
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
AT(topkloss_batch, rows_per_group, 136);
AT(topkloss_batch, logits_class_stride, 144);
AT(topkloss_batch, logits_group_stride, 152);
AT(topkloss_batch, multi_label_class_stride, 160);
AT(topkloss_batch, multi_label_group_stride, 168);
AT(topkloss_batch, soft_labels, 176);
AT(topkloss_batch, soft_labels_row_stride, 184);
AT(topkloss_batch, soft_labels_class_stride, 192);
AT(topkloss_batch, soft_labels_group_stride, 200);

SIZE(topkloss_result, 104);
AT(topkloss_result, struct_size, 0);
AT(topkloss_result, value, 8);
AT(topkloss_result, total_weight, 16);
AT(topkloss_result, row_values, 24);
AT(topkloss_result, gradient, 32);
AT(topkloss_result, gradient_row_stride, 40);
AT(topkloss_result, multi_label_gradient, 48);
AT(topkloss_result, multi_label_gradient_row_stride, 56);
AT(topkloss_result, threshold, 64);
AT(topkloss_result, gradient_class_stride, 72);
AT(topkloss_result, gradient_group_stride, 80);
AT(topkloss_result, multi_label_gradient_class_stride, 88);
AT(topkloss_result, multi_label_gradient_group_stride, 96);

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

SIZE(topkloss_seesaw_options, 80);
AT(topkloss_seesaw_options, struct_size, 0);
AT(topkloss_seesaw_options, reduction, 8);
AT(topkloss_seesaw_options, check_finite, 12);
AT(topkloss_seesaw_options, ignore_index, 16);
AT(topkloss_seesaw_options, classes, 24);
AT(topkloss_seesaw_options, class_counts, 32);
AT(topkloss_seesaw_options, count_smoothing, 40);
AT(topkloss_seesaw_options, class_weight, 48);
AT(topkloss_seesaw_options, label_smoothing, 56);
AT(topkloss_seesaw_options, p, 64);
AT(topkloss_seesaw_options, q, 72);

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
AT(topkloss_noised_topk_options, reserved, 108);

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

SIZE(topkloss_topk_cross_entropy_options, 48);
AT(topkloss_topk_cross_entropy_options, struct_size, 0);
AT(topkloss_topk_cross_entropy_options, reduction, 8);
AT(topkloss_topk_cross_entropy_options, check_finite, 12);
AT(topkloss_topk_cross_entropy_options, ignore_index, 16);
AT(topkloss_topk_cross_entropy_options, k, 24);
AT(topkloss_topk_cross_entropy_options, epsilon, 32);
AT(topkloss_topk_cross_entropy_options, weights, 40);

SIZE(topkloss_outlying_mse_options, 80);
AT(topkloss_outlying_mse_options, struct_size, 0);
AT(topkloss_outlying_mse_options, reduction, 8);
AT(topkloss_outlying_mse_options, check_finite, 12);
AT(topkloss_outlying_mse_options, ignore_index, 16);
AT(topkloss_outlying_mse_options, classes, 24);
AT(topkloss_outlying_mse_options, class_counts, 32);
AT(topkloss_outlying_mse_options, count_smoothing, 40);
AT(topkloss_outlying_mse_options, alpha, 48);
AT(topkloss_outlying_mse_options, teacher, 56);
AT(topkloss_outlying_mse_options, teacher_rule, 64);
AT(topkloss_outlying_mse_options, reserved, 68);
AT(topkloss_outlying_mse_options, power, 72);

SIZE(topkloss_two_head_average_k_options, 64);
AT(topkloss_two_head_average_k_options, struct_size, 0);
AT(topkloss_two_head_average_k_options, reduction, 8);
AT(topkloss_two_head_average_k_options, check_finite, 12);
AT(topkloss_two_head_average_k_options, ignore_index, 16);
AT(topkloss_two_head_average_k_options, k, 24);
AT(topkloss_two_head_average_k_options, candidate_weight, 32);
AT(topkloss_two_head_average_k_options, multi_label_weight, 40);
AT(topkloss_two_head_average_k_options, class_reduction, 48);
AT(topkloss_two_head_average_k_options, reserved, 52);
AT(topkloss_two_head_average_k_options, threshold_decay, 56);

SIZE(topkloss_single_positive_options, 48);
AT(topkloss_single_positive_options, struct_size, 0);
AT(topkloss_single_positive_options, reduction, 8);
AT(topkloss_single_positive_options, check_finite, 12);
AT(topkloss_single_positive_options, ignore_index, 16);
AT(topkloss_single_positive_options, method, 24);
AT(topkloss_single_positive_options, reserved, 28);
AT(topkloss_single_positive_options, expected_positives, 32);
AT(topkloss_single_positive_options, regularization, 40);

SIZE(topkloss_threshold, 40);
AT(topkloss_threshold, struct_size, 0);
AT(topkloss_threshold, value, 8);
AT(topkloss_threshold, ties, 16);
AT(topkloss_threshold, classes, 24);
AT(topkloss_threshold, class_values, 32);

SIZE(topkloss_conformal_options, 64);
AT(topkloss_conformal_options, struct_size, 0);
AT(topkloss_conformal_options, ignore_index, 8);
AT(topkloss_conformal_options, method, 16);
AT(topkloss_conformal_options, reserved, 20);
AT(topkloss_conformal_options, coverage, 24);
AT(topkloss_conformal_options, weight, 32);
AT(topkloss_conformal_options, classes, 40);
AT(topkloss_conformal_options, class_counts, 48);
AT(topkloss_conformal_options, count_smoothing, 56);

SIZE(topkloss_shard, 48);
AT(topkloss_shard, struct_size, 0);
AT(topkloss_shard, all_classes, 8);
AT(topkloss_shard, first_class, 16);
AT(topkloss_shard, shards, 24);
AT(topkloss_shard, index, 32);
AT(topkloss_shard, states, 40);

SIZE(topkloss_logit_adjust_options, 64);
AT(topkloss_logit_adjust_options, struct_size, 0);
AT(topkloss_logit_adjust_options, classes, 8);
AT(topkloss_logit_adjust_options, class_counts, 16);
AT(topkloss_logit_adjust_options, count_smoothing, 24);
AT(topkloss_logit_adjust_options, tau, 32);
AT(topkloss_logit_adjust_options, adjusted_class_stride, 40);
AT(topkloss_logit_adjust_options, adjusted_group_stride, 48);
AT(topkloss_logit_adjust_options, target_prior, 56);

SIZE(topkloss_topk_accuracy_options, 32);
AT(topkloss_topk_accuracy_options, struct_size, 0);
AT(topkloss_topk_accuracy_options, k, 8);
AT(topkloss_topk_accuracy_options, ignore_index, 16);
AT(topkloss_topk_accuracy_options, average, 24);
AT(topkloss_topk_accuracy_options, reserved, 28);

SIZE(topkloss_average_k_accuracy_options, 32);
AT(topkloss_average_k_accuracy_options, struct_size, 0);
AT(topkloss_average_k_accuracy_options, k, 8);
AT(topkloss_average_k_accuracy_options, ignore_index, 16);
AT(topkloss_average_k_accuracy_options, average, 24);
AT(topkloss_average_k_accuracy_options, reserved, 28);

SIZE(topkloss_shot_accuracy_options, 64);
AT(topkloss_shot_accuracy_options, struct_size, 0);
AT(topkloss_shot_accuracy_options, classes, 8);
AT(topkloss_shot_accuracy_options, class_counts, 16);
AT(topkloss_shot_accuracy_options, k, 24);
AT(topkloss_shot_accuracy_options, ignore_index, 32);
AT(topkloss_shot_accuracy_options, average, 40);
AT(topkloss_shot_accuracy_options, reserved, 44);
AT(topkloss_shot_accuracy_options, many, 48);
AT(topkloss_shot_accuracy_options, few, 56);

SIZE(topkloss_class_weights_options, 48);
AT(topkloss_class_weights_options, struct_size, 0);
AT(topkloss_class_weights_options, classes, 8);
AT(topkloss_class_weights_options, class_counts, 16);
AT(topkloss_class_weights_options, count_smoothing, 24);
AT(topkloss_class_weights_options, weighting, 32);
AT(topkloss_class_weights_options, reserved, 36);
AT(topkloss_class_weights_options, beta, 40);

#endif

ENUMERATOR(TOPKLOSS_ABI_VERSION, 1);
ENUMERATOR(TOPKLOSS_IGNORE_INDEX, -100);
ENUMERATOR(TOPKLOSS_OK, 0);
ENUMERATOR(TOPKLOSS_ERROR_NULL_POINTER, 1);
ENUMERATOR(TOPKLOSS_ERROR_STRUCT_SIZE, 2);
ENUMERATOR(TOPKLOSS_ERROR_SIZE, 3);
ENUMERATOR(TOPKLOSS_ERROR_ENUMERATOR, 4);
ENUMERATOR(TOPKLOSS_ERROR_OPTION, 5);
ENUMERATOR(TOPKLOSS_ERROR_CLASS_COUNT, 6);
ENUMERATOR(TOPKLOSS_ERROR_LABEL, 7);
ENUMERATOR(TOPKLOSS_ERROR_NOT_FINITE, 8);
ENUMERATOR(TOPKLOSS_ERROR_ALIASING, 9);
ENUMERATOR(TOPKLOSS_ERROR_OUT_OF_MEMORY, 10);
ENUMERATOR(TOPKLOSS_ERROR_EXECUTOR, 11);
ENUMERATOR(TOPKLOSS_ERROR_DEVICE, 12);
ENUMERATOR(TOPKLOSS_ERROR_UNSUPPORTED, 13);
ENUMERATOR(TOPKLOSS_FLOAT32, 0);
ENUMERATOR(TOPKLOSS_FLOAT64, 1);
ENUMERATOR(TOPKLOSS_FLOAT16, 2);
ENUMERATOR(TOPKLOSS_BFLOAT16, 3);
ENUMERATOR(TOPKLOSS_INT64, 0);
ENUMERATOR(TOPKLOSS_INT32, 1);
ENUMERATOR(TOPKLOSS_MEAN, 0);
ENUMERATOR(TOPKLOSS_SUM, 1);
ENUMERATOR(TOPKLOSS_NONE, 2);
ENUMERATOR(TOPKLOSS_MONTE_CARLO, 0);
ENUMERATOR(TOPKLOSS_EXACT, 1);
ENUMERATOR(TOPKLOSS_RANK_TEACHER, 0);
ENUMERATOR(TOPKLOSS_POWER_TEACHER, 1);
ENUMERATOR(TOPKLOSS_ARGMAX, 0);
ENUMERATOR(TOPKLOSS_NEAREST_TEACHER, 1);
ENUMERATOR(TOPKLOSS_CLASS_SUM, 0);
ENUMERATOR(TOPKLOSS_CLASS_MEAN, 1);
ENUMERATOR(TOPKLOSS_ASSUME_NEGATIVE, 0);
ENUMERATOR(TOPKLOSS_WEAK_ASSUME_NEGATIVE, 1);
ENUMERATOR(TOPKLOSS_EXPECTED_POSITIVE, 2);
ENUMERATOR(TOPKLOSS_CONFORMAL_STANDARD, 0);
ENUMERATOR(TOPKLOSS_CONFORMAL_CLASSWISE, 1);
ENUMERATOR(TOPKLOSS_CONFORMAL_PREVALENCE_ADJUSTED, 2);
ENUMERATOR(TOPKLOSS_CONFORMAL_INTERPOLATED, 3);
ENUMERATOR(TOPKLOSS_MICRO, 0);
ENUMERATOR(TOPKLOSS_MACRO, 1);
ENUMERATOR(TOPKLOSS_INVERSE_FREQUENCY, 0);
ENUMERATOR(TOPKLOSS_EFFECTIVE_NUMBER, 1);

/* X(loss, its class in C++, its options there) */
#define TOPKLOSS_LOSSES(X) \
  X(cross_entropy, CrossEntropyLoss, CrossEntropyOptions) \
  X(logit_adjusted, LogitAdjustedLoss, LogitAdjustedOptions) \
  X(ldam, LDAMLoss, LDAMOptions) \
  X(elm, ELMLoss, ELMOptions) \
  X(vector_scaling, VectorScalingLoss, VectorScalingOptions) \
  X(margin_softmax, MarginSoftmaxLoss, MarginSoftmaxOptions) \
  X(seesaw, SeesawLoss, SeesawOptions) \
  X(focal, FocalLoss, FocalOptions) \
  X(noised_topk, NoisedTopKLoss, NoisedTopKOptions) \
  X(noised_topk_operator, NoisedTopKOperator, NoisedTopKOperatorOptions) \
  X(topk_hinge, TopKHingeLoss, TopKHingeOptions) \
  X(smooth_topk_svm, SmoothTopKSVMLoss, SmoothTopKSVMOptions) \
  X(topk_cross_entropy, TopKCrossEntropyLoss, TopKCrossEntropyOptions) \
  X(outlying_mse, OutlyingMSELoss, OutlyingMSEOptions) \
  X(two_head_average_k, TwoHeadAverageKLoss, TwoHeadAverageKOptions) \
  X(single_positive, SinglePositiveLoss, SinglePositiveOptions)

/* X(loss, member, kind, number of enumerators of an enumeration, otherwise 0) */
#define TOPKLOSS_OPTIONS_cross_entropy(X) \
  X(cross_entropy, reduction, CODE, 3) \
  X(cross_entropy, check_finite, CODE, 0) \
  X(cross_entropy, ignore_index, INTEGER, 0) \
  X(cross_entropy, classes, CLASSES, 0) \
  X(cross_entropy, class_weight, VECTOR, 0) \
  X(cross_entropy, label_smoothing, NUMBER, 0)

#define TOPKLOSS_OPTIONS_logit_adjusted(X) \
  X(logit_adjusted, reduction, CODE, 3) \
  X(logit_adjusted, check_finite, CODE, 0) \
  X(logit_adjusted, ignore_index, INTEGER, 0) \
  X(logit_adjusted, classes, CLASSES, 0) \
  X(logit_adjusted, class_counts, VECTOR, 0) \
  X(logit_adjusted, count_smoothing, NUMBER, 0) \
  X(logit_adjusted, class_weight, VECTOR, 0) \
  X(logit_adjusted, label_smoothing, NUMBER, 0) \
  X(logit_adjusted, tau, NUMBER, 0)

#define TOPKLOSS_OPTIONS_ldam(X) \
  X(ldam, reduction, CODE, 3) \
  X(ldam, check_finite, CODE, 0) \
  X(ldam, ignore_index, INTEGER, 0) \
  X(ldam, classes, CLASSES, 0) \
  X(ldam, class_counts, VECTOR, 0) \
  X(ldam, count_smoothing, NUMBER, 0) \
  X(ldam, class_weight, VECTOR, 0) \
  X(ldam, label_smoothing, NUMBER, 0) \
  X(ldam, max_margin, NUMBER, 0) \
  X(ldam, scale, NUMBER, 0)

#define TOPKLOSS_OPTIONS_elm(X) \
  X(elm, reduction, CODE, 3) \
  X(elm, check_finite, CODE, 0) \
  X(elm, ignore_index, INTEGER, 0) \
  X(elm, classes, CLASSES, 0) \
  X(elm, class_counts, VECTOR, 0) \
  X(elm, count_smoothing, NUMBER, 0) \
  X(elm, class_weight, VECTOR, 0) \
  X(elm, label_smoothing, NUMBER, 0) \
  X(elm, max_margin, NUMBER, 0) \
  X(elm, scale, NUMBER, 0) \
  X(elm, lam, NUMBER, 0)

#define TOPKLOSS_OPTIONS_vector_scaling(X) \
  X(vector_scaling, reduction, CODE, 3) \
  X(vector_scaling, check_finite, CODE, 0) \
  X(vector_scaling, ignore_index, INTEGER, 0) \
  X(vector_scaling, classes, CLASSES, 0) \
  X(vector_scaling, class_counts, VECTOR, 0) \
  X(vector_scaling, count_smoothing, NUMBER, 0) \
  X(vector_scaling, class_weight, VECTOR, 0) \
  X(vector_scaling, label_smoothing, NUMBER, 0) \
  X(vector_scaling, gamma, NUMBER, 0) \
  X(vector_scaling, tau, NUMBER, 0)

#define TOPKLOSS_OPTIONS_margin_softmax(X) \
  X(margin_softmax, reduction, CODE, 3) \
  X(margin_softmax, check_finite, CODE, 0) \
  X(margin_softmax, ignore_index, INTEGER, 0) \
  X(margin_softmax, classes, CLASSES, 0) \
  X(margin_softmax, class_weight, VECTOR, 0) \
  X(margin_softmax, label_smoothing, NUMBER, 0) \
  X(margin_softmax, offset, VECTOR, 0) \
  X(margin_softmax, margin, VECTOR, 0) \
  X(margin_softmax, class_scale, VECTOR, 0) \
  X(margin_softmax, scale, NUMBER, 0) \
  X(margin_softmax, lam, NUMBER, 0)

#define TOPKLOSS_OPTIONS_seesaw(X) \
  X(seesaw, reduction, CODE, 3) \
  X(seesaw, check_finite, CODE, 0) \
  X(seesaw, ignore_index, INTEGER, 0) \
  X(seesaw, classes, CLASSES, 0) \
  X(seesaw, class_counts, VECTOR, 0) \
  X(seesaw, count_smoothing, NUMBER, 0) \
  X(seesaw, class_weight, VECTOR, 0) \
  X(seesaw, label_smoothing, NUMBER, 0) \
  X(seesaw, p, NUMBER, 0) \
  X(seesaw, q, NUMBER, 0)

#define TOPKLOSS_OPTIONS_focal(X) \
  X(focal, reduction, CODE, 3) \
  X(focal, check_finite, CODE, 0) \
  X(focal, ignore_index, INTEGER, 0) \
  X(focal, classes, CLASSES, 0) \
  X(focal, class_weight, VECTOR, 0) \
  X(focal, gamma, NUMBER, 0)

#define TOPKLOSS_OPTIONS_noised_topk(X) \
  X(noised_topk, reduction, CODE, 3) \
  X(noised_topk, check_finite, CODE, 0) \
  X(noised_topk, ignore_index, INTEGER, 0) \
  X(noised_topk, k, INTEGER, 0) \
  X(noised_topk, n_samples, INTEGER, 0) \
  X(noised_topk, seed, WORD, 0) \
  X(noised_topk, epsilon, NUMBER, 0) \
  X(noised_topk, margin, NUMBER, 0) \
  X(noised_topk, scale, NUMBER, 0) \
  X(noised_topk, classes, CLASSES, 0) \
  X(noised_topk, class_counts, VECTOR, 0) \
  X(noised_topk, count_smoothing, NUMBER, 0) \
  X(noised_topk, max_margin, NUMBER, 0) \
  X(noised_topk, estimator, CODE, 2)

#define TOPKLOSS_OPTIONS_noised_topk_operator(X) \
  X(noised_topk_operator, k, INTEGER, 0) \
  X(noised_topk_operator, n_samples, INTEGER, 0) \
  X(noised_topk_operator, seed, WORD, 0) \
  X(noised_topk_operator, epsilon, NUMBER, 0) \
  X(noised_topk_operator, estimator, CODE, 2) \
  X(noised_topk_operator, check_finite, CODE, 0)

#define TOPKLOSS_OPTIONS_topk_hinge(X) \
  X(topk_hinge, reduction, CODE, 3) \
  X(topk_hinge, check_finite, CODE, 0) \
  X(topk_hinge, ignore_index, INTEGER, 0) \
  X(topk_hinge, k, INTEGER, 0) \
  X(topk_hinge, margin, NUMBER, 0)

#define TOPKLOSS_OPTIONS_smooth_topk_svm(X) \
  X(smooth_topk_svm, reduction, CODE, 3) \
  X(smooth_topk_svm, check_finite, CODE, 0) \
  X(smooth_topk_svm, ignore_index, INTEGER, 0) \
  X(smooth_topk_svm, k, INTEGER, 0) \
  X(smooth_topk_svm, tau, NUMBER, 0) \
  X(smooth_topk_svm, alpha, NUMBER, 0)

#define TOPKLOSS_OPTIONS_topk_cross_entropy(X) \
  X(topk_cross_entropy, reduction, CODE, 3) \
  X(topk_cross_entropy, check_finite, CODE, 0) \
  X(topk_cross_entropy, ignore_index, INTEGER, 0) \
  X(topk_cross_entropy, k, INTEGER, 0) \
  X(topk_cross_entropy, epsilon, NUMBER, 0) \
  X(topk_cross_entropy, weights, VECTOR, 0)

#define TOPKLOSS_OPTIONS_outlying_mse(X) \
  X(outlying_mse, reduction, CODE, 3) \
  X(outlying_mse, check_finite, CODE, 0) \
  X(outlying_mse, ignore_index, INTEGER, 0) \
  X(outlying_mse, classes, CLASSES, 0) \
  X(outlying_mse, class_counts, VECTOR, 0) \
  X(outlying_mse, count_smoothing, NUMBER, 0) \
  X(outlying_mse, alpha, NUMBER, 0) \
  X(outlying_mse, teacher, VECTOR, 0) \
  X(outlying_mse, teacher_rule, CODE, 2) \
  X(outlying_mse, power, NUMBER, 0)

#define TOPKLOSS_OPTIONS_two_head_average_k(X) \
  X(two_head_average_k, reduction, CODE, 3) \
  X(two_head_average_k, check_finite, CODE, 0) \
  X(two_head_average_k, ignore_index, INTEGER, 0) \
  X(two_head_average_k, k, NUMBER, 0) \
  X(two_head_average_k, candidate_weight, NUMBER, 0) \
  X(two_head_average_k, multi_label_weight, NUMBER, 0) \
  X(two_head_average_k, class_reduction, CODE, 2) \
  X(two_head_average_k, threshold_decay, NUMBER, 0)

#define TOPKLOSS_OPTIONS_single_positive(X) \
  X(single_positive, reduction, CODE, 3) \
  X(single_positive, check_finite, CODE, 0) \
  X(single_positive, ignore_index, INTEGER, 0) \
  X(single_positive, method, CODE, 3) \
  X(single_positive, expected_positives, NUMBER, 0) \
  X(single_positive, regularization, NUMBER, 0)

/* X(struct), and as above: those that are no options of a loss */
#define TOPKLOSS_STRUCTS(X) \
  X(executor) \
  X(batch) \
  X(result) \
  X(threshold) \
  X(conformal_options) \
  X(shard) \
  X(logit_adjust_options) \
  X(topk_accuracy_options) \
  X(average_k_accuracy_options) \
  X(shot_accuracy_options) \
  X(class_weights_options)

#define TOPKLOSS_MEMBERS_executor(X) \
  X(executor, parallel_for, POINTER, 0) \
  X(executor, context, POINTER, 0) \
  X(executor, concurrency, CODE, 0)

#define TOPKLOSS_MEMBERS_batch(X) \
  X(batch, rows, INTEGER, 0) \
  X(batch, classes, CLASSES, 0) \
  X(batch, dtype, CODE, 4) \
  X(batch, label_type, CODE, 2) \
  X(batch, logits, POINTER, 0) \
  X(batch, logits_row_stride, INTEGER, 0) \
  X(batch, labels, POINTER, 0) \
  X(batch, sample_weight, VECTOR, 0) \
  X(batch, upstream, VECTOR, 0) \
  X(batch, noise, POINTER, 0) \
  X(batch, noise_row_stride, INTEGER, 0) \
  X(batch, noise_sample_stride, INTEGER, 0) \
  X(batch, step, WORD, 0) \
  X(batch, first_row, INTEGER, 0) \
  X(batch, executor, POINTER, 0) \
  X(batch, multi_label_logits, POINTER, 0) \
  X(batch, multi_label_row_stride, INTEGER, 0) \
  X(batch, rows_per_group, INTEGER, 0) \
  X(batch, logits_class_stride, INTEGER, 0) \
  X(batch, logits_group_stride, INTEGER, 0) \
  X(batch, multi_label_class_stride, INTEGER, 0) \
  X(batch, multi_label_group_stride, INTEGER, 0) \
  X(batch, soft_labels, POINTER, 0) \
  X(batch, soft_labels_row_stride, INTEGER, 0) \
  X(batch, soft_labels_class_stride, INTEGER, 0) \
  X(batch, soft_labels_group_stride, INTEGER, 0)

#define TOPKLOSS_MEMBERS_result(X) \
  X(result, value, NUMBER, 0) \
  X(result, total_weight, NUMBER, 0) \
  X(result, row_values, POINTER, 0) \
  X(result, gradient, POINTER, 0) \
  X(result, gradient_row_stride, INTEGER, 0) \
  X(result, multi_label_gradient, POINTER, 0) \
  X(result, multi_label_gradient_row_stride, INTEGER, 0) \
  X(result, threshold, NUMBER, 0) \
  X(result, gradient_class_stride, INTEGER, 0) \
  X(result, gradient_group_stride, INTEGER, 0) \
  X(result, multi_label_gradient_class_stride, INTEGER, 0) \
  X(result, multi_label_gradient_group_stride, INTEGER, 0)

#define TOPKLOSS_MEMBERS_threshold(X) \
  X(threshold, value, NUMBER, 0) \
  X(threshold, ties, INTEGER, 0) \
  X(threshold, classes, CLASSES, 0) \
  X(threshold, class_values, VECTOR, 0)

#define TOPKLOSS_MEMBERS_conformal_options(X) \
  X(conformal_options, ignore_index, INTEGER, 0) \
  X(conformal_options, method, CODE, 4) \
  X(conformal_options, coverage, NUMBER, 0) \
  X(conformal_options, weight, NUMBER, 0) \
  X(conformal_options, classes, CLASSES, 0) \
  X(conformal_options, class_counts, VECTOR, 0) \
  X(conformal_options, count_smoothing, NUMBER, 0)

#define TOPKLOSS_MEMBERS_shard(X) \
  X(shard, all_classes, INTEGER, 0) \
  X(shard, first_class, INTEGER, 0) \
  X(shard, shards, INTEGER, 0) \
  X(shard, index, INTEGER, 0) \
  X(shard, states, POINTER, 0)

#define TOPKLOSS_MEMBERS_logit_adjust_options(X) \
  X(logit_adjust_options, classes, CLASSES, 0) \
  X(logit_adjust_options, class_counts, VECTOR, 0) \
  X(logit_adjust_options, count_smoothing, NUMBER, 0) \
  X(logit_adjust_options, tau, NUMBER, 0) \
  X(logit_adjust_options, adjusted_class_stride, INTEGER, 0) \
  X(logit_adjust_options, adjusted_group_stride, INTEGER, 0) \
  X(logit_adjust_options, target_prior, VECTOR, 0)

#define TOPKLOSS_MEMBERS_topk_accuracy_options(X) \
  X(topk_accuracy_options, k, INTEGER, 0) \
  X(topk_accuracy_options, ignore_index, INTEGER, 0) \
  X(topk_accuracy_options, average, CODE, 2)

#define TOPKLOSS_MEMBERS_average_k_accuracy_options(X) \
  X(average_k_accuracy_options, k, NUMBER, 0) \
  X(average_k_accuracy_options, ignore_index, INTEGER, 0) \
  X(average_k_accuracy_options, average, CODE, 2)

#define TOPKLOSS_MEMBERS_shot_accuracy_options(X) \
  X(shot_accuracy_options, classes, CLASSES, 0) \
  X(shot_accuracy_options, class_counts, VECTOR, 0) \
  X(shot_accuracy_options, k, INTEGER, 0) \
  X(shot_accuracy_options, ignore_index, INTEGER, 0) \
  X(shot_accuracy_options, average, CODE, 2) \
  X(shot_accuracy_options, many, NUMBER, 0) \
  X(shot_accuracy_options, few, NUMBER, 0)

#define TOPKLOSS_MEMBERS_class_weights_options(X) \
  X(class_weights_options, classes, CLASSES, 0) \
  X(class_weights_options, class_counts, VECTOR, 0) \
  X(class_weights_options, count_smoothing, NUMBER, 0) \
  X(class_weights_options, weighting, CODE, 2) \
  X(class_weights_options, beta, NUMBER, 0)

/* X(function, without the library's name) */
#define TOPKLOSS_FUNCTIONS(X) \
  X(status_name) \
  X(last_error) \
  X(version) \
  X(abi_version) \
  X(simd) \
  X(set_num_threads) \
  X(get_num_threads) \
  X(trim) \
  X(executor_init) \
  X(batch_init) \
  X(result_init) \
  X(evaluate) \
  X(loss_destroy) \
  X(cross_entropy_options_init) \
  X(cross_entropy_create) \
  X(logit_adjusted_options_init) \
  X(logit_adjusted_create) \
  X(ldam_options_init) \
  X(ldam_create) \
  X(elm_options_init) \
  X(elm_create) \
  X(vector_scaling_options_init) \
  X(vector_scaling_create) \
  X(margin_softmax_options_init) \
  X(margin_softmax_create) \
  X(seesaw_options_init) \
  X(seesaw_create) \
  X(focal_options_init) \
  X(focal_create) \
  X(noised_topk_options_init) \
  X(noised_topk_create) \
  X(noised_topk_operator_options_init) \
  X(noised_topk_operator_create) \
  X(topk_hinge_options_init) \
  X(topk_hinge_create) \
  X(smooth_topk_svm_options_init) \
  X(smooth_topk_svm_create) \
  X(topk_cross_entropy_options_init) \
  X(topk_cross_entropy_create) \
  X(standard_normal) \
  X(outlying_mse_options_init) \
  X(outlying_mse_create) \
  X(outlying_mse_teacher) \
  X(outlying_mse_predict) \
  X(two_head_average_k_options_init) \
  X(two_head_average_k_create) \
  X(single_positive_options_init) \
  X(single_positive_create) \
  X(threshold_init) \
  X(average_k_threshold) \
  X(predict_sets) \
  X(conformal_options_init) \
  X(conformal_thresholds) \
  X(shard_init) \
  X(shard_bytes) \
  X(shard_partial) \
  X(shard_complete) \
  X(logit_adjust_options_init) \
  X(logit_adjust) \
  X(topk_accuracy_options_init) \
  X(topk_accuracy) \
  X(average_k_accuracy_options_init) \
  X(average_k_accuracy) \
  X(shot_accuracy_options_init) \
  X(shot_accuracy) \
  X(tally_topk) \
  X(tally_sets) \
  X(tally_average) \
  X(tally_shots) \
  X(tally_shortfall) \
  X(inverse_frequency) \
  X(effective_number) \
  X(class_weights_options_init) \
  X(class_weights)

static inline int executor_has_its_defaults(void) {
  topkloss_executor expected, found;
  memset(&expected, 0, sizeof expected);
  memset(&found, 0xA5, sizeof found);
  expected.struct_size = sizeof(topkloss_executor);
  return topkloss_executor_init(&found, sizeof found) == TOPKLOSS_OK &&
         memcmp(&found, &expected, sizeof found) == 0;
}

static inline int batch_has_its_defaults(void) {
  topkloss_batch expected, found;
  memset(&expected, 0, sizeof expected);
  memset(&found, 0xA5, sizeof found);
  expected.struct_size = sizeof(topkloss_batch);
  return topkloss_batch_init(&found, sizeof found) == TOPKLOSS_OK &&
         memcmp(&found, &expected, sizeof found) == 0;
}

static inline int result_has_its_defaults(void) {
  topkloss_result expected, found;
  memset(&expected, 0, sizeof expected);
  memset(&found, 0xA5, sizeof found);
  expected.struct_size = sizeof(topkloss_result);
  return topkloss_result_init(&found, sizeof found) == TOPKLOSS_OK &&
         memcmp(&found, &expected, sizeof found) == 0;
}

static inline int cross_entropy_options_has_its_defaults(void) {
  topkloss_cross_entropy_options expected, found;
  memset(&expected, 0, sizeof expected);
  memset(&found, 0xA5, sizeof found);
  expected.struct_size = sizeof(topkloss_cross_entropy_options);
  expected.reduction = TOPKLOSS_MEAN;
  expected.ignore_index = TOPKLOSS_IGNORE_INDEX;
  return topkloss_cross_entropy_options_init(&found, sizeof found) == TOPKLOSS_OK &&
         memcmp(&found, &expected, sizeof found) == 0;
}

static inline int logit_adjusted_options_has_its_defaults(void) {
  topkloss_logit_adjusted_options expected, found;
  memset(&expected, 0, sizeof expected);
  memset(&found, 0xA5, sizeof found);
  expected.struct_size = sizeof(topkloss_logit_adjusted_options);
  expected.reduction = TOPKLOSS_MEAN;
  expected.ignore_index = TOPKLOSS_IGNORE_INDEX;
  expected.tau = 1.0;
  return topkloss_logit_adjusted_options_init(&found, sizeof found) == TOPKLOSS_OK &&
         memcmp(&found, &expected, sizeof found) == 0;
}

static inline int ldam_options_has_its_defaults(void) {
  topkloss_ldam_options expected, found;
  memset(&expected, 0, sizeof expected);
  memset(&found, 0xA5, sizeof found);
  expected.struct_size = sizeof(topkloss_ldam_options);
  expected.reduction = TOPKLOSS_MEAN;
  expected.ignore_index = TOPKLOSS_IGNORE_INDEX;
  expected.max_margin = 0.5;
  expected.scale = 30.0;
  return topkloss_ldam_options_init(&found, sizeof found) == TOPKLOSS_OK &&
         memcmp(&found, &expected, sizeof found) == 0;
}

static inline int elm_options_has_its_defaults(void) {
  topkloss_elm_options expected, found;
  memset(&expected, 0, sizeof expected);
  memset(&found, 0xA5, sizeof found);
  expected.struct_size = sizeof(topkloss_elm_options);
  expected.reduction = TOPKLOSS_MEAN;
  expected.ignore_index = TOPKLOSS_IGNORE_INDEX;
  expected.max_margin = 0.5;
  expected.scale = 30.0;
  expected.lam = 1.0;
  return topkloss_elm_options_init(&found, sizeof found) == TOPKLOSS_OK &&
         memcmp(&found, &expected, sizeof found) == 0;
}

static inline int vector_scaling_options_has_its_defaults(void) {
  topkloss_vector_scaling_options expected, found;
  memset(&expected, 0, sizeof expected);
  memset(&found, 0xA5, sizeof found);
  expected.struct_size = sizeof(topkloss_vector_scaling_options);
  expected.reduction = TOPKLOSS_MEAN;
  expected.ignore_index = TOPKLOSS_IGNORE_INDEX;
  expected.gamma = 0.3;
  expected.tau = 1.0;
  return topkloss_vector_scaling_options_init(&found, sizeof found) == TOPKLOSS_OK &&
         memcmp(&found, &expected, sizeof found) == 0;
}

static inline int margin_softmax_options_has_its_defaults(void) {
  topkloss_margin_softmax_options expected, found;
  memset(&expected, 0, sizeof expected);
  memset(&found, 0xA5, sizeof found);
  expected.struct_size = sizeof(topkloss_margin_softmax_options);
  expected.reduction = TOPKLOSS_MEAN;
  expected.ignore_index = TOPKLOSS_IGNORE_INDEX;
  expected.scale = 1.0;
  return topkloss_margin_softmax_options_init(&found, sizeof found) == TOPKLOSS_OK &&
         memcmp(&found, &expected, sizeof found) == 0;
}

static inline int seesaw_options_has_its_defaults(void) {
  topkloss_seesaw_options expected, found;
  memset(&expected, 0, sizeof expected);
  memset(&found, 0xA5, sizeof found);
  expected.struct_size = sizeof(topkloss_seesaw_options);
  expected.reduction = TOPKLOSS_MEAN;
  expected.ignore_index = TOPKLOSS_IGNORE_INDEX;
  expected.p = 0.8;
  expected.q = 2.0;
  return topkloss_seesaw_options_init(&found, sizeof found) == TOPKLOSS_OK &&
         memcmp(&found, &expected, sizeof found) == 0;
}

static inline int focal_options_has_its_defaults(void) {
  topkloss_focal_options expected, found;
  memset(&expected, 0, sizeof expected);
  memset(&found, 0xA5, sizeof found);
  expected.struct_size = sizeof(topkloss_focal_options);
  expected.reduction = TOPKLOSS_MEAN;
  expected.ignore_index = TOPKLOSS_IGNORE_INDEX;
  expected.gamma = 2.0;
  return topkloss_focal_options_init(&found, sizeof found) == TOPKLOSS_OK &&
         memcmp(&found, &expected, sizeof found) == 0;
}

static inline int noised_topk_options_has_its_defaults(void) {
  topkloss_noised_topk_options expected, found;
  memset(&expected, 0, sizeof expected);
  memset(&found, 0xA5, sizeof found);
  expected.struct_size = sizeof(topkloss_noised_topk_options);
  expected.reduction = TOPKLOSS_MEAN;
  expected.ignore_index = TOPKLOSS_IGNORE_INDEX;
  expected.n_samples = 5;
  expected.epsilon = NAN;
  expected.margin = 1.0;
  expected.scale = NAN;
  expected.max_margin = 0.2;
  expected.estimator = TOPKLOSS_MONTE_CARLO;
  return topkloss_noised_topk_options_init(&found, sizeof found) == TOPKLOSS_OK &&
         memcmp(&found, &expected, sizeof found) == 0;
}

static inline int noised_topk_operator_options_has_its_defaults(void) {
  topkloss_noised_topk_operator_options expected, found;
  memset(&expected, 0, sizeof expected);
  memset(&found, 0xA5, sizeof found);
  expected.struct_size = sizeof(topkloss_noised_topk_operator_options);
  expected.n_samples = 5;
  expected.epsilon = 1.0;
  expected.estimator = TOPKLOSS_EXACT;
  return topkloss_noised_topk_operator_options_init(&found, sizeof found) == TOPKLOSS_OK &&
         memcmp(&found, &expected, sizeof found) == 0;
}

static inline int topk_hinge_options_has_its_defaults(void) {
  topkloss_topk_hinge_options expected, found;
  memset(&expected, 0, sizeof expected);
  memset(&found, 0xA5, sizeof found);
  expected.struct_size = sizeof(topkloss_topk_hinge_options);
  expected.reduction = TOPKLOSS_MEAN;
  expected.ignore_index = TOPKLOSS_IGNORE_INDEX;
  expected.margin = 1.0;
  return topkloss_topk_hinge_options_init(&found, sizeof found) == TOPKLOSS_OK &&
         memcmp(&found, &expected, sizeof found) == 0;
}

static inline int smooth_topk_svm_options_has_its_defaults(void) {
  topkloss_smooth_topk_svm_options expected, found;
  memset(&expected, 0, sizeof expected);
  memset(&found, 0xA5, sizeof found);
  expected.struct_size = sizeof(topkloss_smooth_topk_svm_options);
  expected.reduction = TOPKLOSS_MEAN;
  expected.ignore_index = TOPKLOSS_IGNORE_INDEX;
  expected.tau = 1.0;
  expected.alpha = 1.0;
  return topkloss_smooth_topk_svm_options_init(&found, sizeof found) == TOPKLOSS_OK &&
         memcmp(&found, &expected, sizeof found) == 0;
}

static inline int topk_cross_entropy_options_has_its_defaults(void) {
  topkloss_topk_cross_entropy_options expected, found;
  memset(&expected, 0, sizeof expected);
  memset(&found, 0xA5, sizeof found);
  expected.struct_size = sizeof(topkloss_topk_cross_entropy_options);
  expected.reduction = TOPKLOSS_MEAN;
  expected.ignore_index = TOPKLOSS_IGNORE_INDEX;
  expected.epsilon = 1.0;
  return topkloss_topk_cross_entropy_options_init(&found, sizeof found) == TOPKLOSS_OK &&
         memcmp(&found, &expected, sizeof found) == 0;
}

static inline int outlying_mse_options_has_its_defaults(void) {
  topkloss_outlying_mse_options expected, found;
  memset(&expected, 0, sizeof expected);
  memset(&found, 0xA5, sizeof found);
  expected.struct_size = sizeof(topkloss_outlying_mse_options);
  expected.reduction = TOPKLOSS_MEAN;
  expected.ignore_index = TOPKLOSS_IGNORE_INDEX;
  expected.alpha = 1.0;
  expected.teacher_rule = TOPKLOSS_RANK_TEACHER;
  expected.power = 0.5;
  return topkloss_outlying_mse_options_init(&found, sizeof found) == TOPKLOSS_OK &&
         memcmp(&found, &expected, sizeof found) == 0;
}

static inline int two_head_average_k_options_has_its_defaults(void) {
  topkloss_two_head_average_k_options expected, found;
  memset(&expected, 0, sizeof expected);
  memset(&found, 0xA5, sizeof found);
  expected.struct_size = sizeof(topkloss_two_head_average_k_options);
  expected.reduction = TOPKLOSS_MEAN;
  expected.ignore_index = TOPKLOSS_IGNORE_INDEX;
  expected.candidate_weight = 1.0;
  expected.multi_label_weight = 1.0;
  expected.class_reduction = TOPKLOSS_CLASS_MEAN;
  return topkloss_two_head_average_k_options_init(&found, sizeof found) == TOPKLOSS_OK &&
         memcmp(&found, &expected, sizeof found) == 0;
}

static inline int single_positive_options_has_its_defaults(void) {
  topkloss_single_positive_options expected, found;
  memset(&expected, 0, sizeof expected);
  memset(&found, 0xA5, sizeof found);
  expected.struct_size = sizeof(topkloss_single_positive_options);
  expected.reduction = TOPKLOSS_MEAN;
  expected.ignore_index = TOPKLOSS_IGNORE_INDEX;
  expected.method = TOPKLOSS_ASSUME_NEGATIVE;
  expected.regularization = 1.0;
  return topkloss_single_positive_options_init(&found, sizeof found) == TOPKLOSS_OK &&
         memcmp(&found, &expected, sizeof found) == 0;
}

static inline int threshold_has_its_defaults(void) {
  topkloss_threshold expected, found;
  memset(&expected, 0, sizeof expected);
  memset(&found, 0xA5, sizeof found);
  expected.struct_size = sizeof(topkloss_threshold);
  expected.ties = -1;
  return topkloss_threshold_init(&found, sizeof found) == TOPKLOSS_OK &&
         memcmp(&found, &expected, sizeof found) == 0;
}

static inline int conformal_options_has_its_defaults(void) {
  topkloss_conformal_options expected, found;
  memset(&expected, 0, sizeof expected);
  memset(&found, 0xA5, sizeof found);
  expected.struct_size = sizeof(topkloss_conformal_options);
  expected.ignore_index = TOPKLOSS_IGNORE_INDEX;
  expected.method = TOPKLOSS_CONFORMAL_STANDARD;
  expected.coverage = 0.9;
  expected.weight = 0.5;
  return topkloss_conformal_options_init(&found, sizeof found) == TOPKLOSS_OK &&
         memcmp(&found, &expected, sizeof found) == 0;
}

static inline int shard_has_its_defaults(void) {
  topkloss_shard expected, found;
  memset(&expected, 0, sizeof expected);
  memset(&found, 0xA5, sizeof found);
  expected.struct_size = sizeof(topkloss_shard);
  return topkloss_shard_init(&found, sizeof found) == TOPKLOSS_OK &&
         memcmp(&found, &expected, sizeof found) == 0;
}

static inline int logit_adjust_options_has_its_defaults(void) {
  topkloss_logit_adjust_options expected, found;
  memset(&expected, 0, sizeof expected);
  memset(&found, 0xA5, sizeof found);
  expected.struct_size = sizeof(topkloss_logit_adjust_options);
  expected.tau = 1.0;
  return topkloss_logit_adjust_options_init(&found, sizeof found) == TOPKLOSS_OK &&
         memcmp(&found, &expected, sizeof found) == 0;
}

static inline int topk_accuracy_options_has_its_defaults(void) {
  topkloss_topk_accuracy_options expected, found;
  memset(&expected, 0, sizeof expected);
  memset(&found, 0xA5, sizeof found);
  expected.struct_size = sizeof(topkloss_topk_accuracy_options);
  expected.k = 1;
  expected.ignore_index = TOPKLOSS_IGNORE_INDEX;
  expected.average = TOPKLOSS_MICRO;
  return topkloss_topk_accuracy_options_init(&found, sizeof found) == TOPKLOSS_OK &&
         memcmp(&found, &expected, sizeof found) == 0;
}

static inline int average_k_accuracy_options_has_its_defaults(void) {
  topkloss_average_k_accuracy_options expected, found;
  memset(&expected, 0, sizeof expected);
  memset(&found, 0xA5, sizeof found);
  expected.struct_size = sizeof(topkloss_average_k_accuracy_options);
  expected.ignore_index = TOPKLOSS_IGNORE_INDEX;
  expected.average = TOPKLOSS_MICRO;
  return topkloss_average_k_accuracy_options_init(&found, sizeof found) == TOPKLOSS_OK &&
         memcmp(&found, &expected, sizeof found) == 0;
}

static inline int shot_accuracy_options_has_its_defaults(void) {
  topkloss_shot_accuracy_options expected, found;
  memset(&expected, 0, sizeof expected);
  memset(&found, 0xA5, sizeof found);
  expected.struct_size = sizeof(topkloss_shot_accuracy_options);
  expected.k = 1;
  expected.ignore_index = TOPKLOSS_IGNORE_INDEX;
  expected.average = TOPKLOSS_MICRO;
  expected.many = 100.0;
  expected.few = 20.0;
  return topkloss_shot_accuracy_options_init(&found, sizeof found) == TOPKLOSS_OK &&
         memcmp(&found, &expected, sizeof found) == 0;
}

static inline int class_weights_options_has_its_defaults(void) {
  topkloss_class_weights_options expected, found;
  memset(&expected, 0, sizeof expected);
  memset(&found, 0xA5, sizeof found);
  expected.struct_size = sizeof(topkloss_class_weights_options);
  expected.weighting = TOPKLOSS_INVERSE_FREQUENCY;
  expected.beta = 0.9999;
  return topkloss_class_weights_options_init(&found, sizeof found) == TOPKLOSS_OK &&
         memcmp(&found, &expected, sizeof found) == 0;
}

/** The name of the first struct that its init function does not fill with the defaults, or NULL. */
static inline const char *struct_without_its_defaults(void) {
  if (!executor_has_its_defaults()) return "topkloss_executor";
  if (!batch_has_its_defaults()) return "topkloss_batch";
  if (!result_has_its_defaults()) return "topkloss_result";
  if (!cross_entropy_options_has_its_defaults()) return "topkloss_cross_entropy_options";
  if (!logit_adjusted_options_has_its_defaults()) return "topkloss_logit_adjusted_options";
  if (!ldam_options_has_its_defaults()) return "topkloss_ldam_options";
  if (!elm_options_has_its_defaults()) return "topkloss_elm_options";
  if (!vector_scaling_options_has_its_defaults()) return "topkloss_vector_scaling_options";
  if (!margin_softmax_options_has_its_defaults()) return "topkloss_margin_softmax_options";
  if (!seesaw_options_has_its_defaults()) return "topkloss_seesaw_options";
  if (!focal_options_has_its_defaults()) return "topkloss_focal_options";
  if (!noised_topk_options_has_its_defaults()) return "topkloss_noised_topk_options";
  if (!noised_topk_operator_options_has_its_defaults()) return "topkloss_noised_topk_operator_options";
  if (!topk_hinge_options_has_its_defaults()) return "topkloss_topk_hinge_options";
  if (!smooth_topk_svm_options_has_its_defaults()) return "topkloss_smooth_topk_svm_options";
  if (!topk_cross_entropy_options_has_its_defaults()) return "topkloss_topk_cross_entropy_options";
  if (!outlying_mse_options_has_its_defaults()) return "topkloss_outlying_mse_options";
  if (!two_head_average_k_options_has_its_defaults()) return "topkloss_two_head_average_k_options";
  if (!single_positive_options_has_its_defaults()) return "topkloss_single_positive_options";
  if (!threshold_has_its_defaults()) return "topkloss_threshold";
  if (!conformal_options_has_its_defaults()) return "topkloss_conformal_options";
  if (!shard_has_its_defaults()) return "topkloss_shard";
  if (!logit_adjust_options_has_its_defaults()) return "topkloss_logit_adjust_options";
  if (!topk_accuracy_options_has_its_defaults()) return "topkloss_topk_accuracy_options";
  if (!average_k_accuracy_options_has_its_defaults()) return "topkloss_average_k_accuracy_options";
  if (!shot_accuracy_options_has_its_defaults()) return "topkloss_shot_accuracy_options";
  if (!class_weights_options_has_its_defaults()) return "topkloss_class_weights_options";
  return NULL;
}

#endif
