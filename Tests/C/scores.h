/*
 * Scores to predict from, with ties, NaN and rows to leave out, and accuracies of them by plain loops.
 */
#ifndef SCORES_H
#define SCORES_H

#include "check.h"

/* Not enumerators: they meet floating-point numbers in the formulas. */
#define ROWS 41
#define CLASSES 9
#define PAIRS (ROWS * CLASSES)

static float scores[ROWS][CLASSES];
static int32_t labels[ROWS];

static inline void make_scores(void) {
  uint64_t state = 11;
  for (int row = 0; row < ROWS; row++) {
    labels[row] = row % 7 == 3 ? TOPKLOSS_IGNORE_INDEX : (int32_t)random_below(&state, CLASSES);
    /* Quarters, so that many are equal. */
    for (int j = 0; j < CLASSES; j++)
      scores[row][j] = random_below(&state, 30) == 0 ? NAN : (float)(rint(random_within(&state, 8.0)) / 4.0);
  }
  for (int j = 0; j < CLASSES; j++) scores[20][j] = NAN;
}

static inline topkloss_batch describe(void) {
  topkloss_batch batch;
  CHECK_OK(topkloss_batch_init(&batch, sizeof batch));
  batch.rows = ROWS;
  batch.classes = CLASSES;
  batch.label_type = TOPKLOSS_INT32;
  batch.logits = scores;
  batch.labels = labels;
  return batch;
}

/* Whether a score ranks above another; NaN ranks below everything. */
static inline int is_above(float a, float b) { return a > b || (isnan(b) && !isnan(a)); }

static inline int is_level(float a, float b) { return !is_above(a, b) && !is_above(b, a); }

/* Over rows, or over classes of each class's own, of rows that are not left out and whose class is in the group. */
static inline double accuracy_of(const int *hits, topkloss_average average, const int *group) {
  double sum = 0.0;
  double number = 0.0;
  for (int c = 0; c < CLASSES; c++) {
    double right = 0.0;
    double all = 0.0;
    for (int row = 0; row < ROWS; row++) {
      if (labels[row] != c || !group[c]) continue;
      right += hits[row];
      all += 1.0;
    }
    if (all == 0.0) continue;
    sum += average == TOPKLOSS_MICRO ? right : right / all;
    number += average == TOPKLOSS_MICRO ? all : 1.0;
  }
  return number == 0.0 ? NAN : sum / number;
}

static inline void expect_close(const char *what, double found, double expected) {
  CHECK(fabs(found - expected) <= 1e-14 * fabs(expected) || (isnan(found) && isnan(expected)),
        "%s: %.17g, expected %.17g", what, found, expected);
}

#endif /* SCORES_H */
