/*
 * Sets of K classes on average, against plain loops: the threshold that keeps as many, the sets, the accuracy.
 */
#include "scores.h"

/* The pairs of the rows that count, the highest first, of equal ones the first by row, then by class. */
static int order_pairs(int only_labelled, int *order) {
  int number = 0;
  for (int pair = 0; pair < PAIRS; pair++) {
    const float score = scores[pair / CLASSES][pair % CLASSES];
    int place = number;
    if (only_labelled && labels[pair / CLASSES] < 0) continue;
    for (; place > 0; place--) {
      const int other = order[place - 1];
      if (!is_above(score, scores[other / CLASSES][other % CLASSES])) break;
      order[place] = other;
    }
    order[place] = pair;
    number++;
  }
  return number;
}

/* Marks the round(B K) highest pairs, none of them NaN; returns how many those are. */
static int keep_pairs(double k, int only_labelled, int *order, int *kept) {
  const int number = order_pairs(only_labelled, order);
  const int wanted = (int)nearbyint(number / CLASSES * k);
  int taken = 0;
  memset(kept, 0, sizeof(int) * PAIRS);
  for (; taken < wanted; taken++) {
    if (isnan(scores[order[taken] / CLASSES][order[taken] % CLASSES])) break;
    kept[order[taken]] = 1;
  }
  return taken;
}

static void average_k_accuracies(topkloss_average average, double k) {
  const topkloss_batch batch = describe();
  int order[PAIRS];
  int kept[PAIRS];
  int hits[ROWS] = {0};
  int all[CLASSES];
  double found = -1.0;
  topkloss_average_k_accuracy_options options;
  keep_pairs(k, 1, order, kept);
  for (int c = 0; c < CLASSES; c++) all[c] = 1;
  for (int row = 0; row < ROWS; row++)
    if (labels[row] >= 0) hits[row] = kept[row * CLASSES + labels[row]];
  CHECK_OK(topkloss_average_k_accuracy_options_init(&options, sizeof options));
  options.k = k;
  options.average = average;
  CHECK_OK(topkloss_average_k_accuracy(&options, &batch, &found));
  expect_close("average-K accuracy", found, accuracy_of(hits, average, all));
}

/* The best class of a row whose set is empty; -1 if there is none. */
static int best_of(int row) {
  int best = -1;
  for (int j = 0; j < CLASSES; j++)
    if (!isnan(scores[row][j]) && (best < 0 || scores[row][j] > scores[row][best])) best = j;
  return best;
}

static void expect_sets(const topkloss_threshold *threshold, int never_empty, const int *kept) {
  const topkloss_batch batch = describe();
  int64_t indptr[ROWS + 1];
  int64_t indices[PAIRS + 1];
  int64_t number = 0;
  CHECK_OK(topkloss_predict_sets(threshold, never_empty, &batch, indptr, NULL, 0));
  memset(indices, 0x5A, sizeof indices);
  if (indptr[ROWS] > 0) {
    CHECK(topkloss_predict_sets(threshold, never_empty, &batch, indptr, indices, indptr[ROWS] - 1) ==
              TOPKLOSS_ERROR_SIZE,
          "room for one class less is enough");
    CHECK(indices[0] == INT64_C(0x5A5A5A5A5A5A5A5A), "classes were written where there is no room");
  }
  CHECK_OK(topkloss_predict_sets(threshold, never_empty, &batch, indptr, indices, indptr[ROWS]));
  for (int row = 0; row < ROWS; row++) {
    const int64_t first = number;
    CHECK(indptr[row] == number, "row %d begins at %lld, not %lld", row, (long long)indptr[row],
          (long long)number);
    for (int j = 0; j < CLASSES; j++)
      if (kept[row * CLASSES + j]) CHECK(indices[number++] == j, "row %d lacks class %d", row, j);
    if (never_empty && number == first && best_of(row) >= 0)
      CHECK(indices[number++] == best_of(row), "row %d lacks its best class", row);
  }
  CHECK(indptr[ROWS] == number, "%lld classes, not %lld", (long long)indptr[ROWS], (long long)number);
  CHECK(indices[number] == INT64_C(0x5A5A5A5A5A5A5A5A), "a class too many was written");
}

static void thresholds(double k) {
  const topkloss_batch batch = describe();
  int order[PAIRS];
  int kept[PAIRS];
  const int taken = keep_pairs(k, 0, order, kept);
  double expected = INFINITY;
  topkloss_threshold threshold;
  CHECK_OK(topkloss_threshold_init(&threshold, sizeof threshold));
  CHECK(threshold.value == 0.0 && threshold.ties == -1, "%g, %lld", threshold.value, (long long)threshold.ties);
  CHECK_OK(topkloss_average_k_threshold(k, &batch, &threshold));
  if (taken > 0) {
    const double last = (double)scores[order[taken - 1] / CLASSES][order[taken - 1] % CLASSES];
    const double next = (double)scores[order[taken] / CLASSES][order[taken] % CLASSES];
    expected = (last + next) / 2.0;
    /* Whoever keeps all scores that are any has no next one. */
    if (isnan(next)) expected = threshold.value;
  }
  CHECK(threshold.value == expected, "K = %g: %.17g, expected %.17g", k, threshold.value, expected);
  expect_sets(&threshold, 0, kept);
  expect_sets(&threshold, 1, kept);
}

/* A threshold of the caller's own: all that equal it, or only so many. */
static void own_thresholds(int64_t ties) {
  int kept[PAIRS];
  int64_t left = ties;
  topkloss_threshold threshold;
  CHECK_OK(topkloss_threshold_init(&threshold, sizeof threshold));
  threshold.value = 0.5;
  threshold.ties = ties;
  for (int pair = 0; pair < PAIRS; pair++) {
    const float score = scores[pair / CLASSES][pair % CLASSES];
    kept[pair] = score > 0.5F || (score == 0.5F && (ties < 0 || left-- > 0));
  }
  expect_sets(&threshold, 0, kept);
  expect_sets(&threshold, 1, kept);
}

int main(void) {
  make_scores();
  for (topkloss_average average = TOPKLOSS_MICRO; average <= TOPKLOSS_MACRO; average++)
    for (int k = 1; k < 8 * CLASSES; k++) average_k_accuracies(average, k / 8.0);
  for (int k = 1; k < 8 * CLASSES; k++) thresholds(k / 8.0);
  thresholds(0.001);
  for (int64_t ties = -1; ties < 10; ties++) own_thresholds(ties);
  return check_summary();
}
