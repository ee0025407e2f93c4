/*
 * A loss against its formula: a few rows, small enough for formulas to be a few lines of double arithmetic, one of them
 * ignored, evaluated with every reduction, in float64 and in float32. Gradients are compared with differences of the
 * formula, so that a formula says nothing but the value.
 */
#ifndef COMPARE_H
#define COMPARE_H

#include "check.h"

/* Not enumerators: they meet floating-point numbers in the formulas. */
#define ROWS 5
#define CLASSES 6
#define SAMPLES 3
#define IGNORED_ROW 2

/* Scores, with nothing equal and no hinge near its corner. All are float32 numbers. */
typedef struct {
  double at[ROWS][CLASSES];
} matrix;

static const matrix logits = {{{0.5, -0.25, 0.125, 0.75, 1.25, -1.5},
                               {-0.5, 0.25, 0.375, 0.0625, -2.0, 1.125},
                               {0.875, -0.75, 0.3125, 0.625, 0.1875, 0.0},
                               {2.25, -0.875, 0.4375, 3.5, -0.0625, 0.6875},
                               {1.5, 0.8125, -1.25, -0.375, 0.5625, 4.0}}};
static const matrix multi_label_logits = {{{1.5, -2.25, 0.375, -0.75, 2.25, -3.5},
                                           {-1.5, 0.625, -0.125, 1.0, -4.0, 0.25},
                                           {0.5, -0.5, 0.75, 2.0, -1.0, 0.0},
                                           {3.25, -1.875, 0.875, 1.25, -0.5, 0.125},
                                           {-2.5, 4.5, -1.125, -0.25, 0.6875, 1.75}}};
static const int64_t labels[ROWS] = {3, 0, TOPKLOSS_IGNORE_INDEX, 1, 5};
static const double counts[CLASSES] = {500, 100, 20, 100, 4, 60};
static const double sample_weight[ROWS] = {1.0, 0.5, 4.0, 2.0, 0.75};
static const double row_upstream[ROWS] = {0.5, -1.0, 3.0, 2.0, 1.25};

/* A loss, and the formula that gives the row losses without sample weights; the ignored row's is not looked at. */
typedef struct {
  const char *name;
  topkloss_status (*create)(topkloss_reduction reduction, topkloss_loss **out);
  void (*formula)(const matrix *z, const matrix *g, double *losses);
  /* NULL: 1. */
  const double *class_weight;
  /* B x S x C, or NULL. */
  const double *noise;
  /* For a handle that knows neither labels nor reductions: every row counts, for its own sake. */
  int is_operator;
  /* What result.threshold holds before, and must hold after. */
  double threshold_before;
  double threshold_after;
} loss_case;

static int row_counts(const loss_case *item, int row) {
  return item->is_operator || row != IGNORED_ROW;
}

/* sum_i f_i v_i l_i: what a gradient is of, whatever the reduction, with the right factors f. */
static double combined(const loss_case *item, const double *factors, const matrix *z, const matrix *g) {
  double losses[ROWS];
  double sum = 0.0;
  item->formula(z, g, losses);
  for (int row = 0; row < ROWS; row++)
    if (row_counts(item, row)) sum += factors[row] * sample_weight[row] * losses[row];
  return sum;
}

/* Central differences over five points, whose error is of the fourth order. */
static double slope(const loss_case *item, const double *factors, int of_multi_label, int row, int class) {
  static const double step = 2e-4;
  static const double weights[5] = {1.0, -8.0, 0.0, 8.0, -1.0};
  double sum = 0.0;
  for (int i = 0; i < 5; i++) {
    matrix z = logits;
    matrix g = multi_label_logits;
    (of_multi_label ? &g : &z)->at[row][class] += (i - 2) * step;
    if (i != 2) sum += weights[i] * combined(item, factors, &z, &g);
  }
  return sum / (12.0 * step);
}

static void expect_gradient(const loss_case *item, const double *factors, int of_multi_label,
                            const double *gradient, double tolerance) {
  for (int row = 0; row < ROWS; row++) {
    for (int j = 0; j < CLASSES; j++) {
      const double found = gradient[row * CLASSES + j];
      const double expected = slope(item, factors, of_multi_label, row, j);
      CHECK(fabs(found - expected) <= tolerance * (1.0 + fabs(expected)),
            "%s, gradient %d [%d, %d]: %.17g, expected %.17g", item->name, of_multi_label, row, j, found,
            expected);
      CHECK(row_counts(item, row) || found == 0.0, "%s, ignored row: %g", item->name, found);
    }
  }
}

/* Numbers as the batch has them: float64 or float32. */
static void narrow(const double *numbers, int count, float *narrowed) {
  for (int i = 0; i < count; i++) narrowed[i] = (float)numbers[i];
}

static void widen(const float *numbers, int count, double *widened) {
  for (int i = 0; i < count; i++) widened[i] = (double)numbers[i];
}

typedef struct {
  topkloss_result result;
  double row_values[ROWS];
  double gradient[ROWS * CLASSES];
  double multi_label_gradient[ROWS * CLASSES];
} answer;

