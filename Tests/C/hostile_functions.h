/*
 * The functions that are no losses, with arguments of every kind.
 */
#ifndef HOSTILE_FUNCTIONS_H
#define HOSTILE_FUNCTIONS_H

#include "hostile_batch.h"

static int is_share(double share) { return share >= 0.0 && share <= 1.0; }

/* One number from the batch: within its bounds after success, untouched if a check failed. */
static void expect_share(topkloss_status status, double share, const char *function) {
  CHECK(status >= 0 && status < 12, "%s: status %d", function, status);
  CHECK(status == TOPKLOSS_OK ? is_share(share) : share == 77.0 || status == TOPKLOSS_ERROR_EXECUTOR,
        "%s, %s: %g", function, topkloss_status_name(status), share);
  expect_no_stray_write();
}

static int64_t some_ignored(void) { return rarely(3) ? random_below(&state, 4) - 2 : TOPKLOSS_IGNORE_INDEX; }

static void measure(const topkloss_batch *batch) {
  double share = 77.0;
  double shares[3] = {77.0, 77.0, 77.0};
  topkloss_topk_accuracy_options plain;
  topkloss_average_k_accuracy_options average;
  topkloss_shot_accuracy_options shots;
  topkloss_status status;
  topkloss_topk_accuracy_options_init(&plain, sizeof plain);
  plain.k = rarely(5) ? impossible_size() : random_below(&state, 50);
  plain.ignore_index = some_ignored();
  plain.average = enumerator(2);
  status = topkloss_topk_accuracy(rarely(20) ? NULL : &plain, batch, &share);
  expect_share(status, share, "topk_accuracy");

  share = 77.0;
  topkloss_average_k_accuracy_options_init(&average, sizeof average);
  average.k = option((double)random_below(&state, 80) / 8.0);
  average.ignore_index = some_ignored();
  average.average = enumerator(2);
  status = topkloss_average_k_accuracy(rarely(20) ? NULL : &average, batch, &share);
  expect_share(status, share, "average_k_accuracy");

  topkloss_shot_accuracy_options_init(&shots, sizeof shots);
  shots.classes = rarely(5) ? impossible_size() : batch->classes;
  shots.class_counts = rarely(20) ? NULL : vectors;
  shots.k = rarely(5) ? impossible_size() : random_below(&state, 50);
  shots.ignore_index = some_ignored();
  shots.average = enumerator(2);
  shots.many = option(500.0);
  shots.few = option(100.0);
  status = topkloss_shot_accuracy(rarely(20) ? NULL : &shots, batch, rarely(30) ? NULL : shares);
  CHECK(status >= 0 && status < 12, "shot_accuracy: status %d", status);
  for (int i = 0; i < 3; i++)
    CHECK(status == TOPKLOSS_OK ? is_share(shares[i]) || isnan(shares[i]) : shares[i] == 77.0, "%s: %g",
          topkloss_status_name(status), shares[i]);
  expect_no_stray_write();
}

/* Arrays of some length, untouched beyond what a call that succeeded adds to, and by one that failed. */
static void expect_sums(topkloss_status status, const double *sums, int64_t classes, const char *function) {
  CHECK(status >= 0 && status < 12, "%s: status %d", function, status);
  for (int64_t c = 0; c < MAX_CLASSES; c++)
    CHECK((status == TOPKLOSS_OK && c < classes && sums[c] >= 77.0) || sums[c] == 77.0, "%s, class %lld: %g", function,
          (long long)c, sums[c]);
}

