/*
 * Losses of every kind with options of every kind, mostly sensible.
 */
#ifndef HOSTILE_LOSSES_H
#define HOSTILE_LOSSES_H

#include "hostile_buffers.h"

static double vectors[MAX_CLASSES];
static int64_t classes_of_loss;

/* Mostly a sensible option, so that many calls get past creation. */
static double option(double sensible) { return rarely(20) ? strange_number() : sensible; }

/* Numbers that no check may let pass as a number of classes, rows or samples. */
static int64_t impossible_size(void) {
  static const int64_t numbers[] = {-1, INT64_MIN, INT64_MAX, INT64_MIN + 1, INT64_MAX - 1,
                                    INT64_MAX / 2 + 1};
  return numbers[random_below(&state, (int64_t)(sizeof numbers / sizeof *numbers))];
}

static int32_t enumerator(int32_t count) {
  static const int32_t strangers[] = {-1, 4, 100, INT32_MIN, INT32_MAX};
  return rarely(60) ? strangers[random_below(&state, 5)] : (int32_t)random_below(&state, count);
}

static topkloss_status create_cross_entropy(const double *weight, topkloss_loss **out) {
  topkloss_cross_entropy_options options;
  topkloss_cross_entropy_options_init(&options, sizeof options);
  options.reduction = enumerator(3);
  options.check_finite = (int32_t)random_below(&state, 3) - 1;
  options.ignore_index = random_below(&state, 4) - 2;
  options.classes = weight == NULL ? 0 : classes_of_loss;
  options.class_weight = weight;
  options.label_smoothing = option(0.1);
  return topkloss_cross_entropy_create(rarely(10) ? NULL : &options, out);
}

static topkloss_status create_logit_adjusted(const double *counts, const double *weight,
                                             topkloss_loss **out) {
  topkloss_logit_adjusted_options options;
  topkloss_logit_adjusted_options_init(&options, sizeof options);
  options.reduction = enumerator(3);
  options.classes = classes_of_loss;
  options.class_counts = counts;
  options.count_smoothing = option(0.0);
  options.class_weight = weight;
  options.tau = option(1.0);
  return topkloss_logit_adjusted_create(rarely(50) ? NULL : &options, out);
}

static topkloss_status create_ldam(const double *counts, const double *weight,
                                   topkloss_loss **out) {
  topkloss_ldam_options options;
  topkloss_ldam_options_init(&options, sizeof options);
  options.reduction = enumerator(3);
  options.check_finite = rarely(3);
  options.classes = classes_of_loss;
  options.class_counts = counts;
  options.class_weight = weight;
  options.label_smoothing = option(0.0);
  options.max_margin = option(0.5);
  options.scale = option(30.0);
  return topkloss_ldam_create(rarely(50) ? NULL : &options, out);
}

static topkloss_status create_elm(const double *counts, const double *weight,
                                  topkloss_loss **out) {
  topkloss_elm_options options;
  topkloss_elm_options_init(&options, sizeof options);
  options.reduction = enumerator(3);
  options.classes = classes_of_loss;
  options.class_counts = counts;
  options.class_weight = weight;
  options.max_margin = option(0.5);
  options.scale = option(30.0);
  options.lam = option(1.0);
  return topkloss_elm_create(rarely(50) ? NULL : &options, out);
}

static topkloss_status create_vector_scaling(const double *counts, const double *weight, topkloss_loss **out) {
  topkloss_vector_scaling_options options;
  topkloss_vector_scaling_options_init(&options, sizeof options);
  options.reduction = enumerator(3);
  options.classes = classes_of_loss;
  options.class_counts = counts;
  options.class_weight = weight;
  options.count_smoothing = option(0.0);
  options.label_smoothing = option(0.0);
  options.gamma = option(0.3);
  options.tau = option(1.0);
  return topkloss_vector_scaling_create(rarely(50) ? NULL : &options, out);
}

static topkloss_status create_margin_softmax(const double *vector, topkloss_loss **out) {
  topkloss_margin_softmax_options options;
  topkloss_margin_softmax_options_init(&options, sizeof options);
  options.reduction = enumerator(3);
  options.check_finite = rarely(3);
  options.classes = rarely(3) ? 0 : classes_of_loss;
  if (options.classes != 0 || rarely(20)) {
    options.class_weight = rarely(2) ? vector : NULL;
    options.offset = rarely(2) ? vector : NULL;
    options.margin = rarely(2) ? vector : NULL;
    options.class_scale = rarely(2) ? vector : NULL;
  }
  options.label_smoothing = option(0.1);
  options.scale = option(2.0);
  options.lam = option(0.5);
  return topkloss_margin_softmax_create(rarely(10) ? NULL : &options, out);
}

static topkloss_status create_focal(const double *weight, topkloss_loss **out) {
  topkloss_focal_options options;
  topkloss_focal_options_init(&options, sizeof options);
  options.reduction = enumerator(3);
  options.check_finite = rarely(3);
  options.ignore_index = random_below(&state, 4) - 2;
  options.classes = weight == NULL ? 0 : classes_of_loss;
  options.class_weight = weight;
  options.gamma = option(2.0);
  return topkloss_focal_create(rarely(10) ? NULL : &options, out);
}

static int64_t some_rank(void) { return rarely(15) ? impossible_size() : 1 + random_below(&state, 6); }

