/*
 * One handle of every loss, for programs that care about what all of them do rather than about one.
 */
#ifndef EVERY_LOSS_H
#define EVERY_LOSS_H

#include "workload.h"

enum {
  CROSS_ENTROPY,
  LOGIT_ADJUSTED,
  LDAM,
  ELM,
  VECTOR_SCALING,
  MARGIN_SOFTMAX,
  FOCAL,
  NOISED_TOPK,
  EXACT_NOISED_TOPK,
  NOISED_TOPK_OPERATOR,
  TOPK_HINGE,
  SMOOTH_TOPK_SVM,
  OUTLYING_MSE,
  TWO_HEAD_AVERAGE_K,
  ASSUME_NEGATIVE,
  WEAK_ASSUME_NEGATIVE,
  EXPECTED_POSITIVE,
  LOSS_KINDS
};

/* What every loss is made of. There must be 3 classes at least: K is 2 wherever there is one. */
typedef struct {
  int64_t classes;
  /* One entry a class. */
  const double *counts;
  topkloss_reduction reduction;
} loss_request;

static inline topkloss_status create_cross_entropy(const loss_request *request, topkloss_loss **out) {
  topkloss_cross_entropy_options options;
  topkloss_cross_entropy_options_init(&options, sizeof options);
  options.reduction = request->reduction;
  options.classes = request->classes;
  options.class_weight = request->counts;
  options.label_smoothing = 0.1;
  return topkloss_cross_entropy_create(&options, out);
}

static inline topkloss_status create_logit_adjusted(const loss_request *request, topkloss_loss **out) {
  topkloss_logit_adjusted_options options;
  topkloss_logit_adjusted_options_init(&options, sizeof options);
  options.reduction = request->reduction;
  options.classes = request->classes;
  options.class_counts = request->counts;
  return topkloss_logit_adjusted_create(&options, out);
}

static inline topkloss_status create_ldam(const loss_request *request, topkloss_loss **out) {
  topkloss_ldam_options options;
  topkloss_ldam_options_init(&options, sizeof options);
  options.reduction = request->reduction;
  options.classes = request->classes;
  options.class_counts = request->counts;
  return topkloss_ldam_create(&options, out);
}

static inline topkloss_status create_elm(const loss_request *request, topkloss_loss **out) {
  topkloss_elm_options options;
  topkloss_elm_options_init(&options, sizeof options);
  options.reduction = request->reduction;
  options.classes = request->classes;
  options.class_counts = request->counts;
  return topkloss_elm_create(&options, out);
}

static inline topkloss_status create_vector_scaling(const loss_request *request, topkloss_loss **out) {
  topkloss_vector_scaling_options options;
  topkloss_vector_scaling_options_init(&options, sizeof options);
  options.reduction = request->reduction;
  options.classes = request->classes;
  options.class_counts = request->counts;
  return topkloss_vector_scaling_create(&options, out);
}

static inline topkloss_status create_margin_softmax(const loss_request *request, topkloss_loss **out) {
  topkloss_margin_softmax_options options;
  topkloss_margin_softmax_options_init(&options, sizeof options);
  options.reduction = request->reduction;
  options.classes = request->classes;
  /* Any vector of positive numbers will do for any of them. */
  options.class_weight = request->counts;
  options.offset = request->counts;
  options.margin = request->counts;
  options.scale = 0.01;
  options.lam = 0.5;
  return topkloss_margin_softmax_create(&options, out);
}

static inline topkloss_status create_focal(const loss_request *request, topkloss_loss **out) {
  topkloss_focal_options options;
  topkloss_focal_options_init(&options, sizeof options);
  options.reduction = request->reduction;
  options.classes = request->classes;
  options.class_weight = request->counts;
  return topkloss_focal_create(&options, out);
}

static inline topkloss_status create_noised_topk(const loss_request *request, topkloss_loss **out) {
  topkloss_noised_topk_options options;
  topkloss_noised_topk_options_init(&options, sizeof options);
  options.reduction = request->reduction;
  options.k = 2;
  options.classes = request->classes;
  options.class_counts = request->counts;
  return topkloss_noised_topk_create(&options, out);
}

static inline topkloss_status create_exact_noised_topk(const loss_request *request, topkloss_loss **out) {
  topkloss_noised_topk_options options;
  topkloss_noised_topk_options_init(&options, sizeof options);
  options.reduction = request->reduction;
  options.k = 2;
  options.classes = request->classes;
  options.class_counts = request->counts;
  options.estimator = TOPKLOSS_EXACT;
  return topkloss_noised_topk_create(&options, out);
}

