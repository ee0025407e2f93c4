/*
 * Every function of the library that computes something, by number, with an answer that can be compared bit for bit: a
 * loss of each kind is created, evaluated and destroyed; what stands beside the losses is called; some calls are refused.
 */
#ifndef EVERY_FUNCTION_H
#define EVERY_FUNCTION_H

#include "every_loss.h"
#include "two_shards.h"

/* What one thread needs to call them: a batch, and room for whatever they write. */
typedef struct {
  workload work;
  sharded shards;
  /* Four vectors by class. */
  double *numbers;
  int64_t *starts;
  int64_t *indices;
} caller;

static inline void caller_init(caller *own, int64_t rows, int64_t classes) {
  workload_init(&own->work, rows, classes);
  sharded_init(&own->shards, rows);
  own->numbers = required_memory(4 * (size_t)classes * sizeof(double));
  own->starts = required_memory((size_t)(rows + 1) * sizeof(int64_t));
  own->indices = required_memory((size_t)(rows * classes) * sizeof(int64_t));
}

static inline void caller_free(caller *own) {
  workload_free(&own->work);
  sharded_free(&own->shards);
  free(own->numbers);
  free(own->starts);
  free(own->indices);
}

/* ---- losses */

static inline answer answer_of_evaluation(const topkloss_loss *loss, workload *work) {
  answer found = {TOPKLOSS_OK, 0};
  topkloss_result *const result = &work->result;
  const size_t rows = (size_t)work->batch.rows;
  const size_t elements = rows * (size_t)work->batch.classes;
  result->threshold = 0.0;
  if (is_good(&found, topkloss_evaluate(loss, &work->batch, result))) {
    add_to_fingerprint(&found, &result->value, sizeof(double));
    add_to_fingerprint(&found, &result->total_weight, sizeof(double));
    add_to_fingerprint(&found, &result->threshold, sizeof(double));
    add_to_fingerprint(&found, work->row_values, rows * sizeof(float));
    add_to_fingerprint(&found, work->gradient, elements * sizeof(float));
    if (result->threshold != 0.0) add_to_fingerprint(&found, work->multi_label_gradient, elements * sizeof(float));
  }
  return found;
}

static inline answer answer_of_loss(int kind, workload *work) {
  answer found = {TOPKLOSS_OK, 0};
  topkloss_loss *loss = NULL;
  if (is_good(&found, create_loss(kind, work->batch.classes, work->counts, kind % 3, &loss)))
    found = answer_of_evaluation(loss, work);
  topkloss_loss_destroy(loss);
  return found;
}

/* ---- what stands beside them */

static inline void accuracies(caller *own, answer *found) {
  topkloss_topk_accuracy_options top;
  topkloss_average_k_accuracy_options average;
  double share = 0.0;
  topkloss_topk_accuracy_options_init(&top, sizeof top);
  top.k = 2;
  if (is_good(found, topkloss_topk_accuracy(&top, &own->work.batch, &share)))
    add_to_fingerprint(found, &share, sizeof share);
  top.average = TOPKLOSS_MACRO;
  if (is_good(found, topkloss_topk_accuracy(&top, &own->work.batch, &share)))
    add_to_fingerprint(found, &share, sizeof share);
  topkloss_average_k_accuracy_options_init(&average, sizeof average);
  average.k = 1.5;
  if (is_good(found, topkloss_average_k_accuracy(&average, &own->work.batch, &share)))
    add_to_fingerprint(found, &share, sizeof share);
}

