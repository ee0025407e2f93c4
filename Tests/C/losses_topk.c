/*
 * The top-K family against plain sums: the hinge by counting ranks, noised top-K sample by sample and, exact, by a fine
 * quadrature of the whole distribution of ranks, the smooth top-K SVM by its sum over subsets.
 */
#include "compare.h"

enum { TOP = 2 };

static const double epsilon = 0.75;
static double noise[ROWS * SAMPLES * CLASSES];

/* The r-th largest, r from 1. */
static double ranked(const double *scores, int r) {
  for (int j = 0; j < CLASSES; j++) {
    int above = 0;
    for (int i = 0; i < CLASSES; i++) above += scores[i] > scores[j] || (scores[i] == scores[j] && i < j);
    if (above == r - 1) return scores[j];
  }
  return NAN;
}

static double margin_of(int64_t class) { return 0.8 * pow(counts[class], -0.25) / pow(4.0, -0.25); }

/* P(at most `most` of the classes exceed t), from the distribution of that number, class after class. */
static double at_most(const double *z, double t, int most) {
  double distribution[CLASSES + 1] = {1.0};
  double sum = 0.0;
  for (int j = 0; j < CLASSES; j++) {
    const double p = 0.5 * erfc((t - z[j]) / (epsilon * sqrt(2.0)));
    for (int count = j + 1; count > 0; count--)
      distribution[count] = distribution[count] * (1.0 - p) + distribution[count - 1] * p;
    distribution[0] *= 1.0 - p;
  }
  for (int count = 0; count <= most; count++) sum += distribution[count];
  return sum;
}

/* E[ the r-th largest of z + epsilon Z ]: it is at most t when at most r - 1 classes exceed t. */
static double expected_rank(const double *z, int r) {
  const double low = ranked(z, CLASSES) - 9.0 * epsilon;
  const double high = ranked(z, 1) + 9.0 * epsilon;
  const int steps = (int)((high - low) / (0.05 * epsilon)) + 1;
  const double width = (high - low) / steps;
  double integral = 0.0;
  for (int i = 0; i <= steps; i++)
    integral += (i == 0 || i == steps ? 0.5 : 1.0) * at_most(z, low + i * width, r - 1);
  return high - width * integral;
}

/* The mean over the samples of given noise. */
static double mean_rank(const double *z, int row, int r) {
  double sum = 0.0;
  for (int s = 0; s < SAMPLES; s++) {
    double scores[CLASSES];
    for (int j = 0; j < CLASSES; j++) scores[j] = z[j] + epsilon * noise[(row * SAMPLES + s) * CLASSES + j];
    sum += ranked(scores, r);
  }
  return sum / SAMPLES;
}

/* ---- noised top-K */

static topkloss_status create_noised(topkloss_reduction reduction, int is_imbalanced,
                                     topkloss_estimator estimator, topkloss_loss **out) {
  topkloss_noised_topk_options options;
  CHECK_OK(topkloss_noised_topk_options_init(&options, sizeof options));
  options.reduction = reduction;
  options.k = TOP;
  options.n_samples = SAMPLES;
  options.epsilon = epsilon;
  options.estimator = estimator;
  options.scale = 2.0;
  options.margin = 1.25;
  if (is_imbalanced) {
    options.classes = CLASSES;
    options.class_counts = counts;
    options.max_margin = 0.8;
  }
  return topkloss_noised_topk_create(&options, out);
}

static topkloss_status create_sampled(topkloss_reduction reduction, topkloss_loss **out) {
  return create_noised(reduction, 0, TOPKLOSS_MONTE_CARLO, out);
}

static void sampled(const matrix *z, const matrix *g, double *losses) {
  (void)g;
  for (int row = 0; row < ROWS; row++)
    if (row != IGNORED_ROW)
      losses[row] = 2.0 * fmax(0.0, 1.25 + mean_rank(z->at[row], row, TOP + 1) - z->at[row][labels[row]]);
}