static void evaluate_case(const loss_case *item, topkloss_loss *loss, topkloss_dtype dtype,
                          const double *upstream, answer *found) {
  float narrow_logits[ROWS * CLASSES];
  float narrow_multi_label[ROWS * CLASSES];
  float narrow_noise[ROWS * SAMPLES * CLASSES];
  float narrow_gradient[2][ROWS * CLASSES];
  float narrow_values[ROWS];
  const int is_narrow = dtype == TOPKLOSS_FLOAT32;
  topkloss_batch batch;
  memset(found, 0, sizeof *found);
  memset(narrow_gradient, 0, sizeof narrow_gradient);
  narrow(logits.at[0], ROWS * CLASSES, narrow_logits);
  narrow(multi_label_logits.at[0], ROWS * CLASSES, narrow_multi_label);
  CHECK_OK(topkloss_batch_init(&batch, sizeof batch));
  batch.rows = ROWS;
  batch.classes = CLASSES;
  batch.dtype = dtype;
  batch.labels = item->is_operator ? NULL : labels;
  batch.sample_weight = sample_weight;
  batch.upstream = upstream;
  batch.logits = is_narrow ? (const void *)narrow_logits : (const void *)&logits;
  batch.multi_label_logits = is_narrow ? (const void *)narrow_multi_label : (const void *)&multi_label_logits;
  if (item->noise != NULL) {
    narrow(item->noise, ROWS * SAMPLES * CLASSES, narrow_noise);
    batch.noise = is_narrow ? (const void *)narrow_noise : (const void *)item->noise;
  }
  CHECK_OK(topkloss_result_init(&found->result, sizeof found->result));
  found->result.threshold = item->threshold_before;
  found->result.row_values = is_narrow ? (void *)narrow_values : (void *)found->row_values;
  found->result.gradient = is_narrow ? (void *)narrow_gradient[0] : (void *)found->gradient;
  found->result.multi_label_gradient =
      is_narrow ? (void *)narrow_gradient[1] : (void *)found->multi_label_gradient;
  CHECK_OK(topkloss_evaluate(loss, &batch, &found->result));
  if (!is_narrow) return;
  widen(narrow_values, ROWS, found->row_values);
  widen(narrow_gradient[0], ROWS * CLASSES, found->gradient);
  widen(narrow_gradient[1], ROWS * CLASSES, found->multi_label_gradient);
}

static void compare_with(const loss_case *item, topkloss_reduction reduction, topkloss_dtype dtype) {
  const double tolerance = dtype == TOPKLOSS_FLOAT64 ? 1e-12 : 3e-6;
  /* The noise and the steepest members of a family cost differences some digits. */
  const double gradient_tolerance = dtype == TOPKLOSS_FLOAT64 ? 2e-9 : 3e-5;
  const double *const upstream =
      reduction == TOPKLOSS_NONE || item->is_operator ? row_upstream : &row_upstream[3];
  double losses[ROWS];
  double factors[ROWS];
  double total_weight = 0.0;
  double expected = 0.0;
  answer found;
  topkloss_loss *loss = NULL;
  CHECK_OK(item->create(reduction, &loss));
  if (loss == NULL) return;
  evaluate_case(item, loss, dtype, upstream, &found);
  topkloss_loss_destroy(loss);

  item->formula(&logits, &multi_label_logits, losses);
  for (int row = 0; row < ROWS; row++) {
    const double value = row_counts(item, row) ? sample_weight[row] * losses[row] : 0.0;
    expected += value;
    CHECK(fabs(found.row_values[row] - value) <= tolerance * (1.0 + fabs(value)),
          "%s, row %d: %.17g, expected %.17g", item->name, row, found.row_values[row], value);
    if (row_counts(item, row) && !item->is_operator)
      total_weight += sample_weight[row] * (item->class_weight == NULL ? 1.0 : item->class_weight[labels[row]]);
  }
  for (int row = 0; row < ROWS; row++) {
    factors[row] = upstream == row_upstream ? row_upstream[row] : upstream[0];
    if (reduction == TOPKLOSS_MEAN && !item->is_operator) factors[row] /= total_weight;
  }
  if (reduction == TOPKLOSS_MEAN && !item->is_operator) expected /= total_weight;
  CHECK(fabs(found.result.value - expected) <= tolerance * (1.0 + fabs(expected)),
        "%s, reduction %d: %.17g, expected %.17g", item->name, reduction, found.result.value, expected);
  CHECK(item->is_operator || fabs(found.result.total_weight - total_weight) < 1e-12 * total_weight,
        "%s: %.17g, expected %.17g", item->name, found.result.total_weight, total_weight);
  CHECK(fabs(found.result.threshold - item->threshold_after) <= tolerance, "%s: threshold %.17g, expected %.17g",
        item->name, found.result.threshold, item->threshold_after);
  expect_gradient(item, factors, 0, found.gradient, gradient_tolerance);
  expect_gradient(item, factors, 1, found.multi_label_gradient, gradient_tolerance);
}

static void compare(const loss_case *item) {
  for (topkloss_reduction reduction = TOPKLOSS_MEAN; reduction <= TOPKLOSS_NONE; reduction++) {
    compare_with(item, reduction, TOPKLOSS_FLOAT64);
    compare_with(item, reduction, TOPKLOSS_FLOAT32);
  }
}

#endif /* COMPARE_H */
