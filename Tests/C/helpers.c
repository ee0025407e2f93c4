/*
 * What stands around the losses, against plain loops: accuracies, post-hoc adjustment, predictions, class weights.
 */
#include "scores.h"

static const double counts[CLASSES] = {300, 150, 100, 60, 20, 20, 19, 5, 1};

/*
 * Whether the label is among the k highest scores of its row, the lower index first among equals. NaN is among none
 * that leave a class out.
 */
static int is_hit(int row, int k) {
  int before = 0;
  if (isnan(scores[row][labels[row]])) return k >= CLASSES;
  for (int j = 0; j < CLASSES; j++) {
    const float score = scores[row][j];
    const float own = scores[row][labels[row]];
    before += is_above(score, own) || (j < labels[row] && is_level(score, own));
  }
  return before < k;
}

static void accuracies(topkloss_average average, int k) {
  const topkloss_batch batch = describe();
  int hits[ROWS];
  int groups[4][CLASSES];
  double found[3] = {-1.0, -1.0, -1.0};
  topkloss_topk_accuracy_options plain;
  topkloss_shot_accuracy_options shots;
  for (int row = 0; row < ROWS; row++) hits[row] = labels[row] >= 0 && is_hit(row, k);
  for (int c = 0; c < CLASSES; c++) {
    groups[0][c] = counts[c] > 100.0;
    groups[2][c] = counts[c] < 20.0;
    groups[1][c] = !groups[0][c] && !groups[2][c];
    groups[3][c] = 1;
  }
  CHECK_OK(topkloss_topk_accuracy_options_init(&plain, sizeof plain));
  plain.k = k;
  plain.average = average;
  CHECK_OK(topkloss_topk_accuracy(&plain, &batch, found));
  expect_close("top-K accuracy", found[0], accuracy_of(hits, average, groups[3]));

  CHECK_OK(topkloss_shot_accuracy_options_init(&shots, sizeof shots));
  shots.classes = CLASSES;
  shots.class_counts = counts;
  shots.k = k;
  shots.average = average;
  CHECK_OK(topkloss_shot_accuracy(&shots, &batch, found));
  expect_close("many-shot accuracy", found[0], accuracy_of(hits, average, groups[0]));
  expect_close("medium-shot accuracy", found[1], accuracy_of(hits, average, groups[1]));
  expect_close("few-shot accuracy", found[2], accuracy_of(hits, average, groups[2]));

  /* No class has fewer than no examples. */
  shots.few = 0.0;
  CHECK_OK(topkloss_shot_accuracy(&shots, &batch, found));
  CHECK(isnan(found[2]), "few-shot accuracy of nothing: %g", found[2]);
}

/* ---- after training, and weights before it */

static void adjustment(void) {
  const topkloss_batch batch = describe();
  float adjusted[ROWS][CLASSES];
  topkloss_logit_adjust_options options;
  CHECK_OK(topkloss_logit_adjust_options_init(&options, sizeof options));
  options.classes = CLASSES;
  options.class_counts = counts;
  options.tau = 1.5;
  CHECK_OK(topkloss_logit_adjust(&options, &batch, adjusted, 0));
  for (int row = 0; row < ROWS; row++) {
    for (int j = 0; j < CLASSES; j++) {
      const double expected = (double)scores[row][j] - 1.5 * log(counts[j] / 675.0);
      CHECK(fabs((double)adjusted[row][j] - expected) < 1e-5 || isnan(expected), "[%d, %d]: %.9g, not %.9g", row,
            j, (double)adjusted[row][j], expected);
    }
  }
}

static void predictions(topkloss_prediction_rule rule) {
  const topkloss_batch batch = describe();
  int64_t found[ROWS];
  double teacher[CLASSES];
  topkloss_outlying_mse_options options;
  topkloss_loss *loss = NULL;
  CHECK_OK(topkloss_outlying_mse_options_init(&options, sizeof options));
  options.classes = CLASSES;
  options.class_counts = counts;
  options.alpha = 0.25;
  CHECK_OK(topkloss_outlying_mse_create(&options, &loss));
  CHECK_OK(topkloss_outlying_mse_teacher(loss, CLASSES, teacher));
  CHECK_OK(topkloss_outlying_mse_predict(loss, &batch, rule, found));
  for (int row = 0; row < ROWS; row++) {
    double best = NAN;
    int64_t expected = 0;
    for (int j = 0; j < CLASSES; j++) {
      const double z = (double)scores[row][j];
      const double score = rule == TOPKLOSS_ARGMAX ? z : teacher[j] * (2.0 * z - teacher[j]);
      if (score > best || (isnan(best) && !isnan(score))) {
        best = score;
        expected = j;
      }
    }
    CHECK(found[row] == expected, "rule %d, row %d: %lld, expected %lld", rule, row, (long long)found[row],
          (long long)expected);
  }
  topkloss_loss_destroy(loss);
}

static void class_weights(void) {
  double inverse[CLASSES];
  double effective[CLASSES];
  double inverse_sum = 0.0;
  double effective_sum = 0.0;
  CHECK_OK(topkloss_inverse_frequency(CLASSES, counts, inverse));
  /* In place. */
  memcpy(effective, counts, sizeof effective);
  CHECK_OK(topkloss_effective_number(CLASSES, effective, 0.99, effective));
  for (int c = 0; c < CLASSES; c++) {
    inverse_sum += 1.0 / counts[c];
    effective_sum += 0.01 / (1.0 - pow(0.99, counts[c]));
  }
  for (int c = 0; c < CLASSES; c++) {
    const double number = 0.01 / (1.0 - pow(0.99, counts[c]));
    CHECK(fabs(inverse[c] - CLASSES / counts[c] / inverse_sum) < 1e-13, "class %d: %.17g", c, inverse[c]);
    CHECK(fabs(effective[c] - CLASSES * number / effective_sum) < 1e-12, "class %d: %.17g", c, effective[c]);
  }
}

int main(void) {
  make_scores();
  for (topkloss_average average = TOPKLOSS_MICRO; average <= TOPKLOSS_MACRO; average++)
    for (int k = 1; k <= CLASSES + 1; k++) accuracies(average, k);
  adjustment();
  predictions(TOPKLOSS_ARGMAX);
  predictions(TOPKLOSS_NEAREST_TEACHER);
  class_weights();
  return check_summary();
}