static topkloss_status create_exact(topkloss_reduction reduction, topkloss_loss **out) {
  return create_noised(reduction, 0, TOPKLOSS_EXACT, out);
}

static void exact(const matrix *z, const matrix *g, double *losses) {
  (void)g;
  for (int row = 0; row < ROWS; row++)
    if (row != IGNORED_ROW)
      losses[row] = 2.0 * fmax(0.0, 1.25 + expected_rank(z->at[row], TOP + 1) - z->at[row][labels[row]]);
}

static topkloss_status create_imbalanced(topkloss_reduction reduction, topkloss_loss **out) {
  return create_noised(reduction, 1, TOPKLOSS_EXACT, out);
}

static void imbalanced(const matrix *z, const matrix *g, double *losses) {
  (void)g;
  for (int row = 0; row < ROWS; row++) {
    if (row == IGNORED_ROW) continue;
    losses[row] = margin_of(labels[row]) + expected_rank(z->at[row], TOP + 1) - z->at[row][labels[row]];
    losses[row] = 2.0 * fmax(0.0, losses[row]);
  }
}

/* ---- the operator */

static topkloss_status create_operator(topkloss_reduction reduction, topkloss_loss **out) {
  topkloss_noised_topk_operator_options options;
  (void)reduction;
  CHECK_OK(topkloss_noised_topk_operator_options_init(&options, sizeof options));
  options.k = TOP;
  options.epsilon = epsilon;
  return topkloss_noised_topk_operator_create(&options, out);
}

static void operator(const matrix *z, const matrix *g, double *losses) {
  (void)g;
  for (int row = 0; row < ROWS; row++) losses[row] = expected_rank(z->at[row], TOP);
}

/* The lowest rank there is, of samples. */
static topkloss_status create_sampled_operator(topkloss_reduction reduction, topkloss_loss **out) {
  topkloss_noised_topk_operator_options options;
  (void)reduction;
  CHECK_OK(topkloss_noised_topk_operator_options_init(&options, sizeof options));
  options.k = CLASSES;
  options.n_samples = SAMPLES;
  options.epsilon = epsilon;
  options.estimator = TOPKLOSS_MONTE_CARLO;
  return topkloss_noised_topk_operator_create(&options, out);
}

static void sampled_operator(const matrix *z, const matrix *g, double *losses) {
  (void)g;
  for (int row = 0; row < ROWS; row++) losses[row] = mean_rank(z->at[row], row, CLASSES);
}

/* ---- the hinge */

static topkloss_status create_hinge(topkloss_reduction reduction, topkloss_loss **out) {
  topkloss_topk_hinge_options options;
  CHECK_OK(topkloss_topk_hinge_options_init(&options, sizeof options));
  options.reduction = reduction;
  options.k = TOP;
  options.margin = 1.5;
  return topkloss_topk_hinge_create(&options, out);
}

static void hinge(const matrix *z, const matrix *g, double *losses) {
  (void)g;
  for (int row = 0; row < ROWS; row++)
    if (row != IGNORED_ROW)
      losses[row] = fmax(0.0, 1.5 + ranked(z->at[row], TOP + 1) - z->at[row][labels[row]]);
}

