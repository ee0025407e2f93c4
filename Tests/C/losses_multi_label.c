/*
 * Mean squared error with outlying label, the two-head average-K loss and the single-positive losses against their
 * formulas; candidates by ranking every pair of a row and a class.
 */
#include "compare.h"

/* ---- mean squared error with outlying label */

static const double teacher[CLASSES] = {1.0, -2.0, 3.5, 0.5, 6.0, 2.25};

static topkloss_status create_mse(topkloss_reduction reduction, topkloss_loss **out) {
  topkloss_outlying_mse_options options;
  CHECK_OK(topkloss_outlying_mse_options_init(&options, sizeof options));
  options.reduction = reduction;
  options.classes = CLASSES;
  options.class_counts = counts;
  options.alpha = 0.5;
  return topkloss_outlying_mse_create(&options, out);
}

static void squares(const matrix *z, const double *t, double *losses) {
  for (int row = 0; row < ROWS; row++) {
    losses[row] = 0.0;
    for (int j = 0; j < CLASSES; j++) {
      const double distance = z->at[row][j] - (j == labels[row] ? t[j] : 0.0);
      losses[row] += distance * distance / CLASSES;
    }
  }
}

/* The rank by decreasing count, of equal counts the lower index first. */
static double rank_of(int class) {
  double rank = 1.0;
  for (int j = 0; j < CLASSES; j++)
    if (counts[j] > counts[class] || (counts[j] == counts[class] && j < class)) rank += 1.0;
  return rank;
}

static void mse(const matrix *z, const matrix *g, double *losses) {
  double t[CLASSES];
  (void)g;
  for (int j = 0; j < CLASSES; j++) t[j] = 0.5 * rank_of(j);
  squares(z, t, losses);
}

static topkloss_status create_taught(topkloss_reduction reduction, topkloss_loss **out) {
  topkloss_outlying_mse_options options;
  CHECK_OK(topkloss_outlying_mse_options_init(&options, sizeof options));
  options.reduction = reduction;
  options.classes = CLASSES;
  options.teacher = teacher;
  return topkloss_outlying_mse_create(&options, out);
}

static void taught(const matrix *z, const matrix *g, double *losses) {
  (void)g;
  squares(z, teacher, losses);
}

static void teacher_of_a_handle(void) {
  double found[CLASSES];
  topkloss_loss *loss = NULL;
  CHECK_OK(create_mse(TOPKLOSS_MEAN, &loss));
  CHECK_OK(topkloss_outlying_mse_teacher(loss, CLASSES, found));
  for (int j = 0; j < CLASSES; j++)
    CHECK(found[j] == 0.5 * rank_of(j), "class %d: %g, expected %g", j, found[j], 0.5 * rank_of(j));
  topkloss_loss_destroy(loss);
}

/* ---- two heads */

static const double candidates_per_row = 1.85;

/* What the moving average had before, and the share that it keeps. */
static const double before = 0.5;
static const double decay = 0.75;

static topkloss_status create_two_head(topkloss_reduction reduction, topkloss_loss **out) {
  topkloss_two_head_average_k_options options;
  CHECK_OK(topkloss_two_head_average_k_options_init(&options, sizeof options));
  options.reduction = reduction;
  options.k = candidates_per_row;
  options.candidate_weight = 0.5;
  options.multi_label_weight = 2.0;
  return topkloss_two_head_average_k_create(&options, out);
}

static topkloss_status create_moving(topkloss_reduction reduction, topkloss_loss **out) {
  topkloss_two_head_average_k_options options;
  CHECK_OK(topkloss_two_head_average_k_options_init(&options, sizeof options));
  options.reduction = reduction;
  options.k = candidates_per_row;
  options.class_reduction = TOPKLOSS_CLASS_MEAN;
  options.threshold_decay = decay;
  return topkloss_two_head_average_k_create(&options, out);
}

static double probability(const double *z, int class) {
  double sum = 0.0;
  for (int j = 0; j < CLASSES; j++) sum += exp(z[j] - z[class]);
  return 1.0 / sum;
}

/* How many pairs of a row that counts and a class come before this one: more probable, or as probable and earlier. */
static int place_of(const matrix *z, int row, int class) {
  const double p = probability(z->at[row], class);
  int place = 0;
  for (int i = 0; i < ROWS; i++) {
    for (int j = 0; j < CLASSES && i != IGNORED_ROW; j++) {
      const double q = probability(z->at[i], j);
      place += q > p || (q == p && i * CLASSES + j < row * CLASSES + class);
    }
  }
  return place;
}

static double threshold_of(const matrix *z) {
  const int kept = (int)nearbyint((ROWS - 1) * candidates_per_row);
  double sum = 0.0;
  for (int row = 0; row < ROWS; row++) {
    for (int j = 0; j < CLASSES && row != IGNORED_ROW; j++) {
      const int place = place_of(z, row, j);
      if (place == kept - 1 || place == kept) sum += probability(z->at[row], j);
    }
  }
  return sum / 2.0;
}

static double binary_cross_entropy(double g, int target) { return log1p(exp(target ? -g : g)); }

/* Candidates are those of the unchanged scores: constants in the gradient. */
static void two_heads(const matrix *z, const matrix *g, double threshold, double weight, double factor,
                      double *losses) {
  for (int row = 0; row < ROWS; row++) {
    const int64_t y = labels[row];
    if (row == IGNORED_ROW) continue;
    losses[row] = -log(probability(z->at[row], (int)y));
    for (int j = 0; j < CLASSES; j++) {
      const int is_candidate = probability(logits.at[row], j) >= threshold;
      const double omega = is_candidate && j != y ? weight : 1.0;
      losses[row] += factor * omega * binary_cross_entropy(g->at[row][j], is_candidate || j == y);
    }
  }
}