static void add_to_random_tally(const topkloss_batch *batch) {
  double hits[MAX_CLASSES], sizes[MAX_CLASSES], weights[MAX_CLASSES], thresholds[MAX_CLASSES];
  double *const wanted = rarely(30) ? NULL : hits;
  topkloss_topk_accuracy_options top;
  topkloss_conformal_options conformal;
  topkloss_threshold threshold;
  topkloss_status status;
  double figure;
  for (int c = 0; c < MAX_CLASSES; c++) {
    hits[c] = sizes[c] = weights[c] = 77.0;
    thresholds[c] = rarely(500) ? strange_number() : random_within(&state, 5.0);
  }
  topkloss_topk_accuracy_options_init(&top, sizeof top);
  top.k = rarely(5) ? impossible_size() : random_below(&state, 50);
  top.ignore_index = some_ignored();
  status = topkloss_tally_topk(rarely(20) ? NULL : &top, batch, wanted, weights);
  expect_sums(status, hits, batch->classes, "tally_topk");
  expect_sums(status, weights, batch->classes, "tally_topk");

  for (int c = 0; c < MAX_CLASSES; c++) hits[c] = weights[c] = 77.0;
  topkloss_threshold_init(&threshold, sizeof threshold);
  threshold.value = rarely(5) ? strange_number() : random_within(&state, 5.0);
  threshold.classes = rarely(9) ? impossible_size() : batch->classes;
  threshold.class_values = rarely(2) ? NULL : thresholds;
  status = topkloss_tally_sets(&threshold, some_ignored(), batch, wanted, rarely(3) ? NULL : sizes, weights);
  expect_sums(status, hits, batch->classes, "tally_sets");
  expect_sums(status, sizes, batch->classes, "tally_sets");
  expect_sums(status, weights, batch->classes, "tally_sets");
  expect_no_stray_write();

  figure = 77.0;
  status = topkloss_tally_average(enumerator(2), rarely(9) ? -1 : MAX_CLASSES, wanted, weights, &figure);
  CHECK(status == TOPKLOSS_OK || figure == 77.0, "tally_average: %g", figure);
  figure = 77.0;
  status = topkloss_tally_shortfall(option(0.9), rarely(9) ? 0 : MAX_CLASSES, wanted, weights, &figure);
  CHECK(status == TOPKLOSS_OK ? figure >= 0.0 && figure <= 1.0 : figure == 77.0, "tally_shortfall: %g", figure);

  for (int c = 0; c < MAX_CLASSES; c++) hits[c] = 77.0;
  topkloss_conformal_options_init(&conformal, sizeof conformal);
  conformal.ignore_index = some_ignored();
  conformal.method = enumerator(4);
  conformal.coverage = option(0.5);
  conformal.weight = option(0.5);
  conformal.classes = rarely(5) ? impossible_size() : batch->classes;
  conformal.class_counts = rarely(10) ? NULL : vectors;
  conformal.count_smoothing = option(0.0);
  status = topkloss_conformal_thresholds(rarely(20) ? NULL : &conformal, batch, wanted);
  for (int64_t c = 0; c < MAX_CLASSES; c++)
    CHECK(status == TOPKLOSS_OK && c < batch->classes ? hits[c] >= 0.0 : hits[c] == 77.0, "threshold %lld: %g",
          (long long)c, hits[c]);
  expect_no_stray_write();
}

static void expect_sets(const topkloss_batch *batch, const int64_t *starts, const int64_t *indices) {
  CHECK(starts[0] == 0, "sets begin at %lld", (long long)starts[0]);
  for (int64_t row = 0; row < batch->rows; row++) {
    CHECK(starts[row + 1] >= starts[row] && starts[row + 1] - starts[row] <= batch->classes, "row %lld",
          (long long)row);
    for (int64_t i = starts[row]; indices != NULL && i < starts[row + 1]; i++)
      CHECK(indices[i] >= (i > starts[row] ? indices[i - 1] + 1 : 0) && indices[i] < batch->classes, "class %lld",
            (long long)indices[i]);
  }
}

