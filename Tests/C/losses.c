/*
 * A C99 program as somebody would write it: every loss once, on rows small enough that the formulas fit in a few lines
 * of double arithmetic below.
 */
#include <float.h>
#include <stdlib.h>

#include "check.h"

#define ROWS 3
#define CLASSES 4
#define SAMPLES 2
#define TOP 1

static const double logits[ROWS][CLASSES] = {
    {0.5, -0.25, 0.125, 0.75}, {-0.5, 0.25, 0.375, 0.0}, {0.875, -0.75, 0.25, 0.625}};
static const int64_t labels[ROWS] = {3, 0, 2};
static const double counts[CLASSES] = {500, 100, 20, 4};
static const double noise[ROWS][SAMPLES][CLASSES] = {
    {{0.1, 0.2, -0.3, 0.4}, {-1.0, 0.5, 0.0, 0.25}},
    {{1.5, -0.5, 0.25, 0.0}, {0.3, -0.1, 0.7, -0.2}},
    {{0.0, 0.0, 0.0, 0.0}, {2.0, -2.0, 1.0, -1.0}}};

/* -log softmax(u)_y and its gradient with respect to u. */
static double cross_entropy(const double *u, int64_t y, double *gradient) {
  double peak = -DBL_MAX;
  double sum = 0.0;
  for (int j = 0; j < CLASSES; j++) peak = u[j] > peak ? u[j] : peak;
  for (int j = 0; j < CLASSES; j++) sum += exp(u[j] - peak);
  for (int j = 0; j < CLASSES; j++) gradient[j] = exp(u[j] - peak) / sum - (j == y ? 1.0 : 0.0);
  return log(sum) + peak - u[y];
}

static double margin_of(int64_t c, double max_margin) {
  double largest = 0.0;
  for (int j = 0; j < CLASSES; j++) largest = fmax(largest, pow(counts[j], -0.25));
  return max_margin * pow(counts[c], -0.25) / largest;
}

static double plain_row(const double *z, int row, double *gradient) {
  return cross_entropy(z, labels[row], gradient);
}

static double logit_adjusted_row(const double *z, int row, double *gradient) {
  double u[CLASSES];
  double total = 0.0;
  for (int j = 0; j < CLASSES; j++) total += counts[j];
  for (int j = 0; j < CLASSES; j++) u[j] = z[j] + log(counts[j] / total);
  return cross_entropy(u, labels[row], gradient);
}

static double margin_row(const double *z, int row, double lam, double *gradient) {
  const int64_t y = labels[row];
  double u[CLASSES];
  int64_t rival = y == 0 ? 1 : 0;
  double value;
  for (int j = 0; j < CLASSES; j++) {
    if (j != y && z[j] > z[rival]) rival = j;
  }
  for (int j = 0; j < CLASSES; j++) {
    u[j] = 30.0 * (z[j] - (j == y ? margin_of(y, 0.5) - lam * margin_of(rival, 0.5) : 0.0));
  }
  value = cross_entropy(u, y, gradient);
  for (int j = 0; j < CLASSES; j++) gradient[j] *= 30.0;
  return value;
}

static double ldam_row(const double *z, int row, double *gradient) {
  return margin_row(z, row, 0.0, gradient);
}

static double elm_row(const double *z, int row, double *gradient) {
  return margin_row(z, row, 1.0, gradient);
}

/* K = 1: the second largest of each sample. */
static double noised_topk_row(const double *z, int row, double *gradient) {
  double threshold = 0.0;
  double hinge;
  for (int j = 0; j < CLASSES; j++) gradient[j] = 0.0;
  for (int s = 0; s < SAMPLES; s++) {
    double score[CLASSES];
    int second = -1;
    for (int j = 0; j < CLASSES; j++) score[j] = z[j] + 0.5 * noise[row][s][j];
    for (int j = 0; j < CLASSES; j++) {
      int above = 0;
      for (int i = 0; i < CLASSES; i++) above += score[i] > score[j];
      if (above == TOP) second = j;
    }
    threshold += score[second] / SAMPLES;
    gradient[second] += 1.0 / SAMPLES;
  }
  gradient[labels[row]] -= 1.0;
  hinge = 1.0 + threshold - z[labels[row]];
  if (hinge <= 0.0) {
    for (int j = 0; j < CLASSES; j++) gradient[j] = 0.0;
    return 0.0;
  }
  return hinge;
}

typedef double (*row_formula)(const double *z, int row, double *gradient);