static inline void tallies(caller *own, answer *found) {
  const int64_t classes = own->work.batch.classes;
  const size_t bytes = (size_t)classes * sizeof(double);
  double *const hits = own->numbers, *const sizes = hits + classes, *const weights = sizes + classes;
  double shares[3] = {0.0, 0.0, 0.0};
  topkloss_threshold threshold;
  topkloss_shot_accuracy_options shots;
  topkloss_shot_accuracy_options_init(&shots, sizeof shots);
  shots.classes = classes;
  shots.class_counts = own->work.counts;
  if (is_good(found, topkloss_shot_accuracy(&shots, &own->work.batch, shares)))
    add_to_fingerprint(found, shares, sizeof shares);
  memset(hits, 0, 3 * bytes);
  topkloss_threshold_init(&threshold, sizeof threshold);
  threshold.value = 0.5;
  if (is_good(found, topkloss_tally_topk(NULL, &own->work.batch, hits, weights)))
    add_to_fingerprint(found, hits, bytes);
  if (is_good(found, topkloss_tally_sets(&threshold, -100, &own->work.batch, hits, sizes, weights)))
    add_to_fingerprint(found, hits, 3 * bytes);
  if (is_good(found, topkloss_tally_average(TOPKLOSS_MACRO, classes, hits, weights, shares)))
    add_to_fingerprint(found, shares, sizeof *shares);
  if (is_good(found, topkloss_tally_shortfall(0.9, classes, hits, weights, shares)))
    add_to_fingerprint(found, shares, sizeof *shares);
  if (is_good(found, topkloss_tally_shots(&shots, hits, weights, shares)))
    add_to_fingerprint(found, shares, sizeof shares);
}

static inline void sets(caller *own, answer *found) {
  topkloss_batch batch = own->work.batch;
  topkloss_threshold threshold;
  topkloss_conformal_options conformal;
  topkloss_threshold_init(&threshold, sizeof threshold);
  if (is_good(found, topkloss_average_k_threshold(1.5, &batch, &threshold)) &&
      is_good(found, topkloss_predict_sets(&threshold, 1, &batch, own->starts, own->indices,
                                           batch.rows * batch.classes))) {
    add_to_fingerprint(found, own->starts, (size_t)(batch.rows + 1) * sizeof(int64_t));
    add_to_fingerprint(found, own->indices, (size_t)own->starts[batch.rows] * sizeof(int64_t));
  }
  /* Probabilities, where a gradient would go. */
  for (int64_t i = 0; i < batch.rows * batch.classes; i++) own->work.gradient[i] = fabsf(own->work.logits[i]) / 2.0F;
  batch.logits = own->work.gradient;
  topkloss_conformal_options_init(&conformal, sizeof conformal);
  conformal.method = TOPKLOSS_CONFORMAL_INTERPOLATED;
  if (is_good(found, topkloss_conformal_thresholds(&conformal, &batch, own->numbers)))
    add_to_fingerprint(found, own->numbers, (size_t)batch.classes * sizeof(double));
}

static inline void adjustment(caller *own, answer *found) {
  const topkloss_batch *const batch = &own->work.batch;
  topkloss_logit_adjust_options adjust;
  topkloss_logit_adjust_options_init(&adjust, sizeof adjust);
  adjust.classes = batch->classes;
  adjust.class_counts = own->work.counts;
  if (is_good(found, topkloss_logit_adjust(&adjust, batch, own->work.gradient, 0)))
    add_to_fingerprint(found, own->work.gradient, (size_t)(batch->rows * batch->classes) * sizeof(float));
}

static inline void teacher(caller *own, answer *found) {
  const topkloss_batch *const batch = &own->work.batch;
  topkloss_loss *loss = NULL;
  if (is_good(found, create_loss(kind_named("outlying_mse 0"), batch->classes, own->work.counts, 0, &loss)) &&
      is_good(found, topkloss_outlying_mse_teacher(loss, batch->classes, own->numbers)) &&
      is_good(found, topkloss_outlying_mse_predict(loss, batch, TOPKLOSS_NEAREST_TEACHER, own->starts))) {
    add_to_fingerprint(found, own->numbers, (size_t)batch->classes * sizeof(double));
    add_to_fingerprint(found, own->starts, (size_t)batch->rows * sizeof(int64_t));
  }
  topkloss_loss_destroy(loss);
}