static void predict_random_sets(const topkloss_batch *batch) {
  int64_t *const starts = (int64_t *)(void *)(buffers[ROW_STARTS].bytes + GUARD);
  int64_t *const indices = rarely(4) ? NULL : (int64_t *)(void *)(buffers[INDICES].bytes + GUARD);
  const int64_t room = (int64_t)(buffers[INDICES].size - 2 * GUARD) / 8;
  const int64_t capacity = rarely(4) ? random_below(&state, room + 1) : rarely(20) ? -1 : room;
  const int has_rows = batch->rows >= 0 && batch->rows <= MANY_ROWS;
  topkloss_threshold threshold;
  topkloss_status status;
  double value;
  CHECK_OK(topkloss_threshold_init(&threshold, sizeof threshold));
  threshold.value = value = 77.0;
  status = topkloss_average_k_threshold(option((double)random_below(&state, 80) / 8.0), batch, &threshold);
  CHECK(status == TOPKLOSS_OK || threshold.value == value || status == TOPKLOSS_ERROR_EXECUTOR,
        "%s: the threshold was written", topkloss_status_name(status));
  CHECK(status != TOPKLOSS_OK || !isnan(threshold.value), "a threshold of NaN");
  expect_no_stray_write();

  if (rarely(3)) threshold.value = rarely(2) ? strange_number() : random_within(&state, 5.0);
  if (rarely(3)) threshold.ties = rarely(2) ? impossible_size() : random_below(&state, 50);
  if (rarely(30)) threshold.struct_size = (size_t)random_below(&state, (int64_t)sizeof threshold);
  status = topkloss_predict_sets(rarely(60) ? NULL : &threshold, (int32_t)random_below(&state, 3) - 1, batch,
                                 rarely(60) ? NULL : starts, indices, capacity);
  CHECK(status >= 0 && status < 12, "predict_sets: status %d", status);
  /* Where there is no room for the classes, how many there are is said none the less. */
  if ((status == TOPKLOSS_OK || status == TOPKLOSS_ERROR_SIZE || status == TOPKLOSS_ERROR_EXECUTOR) && has_rows)
    memset(buffers[ROW_STARTS].may_change + GUARD, 1, (size_t)(batch->rows + 1) * 8);
  if (status == TOPKLOSS_ERROR_EXECUTOR && indices != NULL && capacity > 0)
    memset(buffers[INDICES].may_change + GUARD, 1, (size_t)capacity * 8);
  if (status == TOPKLOSS_OK) {
    expect_sets(batch, starts, indices);
    if (indices != NULL) memset(buffers[INDICES].may_change + GUARD, 1, (size_t)starts[batch->rows] * 8);
  }
  expect_no_stray_write();
}

static void adjust_logits(const topkloss_batch *batch, topkloss_result *result) {
  topkloss_logit_adjust_options adjust;
  topkloss_status status;
  topkloss_logit_adjust_options_init(&adjust, sizeof adjust);
  adjust.classes = rarely(5) ? impossible_size() : batch->classes;
  adjust.class_counts = rarely(10) ? NULL : vectors;
  adjust.count_smoothing = option(0.0);
  adjust.tau = option(1.0);
  adjust.target_prior = rarely(2) ? NULL : vectors;
  result->row_values = NULL;
  /* The strides go by the options, whatever the size of the result is said to be. */
  result->struct_size = sizeof *result;
  adjust.adjusted_class_stride = result->gradient_class_stride;
  adjust.adjusted_group_stride = result->gradient_group_stride;
  status = topkloss_logit_adjust(&adjust, batch, result->gradient, result->gradient_row_stride);
  if (status == TOPKLOSS_OK || status == TOPKLOSS_ERROR_EXECUTOR) allow_output(batch, result);
  expect_no_stray_write();
}

/* With a host's threads, or without. */
static void look_at_random_batch(void) {
  const topkloss_executor executor = hostile_executor(9);
  topkloss_batch batch;
  roomy_result roomy;
  describe(&batch, &roomy, &executor);
  topkloss_set_num_threads(1 + (int32_t)random_below(&state, 3));
  measure(&batch);
  add_to_random_tally(&batch);
  predict_random_sets(&batch);
  adjust_logits(&batch, &roomy.result);
}