/* Evaluates a handle with the reduction mean and compares with the formula. Takes the handle over. */
static void compare(const char *name, topkloss_loss *loss, row_formula formula) {
  double gradient[ROWS][CLASSES];
  double row_values[ROWS];
  double expected = 0.0;
  topkloss_batch batch;
  topkloss_result result;
  CHECK_OK(topkloss_batch_init(&batch, sizeof batch));
  batch.rows = ROWS;
  batch.classes = CLASSES;
  batch.dtype = TOPKLOSS_FLOAT64;
  batch.logits = logits;
  batch.labels = labels;
  batch.noise = noise;
  CHECK_OK(topkloss_result_init(&result, sizeof result));
  result.gradient = gradient;
  result.row_values = row_values;
  CHECK_OK(topkloss_evaluate(loss, &batch, &result));

  for (int row = 0; row < ROWS; row++) {
    double slope[CLASSES];
    const double value = formula(logits[row], row, slope);
    expected += value / ROWS;
    CHECK(fabs(row_values[row] - value) < 1e-12, "%s, row %d: %.17g, expected %.17g", name, row,
          row_values[row], value);
    for (int j = 0; j < CLASSES; j++) {
      CHECK(fabs(gradient[row][j] - slope[j] / ROWS) < 1e-12,
            "%s, gradient [%d, %d]: %.17g, expected %.17g", name, row, j, gradient[row][j],
            slope[j] / ROWS);
    }
  }
  CHECK(fabs(result.value - expected) < 1e-12, "%s: %.17g, expected %.17g", name, result.value,
        expected);
  CHECK(result.total_weight == (double)ROWS, "%s: %g", name, result.total_weight);
  topkloss_loss_destroy(loss);
}

static void losses(void) {
  topkloss_loss *loss = NULL;
  topkloss_logit_adjusted_options adjusted;
  topkloss_ldam_options ldam;
  topkloss_elm_options elm;
  topkloss_noised_topk_options noised;

  CHECK_OK(topkloss_cross_entropy_create(NULL, &loss));
  compare("cross_entropy", loss, plain_row);

  CHECK_OK(topkloss_logit_adjusted_options_init(&adjusted, sizeof adjusted));
  adjusted.classes = CLASSES;
  adjusted.class_counts = counts;
  CHECK_OK(topkloss_logit_adjusted_create(&adjusted, &loss));
  compare("logit_adjusted", loss, logit_adjusted_row);

  CHECK_OK(topkloss_ldam_options_init(&ldam, sizeof ldam));
  ldam.classes = CLASSES;
  ldam.class_counts = counts;
  CHECK_OK(topkloss_ldam_create(&ldam, &loss));
  compare("ldam", loss, ldam_row);

  CHECK_OK(topkloss_elm_options_init(&elm, sizeof elm));
  elm.classes = CLASSES;
  elm.class_counts = counts;
  CHECK_OK(topkloss_elm_create(&elm, &loss));
  compare("elm", loss, elm_row);

  CHECK_OK(topkloss_noised_topk_options_init(&noised, sizeof noised));
  noised.k = TOP;
  noised.n_samples = SAMPLES;
  noised.epsilon = 0.5;
  CHECK_OK(topkloss_noised_topk_create(&noised, &loss));
  compare("noised_topk", loss, noised_topk_row);
}

static void after_training(void) {
  double adjusted[ROWS][CLASSES];
  double accuracy = -1.0;
  topkloss_batch batch;
  topkloss_logit_adjust_options options;
  CHECK_OK(topkloss_batch_init(&batch, sizeof batch));
  batch.rows = ROWS;
  batch.classes = CLASSES;
  batch.dtype = TOPKLOSS_FLOAT64;
  batch.logits = logits;
  batch.labels = labels;
  CHECK_OK(topkloss_logit_adjust_options_init(&options, sizeof options));
  options.classes = CLASSES;
  options.class_counts = counts;
  CHECK_OK(topkloss_logit_adjust(&options, &batch, adjusted, 0));
  for (int row = 0; row < ROWS; row++) {
    for (int j = 0; j < CLASSES; j++) {
      const double expected = logits[row][j] - log(counts[j] / 624.0);
      CHECK(fabs(adjusted[row][j] - expected) < 1e-12, "[%d, %d]: %.17g, expected %.17g", row, j,
            adjusted[row][j], expected);
    }
  }
  /* Only the first row has its label on top. */
  CHECK_OK(topkloss_topk_accuracy(NULL, &batch, &accuracy));
  CHECK(fabs(accuracy - 1.0 / 3.0) < 1e-15, "%.17g", accuracy);
}

int main(void) {
  losses();
  after_training();
  return check_summary();
}
