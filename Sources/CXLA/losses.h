/* Generated from topkloss.h by `python -m abi`: change that, not this. */
#ifndef CXLA_LOSSES_H
#define CXLA_LOSSES_H

#include <topkloss.h>

/* What a member of options is. */
enum {
  XLA_OPTION_INT32,
  XLA_OPTION_INT64,
  XLA_OPTION_UINT64,
  XLA_OPTION_DOUBLE,
  XLA_OPTION_VECTOR
};

typedef struct xla_option {
  const char *name;
  size_t offset;
  int32_t kind;
} xla_option;

typedef struct xla_loss {
  const char *name;
  /* Names of functions. */
  const char *initialize;
  const char *create;
  /* Of the struct of its options. */
  size_t size;
  const xla_option *options;
  int64_t option_count;
} xla_loss;

static inline const xla_loss *xla_losses(int64_t *count) {
  static const xla_option cross_entropy[] = {
    {"reduction", offsetof(topkloss_cross_entropy_options, reduction), XLA_OPTION_INT32},
    {"check_finite", offsetof(topkloss_cross_entropy_options, check_finite), XLA_OPTION_INT32},
    {"ignore_index", offsetof(topkloss_cross_entropy_options, ignore_index), XLA_OPTION_INT64},
    {"classes", offsetof(topkloss_cross_entropy_options, classes), XLA_OPTION_INT64},
    {"class_weight", offsetof(topkloss_cross_entropy_options, class_weight), XLA_OPTION_VECTOR},
    {"label_smoothing", offsetof(topkloss_cross_entropy_options, label_smoothing), XLA_OPTION_DOUBLE},
  };
  static const xla_option logit_adjusted[] = {
    {"reduction", offsetof(topkloss_logit_adjusted_options, reduction), XLA_OPTION_INT32},
    {"check_finite", offsetof(topkloss_logit_adjusted_options, check_finite), XLA_OPTION_INT32},
    {"ignore_index", offsetof(topkloss_logit_adjusted_options, ignore_index), XLA_OPTION_INT64},
    {"classes", offsetof(topkloss_logit_adjusted_options, classes), XLA_OPTION_INT64},
    {"class_counts", offsetof(topkloss_logit_adjusted_options, class_counts), XLA_OPTION_VECTOR},
    {"count_smoothing", offsetof(topkloss_logit_adjusted_options, count_smoothing), XLA_OPTION_DOUBLE},
    {"class_weight", offsetof(topkloss_logit_adjusted_options, class_weight), XLA_OPTION_VECTOR},
    {"label_smoothing", offsetof(topkloss_logit_adjusted_options, label_smoothing), XLA_OPTION_DOUBLE},
    {"tau", offsetof(topkloss_logit_adjusted_options, tau), XLA_OPTION_DOUBLE},
  };
  static const xla_option ldam[] = {
    {"reduction", offsetof(topkloss_ldam_options, reduction), XLA_OPTION_INT32},
    {"check_finite", offsetof(topkloss_ldam_options, check_finite), XLA_OPTION_INT32},
    {"ignore_index", offsetof(topkloss_ldam_options, ignore_index), XLA_OPTION_INT64},
    {"classes", offsetof(topkloss_ldam_options, classes), XLA_OPTION_INT64},
    {"class_counts", offsetof(topkloss_ldam_options, class_counts), XLA_OPTION_VECTOR},
    {"count_smoothing", offsetof(topkloss_ldam_options, count_smoothing), XLA_OPTION_DOUBLE},
    {"class_weight", offsetof(topkloss_ldam_options, class_weight), XLA_OPTION_VECTOR},
    {"label_smoothing", offsetof(topkloss_ldam_options, label_smoothing), XLA_OPTION_DOUBLE},
    {"max_margin", offsetof(topkloss_ldam_options, max_margin), XLA_OPTION_DOUBLE},
    {"scale", offsetof(topkloss_ldam_options, scale), XLA_OPTION_DOUBLE},
  };
  static const xla_option elm[] = {
    {"reduction", offsetof(topkloss_elm_options, reduction), XLA_OPTION_INT32},
    {"check_finite", offsetof(topkloss_elm_options, check_finite), XLA_OPTION_INT32},
    {"ignore_index", offsetof(topkloss_elm_options, ignore_index), XLA_OPTION_INT64},
    {"classes", offsetof(topkloss_elm_options, classes), XLA_OPTION_INT64},
    {"class_counts", offsetof(topkloss_elm_options, class_counts), XLA_OPTION_VECTOR},
    {"count_smoothing", offsetof(topkloss_elm_options, count_smoothing), XLA_OPTION_DOUBLE},
    {"class_weight", offsetof(topkloss_elm_options, class_weight), XLA_OPTION_VECTOR},
    {"label_smoothing", offsetof(topkloss_elm_options, label_smoothing), XLA_OPTION_DOUBLE},
    {"max_margin", offsetof(topkloss_elm_options, max_margin), XLA_OPTION_DOUBLE},
    {"scale", offsetof(topkloss_elm_options, scale), XLA_OPTION_DOUBLE},
    {"lam", offsetof(topkloss_elm_options, lam), XLA_OPTION_DOUBLE},
  };
  static const xla_option vector_scaling[] = {
    {"reduction", offsetof(topkloss_vector_scaling_options, reduction), XLA_OPTION_INT32},
    {"check_finite", offsetof(topkloss_vector_scaling_options, check_finite), XLA_OPTION_INT32},
    {"ignore_index", offsetof(topkloss_vector_scaling_options, ignore_index), XLA_OPTION_INT64},
    {"classes", offsetof(topkloss_vector_scaling_options, classes), XLA_OPTION_INT64},
    {"class_counts", offsetof(topkloss_vector_scaling_options, class_counts), XLA_OPTION_VECTOR},
    {"count_smoothing", offsetof(topkloss_vector_scaling_options, count_smoothing), XLA_OPTION_DOUBLE},
    {"class_weight", offsetof(topkloss_vector_scaling_options, class_weight), XLA_OPTION_VECTOR},
    {"label_smoothing", offsetof(topkloss_vector_scaling_options, label_smoothing), XLA_OPTION_DOUBLE},
    {"gamma", offsetof(topkloss_vector_scaling_options, gamma), XLA_OPTION_DOUBLE},
    {"tau", offsetof(topkloss_vector_scaling_options, tau), XLA_OPTION_DOUBLE},
  };
  static const xla_option margin_softmax[] = {
    {"reduction", offsetof(topkloss_margin_softmax_options, reduction), XLA_OPTION_INT32},
    {"check_finite", offsetof(topkloss_margin_softmax_options, check_finite), XLA_OPTION_INT32},
    {"ignore_index", offsetof(topkloss_margin_softmax_options, ignore_index), XLA_OPTION_INT64},
    {"classes", offsetof(topkloss_margin_softmax_options, classes), XLA_OPTION_INT64},
    {"class_weight", offsetof(topkloss_margin_softmax_options, class_weight), XLA_OPTION_VECTOR},
    {"label_smoothing", offsetof(topkloss_margin_softmax_options, label_smoothing), XLA_OPTION_DOUBLE},
    {"offset", offsetof(topkloss_margin_softmax_options, offset), XLA_OPTION_VECTOR},
    {"margin", offsetof(topkloss_margin_softmax_options, margin), XLA_OPTION_VECTOR},
    {"class_scale", offsetof(topkloss_margin_softmax_options, class_scale), XLA_OPTION_VECTOR},
    {"scale", offsetof(topkloss_margin_softmax_options, scale), XLA_OPTION_DOUBLE},
    {"lam", offsetof(topkloss_margin_softmax_options, lam), XLA_OPTION_DOUBLE},
  };
  static const xla_option seesaw[] = {
    {"reduction", offsetof(topkloss_seesaw_options, reduction), XLA_OPTION_INT32},
    {"check_finite", offsetof(topkloss_seesaw_options, check_finite), XLA_OPTION_INT32},
    {"ignore_index", offsetof(topkloss_seesaw_options, ignore_index), XLA_OPTION_INT64},
    {"classes", offsetof(topkloss_seesaw_options, classes), XLA_OPTION_INT64},
    {"class_counts", offsetof(topkloss_seesaw_options, class_counts), XLA_OPTION_VECTOR},
    {"count_smoothing", offsetof(topkloss_seesaw_options, count_smoothing), XLA_OPTION_DOUBLE},
    {"class_weight", offsetof(topkloss_seesaw_options, class_weight), XLA_OPTION_VECTOR},
    {"label_smoothing", offsetof(topkloss_seesaw_options, label_smoothing), XLA_OPTION_DOUBLE},
    {"p", offsetof(topkloss_seesaw_options, p), XLA_OPTION_DOUBLE},
    {"q", offsetof(topkloss_seesaw_options, q), XLA_OPTION_DOUBLE},
  };
  static const xla_option focal[] = {
    {"reduction", offsetof(topkloss_focal_options, reduction), XLA_OPTION_INT32},
    {"check_finite", offsetof(topkloss_focal_options, check_finite), XLA_OPTION_INT32},
    {"ignore_index", offsetof(topkloss_focal_options, ignore_index), XLA_OPTION_INT64},
    {"classes", offsetof(topkloss_focal_options, classes), XLA_OPTION_INT64},
    {"class_weight", offsetof(topkloss_focal_options, class_weight), XLA_OPTION_VECTOR},
    {"gamma", offsetof(topkloss_focal_options, gamma), XLA_OPTION_DOUBLE},
  };
  static const xla_option noised_topk[] = {
    {"reduction", offsetof(topkloss_noised_topk_options, reduction), XLA_OPTION_INT32},
    {"check_finite", offsetof(topkloss_noised_topk_options, check_finite), XLA_OPTION_INT32},
    {"ignore_index", offsetof(topkloss_noised_topk_options, ignore_index), XLA_OPTION_INT64},
    {"k", offsetof(topkloss_noised_topk_options, k), XLA_OPTION_INT64},
    {"n_samples", offsetof(topkloss_noised_topk_options, n_samples), XLA_OPTION_INT64},
    {"seed", offsetof(topkloss_noised_topk_options, seed), XLA_OPTION_UINT64},
    {"epsilon", offsetof(topkloss_noised_topk_options, epsilon), XLA_OPTION_DOUBLE},
    {"margin", offsetof(topkloss_noised_topk_options, margin), XLA_OPTION_DOUBLE},
    {"scale", offsetof(topkloss_noised_topk_options, scale), XLA_OPTION_DOUBLE},
    {"classes", offsetof(topkloss_noised_topk_options, classes), XLA_OPTION_INT64},
    {"class_counts", offsetof(topkloss_noised_topk_options, class_counts), XLA_OPTION_VECTOR},
    {"count_smoothing", offsetof(topkloss_noised_topk_options, count_smoothing), XLA_OPTION_DOUBLE},
    {"max_margin", offsetof(topkloss_noised_topk_options, max_margin), XLA_OPTION_DOUBLE},
    {"estimator", offsetof(topkloss_noised_topk_options, estimator), XLA_OPTION_INT32},
  };
  static const xla_option noised_topk_operator[] = {
    {"k", offsetof(topkloss_noised_topk_operator_options, k), XLA_OPTION_INT64},
    {"n_samples", offsetof(topkloss_noised_topk_operator_options, n_samples), XLA_OPTION_INT64},
    {"seed", offsetof(topkloss_noised_topk_operator_options, seed), XLA_OPTION_UINT64},
    {"epsilon", offsetof(topkloss_noised_topk_operator_options, epsilon), XLA_OPTION_DOUBLE},
    {"estimator", offsetof(topkloss_noised_topk_operator_options, estimator), XLA_OPTION_INT32},
    {"check_finite", offsetof(topkloss_noised_topk_operator_options, check_finite), XLA_OPTION_INT32},
  };
  static const xla_option topk_hinge[] = {
    {"reduction", offsetof(topkloss_topk_hinge_options, reduction), XLA_OPTION_INT32},
    {"check_finite", offsetof(topkloss_topk_hinge_options, check_finite), XLA_OPTION_INT32},
    {"ignore_index", offsetof(topkloss_topk_hinge_options, ignore_index), XLA_OPTION_INT64},
    {"k", offsetof(topkloss_topk_hinge_options, k), XLA_OPTION_INT64},
    {"margin", offsetof(topkloss_topk_hinge_options, margin), XLA_OPTION_DOUBLE},
  };
  static const xla_option smooth_topk_svm[] = {
    {"reduction", offsetof(topkloss_smooth_topk_svm_options, reduction), XLA_OPTION_INT32},
    {"check_finite", offsetof(topkloss_smooth_topk_svm_options, check_finite), XLA_OPTION_INT32},
    {"ignore_index", offsetof(topkloss_smooth_topk_svm_options, ignore_index), XLA_OPTION_INT64},
    {"k", offsetof(topkloss_smooth_topk_svm_options, k), XLA_OPTION_INT64},
    {"tau", offsetof(topkloss_smooth_topk_svm_options, tau), XLA_OPTION_DOUBLE},
    {"alpha", offsetof(topkloss_smooth_topk_svm_options, alpha), XLA_OPTION_DOUBLE},
  };
  static const xla_option topk_cross_entropy[] = {
    {"reduction", offsetof(topkloss_topk_cross_entropy_options, reduction), XLA_OPTION_INT32},
    {"check_finite", offsetof(topkloss_topk_cross_entropy_options, check_finite), XLA_OPTION_INT32},
    {"ignore_index", offsetof(topkloss_topk_cross_entropy_options, ignore_index), XLA_OPTION_INT64},
    {"k", offsetof(topkloss_topk_cross_entropy_options, k), XLA_OPTION_INT64},
    {"epsilon", offsetof(topkloss_topk_cross_entropy_options, epsilon), XLA_OPTION_DOUBLE},
    {"weights", offsetof(topkloss_topk_cross_entropy_options, weights), XLA_OPTION_VECTOR},
  };
  static const xla_option outlying_mse[] = {
    {"reduction", offsetof(topkloss_outlying_mse_options, reduction), XLA_OPTION_INT32},
    {"check_finite", offsetof(topkloss_outlying_mse_options, check_finite), XLA_OPTION_INT32},
    {"ignore_index", offsetof(topkloss_outlying_mse_options, ignore_index), XLA_OPTION_INT64},
    {"classes", offsetof(topkloss_outlying_mse_options, classes), XLA_OPTION_INT64},
    {"class_counts", offsetof(topkloss_outlying_mse_options, class_counts), XLA_OPTION_VECTOR},
    {"count_smoothing", offsetof(topkloss_outlying_mse_options, count_smoothing), XLA_OPTION_DOUBLE},
    {"alpha", offsetof(topkloss_outlying_mse_options, alpha), XLA_OPTION_DOUBLE},
    {"teacher", offsetof(topkloss_outlying_mse_options, teacher), XLA_OPTION_VECTOR},
    {"teacher_rule", offsetof(topkloss_outlying_mse_options, teacher_rule), XLA_OPTION_INT32},
    {"power", offsetof(topkloss_outlying_mse_options, power), XLA_OPTION_DOUBLE},
  };
  static const xla_option two_head_average_k[] = {
    {"reduction", offsetof(topkloss_two_head_average_k_options, reduction), XLA_OPTION_INT32},
    {"check_finite", offsetof(topkloss_two_head_average_k_options, check_finite), XLA_OPTION_INT32},
    {"ignore_index", offsetof(topkloss_two_head_average_k_options, ignore_index), XLA_OPTION_INT64},
    {"k", offsetof(topkloss_two_head_average_k_options, k), XLA_OPTION_DOUBLE},
    {"candidate_weight", offsetof(topkloss_two_head_average_k_options, candidate_weight), XLA_OPTION_DOUBLE},
    {"multi_label_weight", offsetof(topkloss_two_head_average_k_options, multi_label_weight), XLA_OPTION_DOUBLE},
    {"class_reduction", offsetof(topkloss_two_head_average_k_options, class_reduction), XLA_OPTION_INT32},
    {"threshold_decay", offsetof(topkloss_two_head_average_k_options, threshold_decay), XLA_OPTION_DOUBLE},
  };
  static const xla_option single_positive[] = {
    {"reduction", offsetof(topkloss_single_positive_options, reduction), XLA_OPTION_INT32},
    {"check_finite", offsetof(topkloss_single_positive_options, check_finite), XLA_OPTION_INT32},
    {"ignore_index", offsetof(topkloss_single_positive_options, ignore_index), XLA_OPTION_INT64},
    {"method", offsetof(topkloss_single_positive_options, method), XLA_OPTION_INT32},
    {"expected_positives", offsetof(topkloss_single_positive_options, expected_positives), XLA_OPTION_DOUBLE},
    {"regularization", offsetof(topkloss_single_positive_options, regularization), XLA_OPTION_DOUBLE},
  };
  static const xla_loss losses[] = {
    {"cross_entropy", "topkloss_cross_entropy_options_init", "topkloss_cross_entropy_create", sizeof(topkloss_cross_entropy_options), cross_entropy,
     sizeof cross_entropy / sizeof *cross_entropy},
    {"logit_adjusted", "topkloss_logit_adjusted_options_init", "topkloss_logit_adjusted_create", sizeof(topkloss_logit_adjusted_options), logit_adjusted,
     sizeof logit_adjusted / sizeof *logit_adjusted},
    {"ldam", "topkloss_ldam_options_init", "topkloss_ldam_create", sizeof(topkloss_ldam_options), ldam,
     sizeof ldam / sizeof *ldam},
    {"elm", "topkloss_elm_options_init", "topkloss_elm_create", sizeof(topkloss_elm_options), elm,
     sizeof elm / sizeof *elm},
    {"vector_scaling", "topkloss_vector_scaling_options_init", "topkloss_vector_scaling_create", sizeof(topkloss_vector_scaling_options), vector_scaling,
     sizeof vector_scaling / sizeof *vector_scaling},
    {"margin_softmax", "topkloss_margin_softmax_options_init", "topkloss_margin_softmax_create", sizeof(topkloss_margin_softmax_options), margin_softmax,
     sizeof margin_softmax / sizeof *margin_softmax},
    {"seesaw", "topkloss_seesaw_options_init", "topkloss_seesaw_create", sizeof(topkloss_seesaw_options), seesaw,
     sizeof seesaw / sizeof *seesaw},
    {"focal", "topkloss_focal_options_init", "topkloss_focal_create", sizeof(topkloss_focal_options), focal,
     sizeof focal / sizeof *focal},
    {"noised_topk", "topkloss_noised_topk_options_init", "topkloss_noised_topk_create", sizeof(topkloss_noised_topk_options), noised_topk,
     sizeof noised_topk / sizeof *noised_topk},
    {"noised_topk_operator", "topkloss_noised_topk_operator_options_init", "topkloss_noised_topk_operator_create", sizeof(topkloss_noised_topk_operator_options), noised_topk_operator,
     sizeof noised_topk_operator / sizeof *noised_topk_operator},
    {"topk_hinge", "topkloss_topk_hinge_options_init", "topkloss_topk_hinge_create", sizeof(topkloss_topk_hinge_options), topk_hinge,
     sizeof topk_hinge / sizeof *topk_hinge},
    {"smooth_topk_svm", "topkloss_smooth_topk_svm_options_init", "topkloss_smooth_topk_svm_create", sizeof(topkloss_smooth_topk_svm_options), smooth_topk_svm,
     sizeof smooth_topk_svm / sizeof *smooth_topk_svm},
    {"topk_cross_entropy", "topkloss_topk_cross_entropy_options_init", "topkloss_topk_cross_entropy_create", sizeof(topkloss_topk_cross_entropy_options), topk_cross_entropy,
     sizeof topk_cross_entropy / sizeof *topk_cross_entropy},
    {"outlying_mse", "topkloss_outlying_mse_options_init", "topkloss_outlying_mse_create", sizeof(topkloss_outlying_mse_options), outlying_mse,
     sizeof outlying_mse / sizeof *outlying_mse},
    {"two_head_average_k", "topkloss_two_head_average_k_options_init", "topkloss_two_head_average_k_create", sizeof(topkloss_two_head_average_k_options), two_head_average_k,
     sizeof two_head_average_k / sizeof *two_head_average_k},
    {"single_positive", "topkloss_single_positive_options_init", "topkloss_single_positive_create", sizeof(topkloss_single_positive_options), single_positive,
     sizeof single_positive / sizeof *single_positive},
  };
  *count = sizeof losses / sizeof *losses;
  return losses;
}

#endif
