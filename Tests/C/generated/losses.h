/*
 * The losses and the members of their options, for tests of all of them. Generated from
 * topkloss.h by `python -m abi`: change that, not this.
 */
#ifndef GENERATED_LOSSES_H
#define GENERATED_LOSSES_H

/* X(loss, its class in C++, its options there) */
#define TOPKLOSS_LOSSES(X) \
  X(cross_entropy, CrossEntropyLoss, CrossEntropyOptions) \
  X(logit_adjusted, LogitAdjustedLoss, LogitAdjustedOptions) \
  X(ldam, LDAMLoss, LDAMOptions) \
  X(elm, ELMLoss, ELMOptions) \
  X(vector_scaling, VectorScalingLoss, VectorScalingOptions) \
  X(margin_softmax, MarginSoftmaxLoss, MarginSoftmaxOptions) \
  X(focal, FocalLoss, FocalOptions) \
  X(noised_topk, NoisedTopKLoss, NoisedTopKOptions) \
  X(noised_topk_operator, NoisedTopKOperator, NoisedTopKOperatorOptions) \
  X(topk_hinge, TopKHingeLoss, TopKHingeOptions) \
  X(smooth_topk_svm, SmoothTopKSVMLoss, SmoothTopKSVMOptions) \
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

#define TOPKLOSS_OPTIONS_outlying_mse(X) \
  X(outlying_mse, reduction, CODE, 3) \
  X(outlying_mse, check_finite, CODE, 0) \
  X(outlying_mse, ignore_index, INTEGER, 0) \
  X(outlying_mse, classes, CLASSES, 0) \
  X(outlying_mse, class_counts, VECTOR, 0) \
  X(outlying_mse, count_smoothing, NUMBER, 0) \
  X(outlying_mse, alpha, NUMBER, 0) \
  X(outlying_mse, teacher, VECTOR, 0)

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

#endif