static inline topkloss_status create_noised_topk_operator(const loss_request *request, topkloss_loss **out) {
  topkloss_noised_topk_operator_options options;
  (void)request;
  topkloss_noised_topk_operator_options_init(&options, sizeof options);
  options.k = 2;
  return topkloss_noised_topk_operator_create(&options, out);
}

static inline topkloss_status create_topk_hinge(const loss_request *request, topkloss_loss **out) {
  topkloss_topk_hinge_options options;
  topkloss_topk_hinge_options_init(&options, sizeof options);
  options.reduction = request->reduction;
  options.k = 2;
  return topkloss_topk_hinge_create(&options, out);
}

static inline topkloss_status create_smooth_topk_svm(const loss_request *request, topkloss_loss **out) {
  topkloss_smooth_topk_svm_options options;
  topkloss_smooth_topk_svm_options_init(&options, sizeof options);
  options.reduction = request->reduction;
  options.k = 2;
  return topkloss_smooth_topk_svm_create(&options, out);
}

static inline topkloss_status create_outlying_mse(const loss_request *request, topkloss_loss **out) {
  topkloss_outlying_mse_options options;
  topkloss_outlying_mse_options_init(&options, sizeof options);
  options.reduction = request->reduction;
  options.classes = request->classes;
  options.class_counts = request->counts;
  return topkloss_outlying_mse_create(&options, out);
}

static inline topkloss_status create_two_head_average_k(const loss_request *request, topkloss_loss **out) {
  topkloss_two_head_average_k_options options;
  topkloss_two_head_average_k_options_init(&options, sizeof options);
  options.reduction = request->reduction;
  options.k = 2.5;
  return topkloss_two_head_average_k_create(&options, out);
}

static inline topkloss_status create_assume_negative(const loss_request *request, topkloss_loss **out) {
  topkloss_single_positive_options options;
  topkloss_single_positive_options_init(&options, sizeof options);
  options.reduction = request->reduction;
  return topkloss_single_positive_create(&options, out);
}

static inline topkloss_status create_weak_assume_negative(const loss_request *request, topkloss_loss **out) {
  topkloss_single_positive_options options;
  topkloss_single_positive_options_init(&options, sizeof options);
  options.reduction = request->reduction;
  options.method = TOPKLOSS_WEAK_ASSUME_NEGATIVE;
  return topkloss_single_positive_create(&options, out);
}

static inline topkloss_status create_expected_positive(const loss_request *request, topkloss_loss **out) {
  topkloss_single_positive_options options;
  topkloss_single_positive_options_init(&options, sizeof options);
  options.reduction = request->reduction;
  options.method = TOPKLOSS_EXPECTED_POSITIVE;
  options.expected_positives = 2.0;
  return topkloss_single_positive_create(&options, out);
}

typedef struct {
  const char *name;
  topkloss_status (*create)(const loss_request *request, topkloss_loss **out);
  /* Whether its handle holds vectors as long as there are classes. */
  int has_class_vectors;
  /* About how many times as much a row of it costs as one of most others, for programs that evaluate it often. */
  int cost;
} loss_kind;

/* In the order of the enumeration above. */
static const loss_kind loss_kinds[LOSS_KINDS] = {
    {"cross_entropy", create_cross_entropy, 1, 1},
    {"logit_adjusted", create_logit_adjusted, 1, 1},
    {"ldam", create_ldam, 1, 1},
    {"elm", create_elm, 1, 1},
    {"vector_scaling", create_vector_scaling, 1, 1},
    {"margin_softmax", create_margin_softmax, 1, 1},
    {"focal", create_focal, 1, 1},
    {"noised_topk", create_noised_topk, 1, 1},
    {"exact_noised_topk", create_exact_noised_topk, 1, 16},
    {"noised_topk_operator", create_noised_topk_operator, 0, 16},
    {"topk_hinge", create_topk_hinge, 0, 1},
    {"smooth_topk_svm", create_smooth_topk_svm, 0, 1},
    {"outlying_mse", create_outlying_mse, 1, 1},
    {"two_head_average_k", create_two_head_average_k, 0, 1},
    {"assume_negative", create_assume_negative, 0, 1},
    {"weak_assume_negative", create_weak_assume_negative, 0, 1},
    {"expected_positive", create_expected_positive, 0, 1}};

/* Creates the loss of one kind; NULL where that fails. counts has one entry a class. */
static inline topkloss_status create_loss(int kind, int64_t classes, const double *counts,
                                          topkloss_reduction reduction, topkloss_loss **out) {
  const loss_request request = {classes, counts, reduction};
  *out = NULL;
  return loss_kinds[kind].create(&request, out);
}

#endif /* EVERY_LOSS_H */