/* Of equal scores the lowest index holds rank K + 1, and at exactly 0 the subgradient is 0. */
static void hinge_at_its_corners(void) {
  static const double scores[3][4] = {{1.0, 1.0, 1.0, 1.0}, {0.0, 2.0, 0.0, -3.0}, {1.0, 2.0, 0.0, -3.0}};
  static const int64_t classes[3] = {3, 0, 1};
  static const double expected[3][4] = {{1.0, 0.0, 0.0, -1.0}, {0.0, 0.0, 0.0, 0.0}, {0.0, 0.0, 0.0, 0.0}};
  double gradient[3][4];
  topkloss_topk_hinge_options options;
  topkloss_loss *loss = NULL;
  topkloss_batch batch;
  topkloss_result result;
  CHECK_OK(topkloss_topk_hinge_options_init(&options, sizeof options));
  options.k = 1;
  options.reduction = TOPKLOSS_SUM;
  CHECK_OK(topkloss_topk_hinge_create(&options, &loss));
  CHECK_OK(topkloss_batch_init(&batch, sizeof batch));
  CHECK_OK(topkloss_result_init(&result, sizeof result));
  batch.rows = 3;
  batch.classes = 4;
  batch.dtype = TOPKLOSS_FLOAT64;
  batch.logits = scores;
  batch.labels = classes;
  result.gradient = gradient;
  CHECK_OK(topkloss_evaluate(loss, &batch, &result));
  /* The second row's label holds rank K + 1 itself: +1 and -1 cancel. The third is exactly at 0. */
  CHECK(result.value == 2.0, "%.17g", result.value);
  for (int row = 0; row < 3; row++)
    for (int j = 0; j < 4; j++)
      CHECK(gradient[row][j] == expected[row][j], "[%d, %d]: %g", row, j, gradient[row][j]);
  topkloss_loss_destroy(loss);
}

/* ---- the smooth top-K SVM */

#define SVM_TOP 3

static const double tau = 0.4;
static const double alpha = 0.6;

static topkloss_status create_svm(topkloss_reduction reduction, topkloss_loss **out) {
  topkloss_smooth_topk_svm_options options;
  CHECK_OK(topkloss_smooth_topk_svm_options_init(&options, sizeof options));
  options.reduction = reduction;
  options.k = SVM_TOP;
  options.tau = tau;
  options.alpha = alpha;
  return topkloss_smooth_topk_svm_create(&options, out);
}

/* sigma_r of every class but y: the products over all subsets of r classes. */
static double symmetric(const double *e, int64_t y, int r) {
  double sum = 0.0;
  for (unsigned subset = 0; subset < 1u << CLASSES; subset++) {
    double product = 1.0;
    int size = 0;
    if (subset >> y & 1u) continue;
    for (int j = 0; j < CLASSES; j++) {
      if ((subset >> j & 1u) == 0) continue;
      product *= e[j];
      size++;
    }
    if (size == r) sum += product;
  }
  return sum;
}

static void svm(const matrix *z, const matrix *g, double *losses) {
  (void)g;
  for (int row = 0; row < ROWS; row++) {
    const int64_t y = labels[row];
    double e[CLASSES];
    double kept;
    if (row == IGNORED_ROW) continue;
    for (int j = 0; j < CLASSES; j++) e[j] = exp(z->at[row][j] / (SVM_TOP * tau));
    kept = e[y] * symmetric(e, y, SVM_TOP - 1);
    losses[row] = tau * log(kept + exp(alpha / tau) * symmetric(e, y, SVM_TOP)) - tau * log(kept);
  }
}

int main(void) {
  const loss_case cases[] = {
      {"noised_topk", create_sampled, sampled, NULL, noise, 0, 0.0, 0.0},
      {"exact noised_topk", create_exact, exact, NULL, NULL, 0, 0.0, 0.0},
      {"exact noised_topk with counts", create_imbalanced, imbalanced, NULL, NULL, 0, 0.0, 0.0},
      {"noised_topk_operator", create_operator, operator, NULL, NULL, 1, 0.0, 0.0},
      {"noised_topk_operator by sampling", create_sampled_operator, sampled_operator, NULL, noise, 1, 0.0, 0.0},
      {"topk_hinge", create_hinge, hinge, NULL, NULL, 0, 0.0, 0.0},
      {"smooth_topk_svm", create_svm, svm, NULL, NULL, 0, 0.0, 0.0}};
  uint64_t state = 3;
  /* Multiples of 1/64: float32 holds them, and the scores that they lead to. */
  for (int i = 0; i < ROWS * SAMPLES * CLASSES; i++) noise[i] = rint(random_within(&state, 2.0) * 64.0) / 64.0;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) compare(&cases[i]);
  hinge_at_its_corners();
  return check_summary();
}