/* Of whatever loss: only one kind has a teacher and predicts. */
static void predict_random_classes(const topkloss_loss *loss) {
  int64_t *const predictions = (int64_t *)(void *)(buffers[INDICES].bytes + GUARD);
  const int64_t classes = rarely(10) ? impossible_size() : classes_of_loss;
  double teacher[MAX_CLASSES];
  topkloss_batch batch;
  roomy_result roomy;
  topkloss_status status;
  for (int c = 0; c < MAX_CLASSES; c++) teacher[c] = 77.0;
  status = topkloss_outlying_mse_teacher(loss, classes, rarely(30) ? NULL : teacher);
  CHECK(status >= 0 && status < 12, "outlying_mse_teacher: status %d", status);
  for (int64_t c = 0; c < MAX_CLASSES; c++)
    CHECK((status == TOPKLOSS_OK && c < classes) || teacher[c] == 77.0, "teacher %lld was written", (long long)c);

  describe(&batch, &roomy, NULL);
  status = topkloss_outlying_mse_predict(loss, &batch, enumerator(2), rarely(30) ? NULL : predictions);
  CHECK(status >= 0 && status < 12, "outlying_mse_predict: status %d", status);
  if (status == TOPKLOSS_OK) {
    for (int64_t row = 0; row < batch.rows; row++)
      CHECK(predictions[row] >= 0 && predictions[row] < batch.classes, "class %lld", (long long)predictions[row]);
    memset(buffers[INDICES].may_change + GUARD, 1, (size_t)batch.rows * 8);
  }
  expect_no_stray_write();
}

/* In a vector of its own, or in place. */
static void weigh_random_classes(void) {
  double counts[MAX_CLASSES];
  double weights[MAX_CLASSES];
  const int64_t classes = rarely(10) ? impossible_size() : random_below(&state, MAX_CLASSES + 1);
  double *const output = rarely(20) ? NULL : rarely(2) ? weights : counts;
  topkloss_status status;
  for (int c = 0; c < MAX_CLASSES; c++) {
    counts[c] = rarely(100) ? strange_number() : 1.0 + (double)random_below(&state, 1000);
    weights[c] = 77.0;
  }
  status = rarely(2) ? topkloss_inverse_frequency(classes, rarely(20) ? NULL : counts, output)
                     : topkloss_effective_number(classes, rarely(20) ? NULL : counts, option(0.999), output);
  CHECK(status >= 0 && status < 12, "class weights: status %d", status);
  for (int64_t c = 0; c < MAX_CLASSES; c++)
    CHECK((status == TOPKLOSS_OK && c < classes) || weights[c] == 77.0, "weight %lld was written", (long long)c);
  for (int64_t c = 0; status == TOPKLOSS_OK && c < classes; c++)
    CHECK(output[c] >= 0.0 && output[c] <= (double)classes * 1.000001, "weight %lld: %g", (long long)c, output[c]);
}

static void draw_random_noise(void) {
  const int64_t rows = rarely(10) ? impossible_size() : random_below(&state, FEW_ROWS);
  const int64_t samples = rarely(10) ? impossible_size() : random_below(&state, MAX_SAMPLES);
  const int64_t classes = rarely(10) ? impossible_size() : random_below(&state, MAX_CLASSES);
  float *const noise = rarely(20) ? NULL : (float *)(void *)(buffers[NOISE].bytes + GUARD);
  topkloss_status status;
  set_sizes(FEW_ROWS);
  fill_buffers(TOPKLOSS_FLOAT32, 1, 0);
  status = topkloss_standard_normal(random_word(&state), random_word(&state),
                                    rarely(9) ? -1 : random_below(&state, INT64_MAX), rows, samples,
                                    classes, noise);
  if (status == TOPKLOSS_OK)
    memset(buffers[NOISE].may_change + GUARD, 1, (size_t)(rows * samples * classes * 4));
  expect_no_stray_write();
}

#endif /* HOSTILE_FUNCTIONS_H */