static void two_head(const matrix *z, const matrix *g, double *losses) {
  two_heads(z, g, threshold_of(&logits), 0.5, 2.0, losses);
}

static void moving(const matrix *z, const matrix *g, double *losses) {
  const double threshold = decay * before + (1.0 - decay) * threshold_of(&logits);
  two_heads(z, g, threshold, 1.0, 1.0 / CLASSES, losses);
}

/* All probabilities alike: the candidates are the first, by row and then by class, and exactly as many. */
static void ties_of_two_heads(void) {
  static const double even[4][3] = {{0.0}};
  static const int64_t classes[4] = {2, 2, 2, 2};
  double gradient[4][3];
  topkloss_two_head_average_k_options options;
  topkloss_loss *loss = NULL;
  topkloss_batch batch;
  topkloss_result result;
  CHECK_OK(topkloss_two_head_average_k_options_init(&options, sizeof options));
  /* 4 x 1.125 = 4.5 pairs: to the even 4. */
  options.k = 1.125;
  options.reduction = TOPKLOSS_SUM;
  CHECK_OK(topkloss_two_head_average_k_create(&options, &loss));
  CHECK_OK(topkloss_batch_init(&batch, sizeof batch));
  CHECK_OK(topkloss_result_init(&result, sizeof result));
  batch.rows = 4;
  batch.classes = 3;
  batch.dtype = TOPKLOSS_FLOAT64;
  batch.logits = even;
  batch.multi_label_logits = even;
  batch.labels = classes;
  result.multi_label_gradient = gradient;
  CHECK_OK(topkloss_evaluate(loss, &batch, &result));
  CHECK(fabs(result.threshold - 1.0 / 3.0) < 1e-15, "%.17g", result.threshold);
  for (int row = 0; row < 4; row++) {
    for (int j = 0; j < 3; j++) {
      const int is_target = row * 3 + j < 4 || j == 2;
      CHECK(gradient[row][j] == (is_target ? -0.5 : 0.5), "[%d, %d]: %g", row, j, gradient[row][j]);
    }
  }
  topkloss_loss_destroy(loss);
}

/* ---- one positive label */

static topkloss_status create_single(topkloss_single_positive_method method, topkloss_reduction reduction,
                                     topkloss_loss **out) {
  topkloss_single_positive_options options;
  CHECK_OK(topkloss_single_positive_options_init(&options, sizeof options));
  options.reduction = reduction;
  options.method = method;
  if (method == TOPKLOSS_EXPECTED_POSITIVE) {
    options.expected_positives = 1.5;
    options.regularization = 3.0;
  }
  return topkloss_single_positive_create(&options, out);
}

static topkloss_status create_negative(topkloss_reduction reduction, topkloss_loss **out) {
  return create_single(TOPKLOSS_ASSUME_NEGATIVE, reduction, out);
}

static topkloss_status create_weak(topkloss_reduction reduction, topkloss_loss **out) {
  return create_single(TOPKLOSS_WEAK_ASSUME_NEGATIVE, reduction, out);
}

static topkloss_status create_expected(topkloss_reduction reduction, topkloss_loss **out) {
  return create_single(TOPKLOSS_EXPECTED_POSITIVE, reduction, out);
}

static double sigmoid(double z) { return 1.0 / (1.0 + exp(-z)); }

static void assume(const matrix *z, double weight, double *losses) {
  for (int row = 0; row < ROWS; row++) {
    losses[row] = 0.0;
    for (int j = 0; j < CLASSES; j++) {
      const double f = sigmoid(z->at[row][j]);
      losses[row] -= (j == labels[row] ? log(f) : weight * log(1.0 - f)) / CLASSES;
    }
  }
}

static void negative(const matrix *z, const matrix *g, double *losses) {
  (void)g;
  assume(z, 1.0, losses);
}

static void weak(const matrix *z, const matrix *g, double *losses) {
  (void)g;
  assume(z, 1.0 / (CLASSES - 1), losses);
}

static void expected_positive(const matrix *z, const matrix *g, double *losses) {
  double mean = 0.0;
  double total = 0.0;
  (void)g;
  for (int row = 0; row < ROWS; row++) {
    if (row == IGNORED_ROW) continue;
    total += sample_weight[row];
    for (int j = 0; j < CLASSES; j++) mean += sample_weight[row] * sigmoid(z->at[row][j]);
  }
  mean /= total;
  for (int row = 0; row < ROWS; row++)
    if (row != IGNORED_ROW)
      losses[row] = -log(sigmoid(z->at[row][labels[row]])) + 3.0 * pow((mean - 1.5) / CLASSES, 2.0);
}

int main(void) {
  const double threshold = threshold_of(&logits);
  const double moved = decay * before + (1.0 - decay) * threshold;
  const loss_case cases[] = {
      {"outlying_mse", create_mse, mse, NULL, NULL, 0, 0.0, 0.0},
      {"outlying_mse with a teacher", create_taught, taught, NULL, NULL, 0, 0.0, 0.0},
      {"two_head_average_k", create_two_head, two_head, NULL, NULL, 0, 0.25, threshold},
      {"two_head_average_k, moving average", create_moving, moving, NULL, NULL, 0, before, moved},
      {"single_positive, negative", create_negative, negative, NULL, NULL, 0, 0.0, 0.0},
      {"single_positive, weak negative", create_weak, weak, NULL, NULL, 0, 0.0, 0.0},
      {"single_positive, expected", create_expected, expected_positive, NULL, NULL, 0, 0.0, 0.0}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) compare(&cases[i]);
  teacher_of_a_handle();
  ties_of_two_heads();
  return check_summary();
}