static topkloss_status create_noised_topk(const double *counts, topkloss_loss **out) {
  topkloss_noised_topk_options options;
  topkloss_noised_topk_options_init(&options, sizeof options);
  options.reduction = enumerator(3);
  options.check_finite = rarely(3);
  options.k = some_rank();
  options.n_samples = rarely(15) ? impossible_size() : 1 + random_below(&state, MAX_SAMPLES);
  options.seed = random_word(&state);
  options.epsilon = option(0.5);
  options.margin = option(1.0);
  options.scale = option(1.0);
  options.classes = rarely(2) ? classes_of_loss : 0;
  options.class_counts = options.classes != 0 ? counts : NULL;
  options.max_margin = option(0.5);
  options.estimator = enumerator(2);
  return topkloss_noised_topk_create(rarely(50) ? NULL : &options, out);
}

static topkloss_status create_noised_topk_operator(topkloss_loss **out) {
  topkloss_noised_topk_operator_options options;
  topkloss_noised_topk_operator_options_init(&options, sizeof options);
  options.k = some_rank();
  options.n_samples = rarely(15) ? impossible_size() : 1 + random_below(&state, MAX_SAMPLES);
  options.seed = random_word(&state);
  options.epsilon = option(0.5);
  options.estimator = enumerator(2);
  options.check_finite = rarely(3);
  return topkloss_noised_topk_operator_create(rarely(50) ? NULL : &options, out);
}

static topkloss_status create_topk_hinge(topkloss_loss **out) {
  topkloss_topk_hinge_options options;
  topkloss_topk_hinge_options_init(&options, sizeof options);
  options.reduction = enumerator(3);
  options.check_finite = rarely(3);
  options.k = some_rank();
  options.margin = option(1.0);
  return topkloss_topk_hinge_create(rarely(50) ? NULL : &options, out);
}

static topkloss_status create_smooth_topk_svm(topkloss_loss **out) {
  topkloss_smooth_topk_svm_options options;
  topkloss_smooth_topk_svm_options_init(&options, sizeof options);
  options.reduction = enumerator(3);
  options.check_finite = rarely(3);
  options.k = some_rank();
  options.tau = option(0.5);
  options.alpha = option(1.0);
  return topkloss_smooth_topk_svm_create(rarely(50) ? NULL : &options, out);
}

static topkloss_status create_outlying_mse(const double *counts, topkloss_loss **out) {
  topkloss_outlying_mse_options options;
  topkloss_outlying_mse_options_init(&options, sizeof options);
  options.reduction = enumerator(3);
  options.check_finite = rarely(3);
  options.classes = classes_of_loss;
  options.class_counts = counts;
  options.count_smoothing = option(0.0);
  options.alpha = option(0.5);
  options.teacher = rarely(3) ? vectors : NULL;
  return topkloss_outlying_mse_create(rarely(50) ? NULL : &options, out);
}

static topkloss_status create_two_head(topkloss_loss **out) {
  topkloss_two_head_average_k_options options;
  topkloss_two_head_average_k_options_init(&options, sizeof options);
  options.reduction = enumerator(3);
  options.check_finite = rarely(3);
  options.ignore_index = random_below(&state, 4) - 2;
  options.k = option(0.1 + (double)random_below(&state, 40) / 8.0);
  options.candidate_weight = option(0.5);
  options.multi_label_weight = option(1.0);
  options.class_reduction = enumerator(2);
  options.threshold_decay = rarely(2) ? 0.0 : option(0.9);
  return topkloss_two_head_average_k_create(rarely(50) ? NULL : &options, out);
}

static topkloss_status create_single_positive(topkloss_loss **out) {
  topkloss_single_positive_options options;
  topkloss_single_positive_options_init(&options, sizeof options);
  options.reduction = enumerator(3);
  options.check_finite = rarely(3);
  options.method = enumerator(3);
  options.expected_positives = option(1.5);
  options.regularization = option(1.0);
  return topkloss_single_positive_create(rarely(50) ? NULL : &options, out);
}

/* Which loss was made last: only some look at the second head. */
static int has_two_heads;

static topkloss_status create_random(topkloss_loss **out) {
  const double *const counts = rarely(15) ? NULL : vectors;
  const double *const weight = rarely(3) ? vectors : NULL;
  const int64_t kind = random_below(&state, 14);
  classes_of_loss = rarely(20) ? impossible_size() : 1 + random_below(&state, MAX_CLASSES);
  for (int c = 0; c < MAX_CLASSES; c++)
    vectors[c] = rarely(400) ? strange_number() : 1.0 + (double)random_below(&state, 1000);
  has_two_heads = kind >= 12;
  switch (kind) {
    case 0: return create_cross_entropy(weight, out);
    case 1: return create_logit_adjusted(counts, weight, out);
    case 2: return create_ldam(counts, weight, out);
    case 3: return create_elm(counts, weight, out);
    case 4: return create_vector_scaling(counts, weight, out);
    case 5: return create_margin_softmax(vectors, out);
    case 6: return create_focal(weight, out);
    case 7: return create_noised_topk(counts, out);
    case 8: return create_noised_topk_operator(out);
    case 9: return create_topk_hinge(out);
    case 10: return create_smooth_topk_svm(out);
    case 11: return rarely(2) ? create_outlying_mse(counts, out) : create_single_positive(out);
    default: return create_two_head(out);
  }
}

#endif /* HOSTILE_LOSSES_H */