static inline void class_weights(caller *own, answer *found) {
  const int64_t classes = own->work.batch.classes;
  topkloss_class_weights_options options;
  topkloss_class_weights_options_init(&options, sizeof options);
  options.classes = classes;
  options.class_counts = own->work.counts;
  if (is_good(found, topkloss_class_weights(&options, own->numbers)) &&
      is_good(found, topkloss_inverse_frequency(classes, own->work.counts, own->numbers + classes)) &&
      is_good(found, topkloss_effective_number(classes, own->work.counts, 0.99, own->numbers + 2 * classes)))
    add_to_fingerprint(found, own->numbers, 3 * (size_t)classes * sizeof(double));
}

static inline void noise(caller *own, answer *found) {
  const topkloss_batch *const batch = &own->work.batch;
  if (is_good(found, topkloss_standard_normal(1, 2, 3, batch->rows, 1, batch->classes, own->work.gradient)))
    add_to_fingerprint(found, own->work.gradient, (size_t)(batch->rows * batch->classes) * sizeof(float));
}

static inline void shards(caller *own, answer *found) {
  shards_of("elm 0", &own->work.batch, &own->shards, found);
  shards_of("topk_hinge 0", &own->work.batch, &own->shards, found);
  shards_of("noised_topk 0", &own->work.batch, &own->shards, found);
}

/* ---- what is refused, with numbers in the message */

static inline void refusal_of_an_option(caller *own, answer *found) {
  topkloss_topk_hinge_options options;
  topkloss_loss *loss = NULL;
  (void)own;
  topkloss_topk_hinge_options_init(&options, sizeof options);
  options.margin = -0.123456789;
  if (is_good(found, topkloss_topk_hinge_create(&options, &loss))) topkloss_loss_destroy(loss);
}

static inline void refusal_of_a_label(caller *own, answer *found) {
  const int64_t kept = own->work.labels[own->work.batch.rows - 1];
  own->work.labels[own->work.batch.rows - 1] = INT64_MAX;
  *found = answer_of_loss(0, &own->work);
  own->work.labels[own->work.batch.rows - 1] = kept;
}

typedef void (*other_function)(caller *own, answer *found);
static const other_function other_functions[] = {
    accuracies, tallies, sets, adjustment, teacher, class_weights, noise, shards,
    refusal_of_an_option, refusal_of_a_label};

/* make_loss_kinds comes first. */
static inline int function_count(void) {
  return loss_kind_count + (int)(sizeof other_functions / sizeof other_functions[0]);
}

enum { MOST_FUNCTIONS = MOST_KINDS + 16 };

static inline answer call_function(int which, caller *own) {
  answer found = {TOPKLOSS_OK, 0};
  if (which < loss_kind_count) return answer_of_loss(which, &own->work);
  other_functions[which - loss_kind_count](own, &found);
  return found;
}

/* For messages. */
static inline const char *function_name(int which) {
  static const char *const names[] = {"accuracies", "tallies", "sets", "adjustment", "teacher", "class weights",
                                      "noise", "shards", "a refused option", "a refused label"};
  return which < loss_kind_count ? loss_kinds[which].name : names[which - loss_kind_count];
}

/* Answers of all, to compare later ones with. */
static inline void call_all(caller *own, answer answers[MOST_FUNCTIONS]) {
  for (int which = 0; which < function_count(); which++) answers[which] = call_function(which, own);
}

static inline void expect_all(caller *own, const answer expected[MOST_FUNCTIONS], const char *when) {
  for (int which = 0; which < function_count(); which++) {
    const answer found = call_function(which, own);
    CHECK(is_same_answer(found, expected[which]), "%s %s: %s, %llx and not %llx", function_name(which), when,
          topkloss_status_name(found.status), (unsigned long long)found.fingerprint,
          (unsigned long long)expected[which].fingerprint);
  }
}

#endif /* EVERY_FUNCTION_H */
