/*
 * The softmax-margin family against the one formula that all its members are, and focal loss against its own.
 */
#include "compare.h"

/* u_j = s (d_j z_j + a_j - [j = y] (b_y - lam b_{j*})), its members filled in by those of the family. */
typedef struct {
  double s;
  double d[CLASSES];
  double a[CLASSES];
  double b[CLASSES];
  double lam;
  double eta;
  double w[CLASSES];
} family;

static const double weights[CLASSES] = {0.5, 1.0, 3.0, 1.5, 2.0, 0.25};

static family plain(void) {
  family member;
  memset(&member, 0, sizeof member);
  member.s = 1.0;
  for (int j = 0; j < CLASSES; j++) member.d[j] = member.w[j] = 1.0;
  return member;
}

static double log_sum_exp(const double *u) {
  double sum = 0.0;
  for (int j = 0; j < CLASSES; j++) sum += exp(u[j]);
  return log(sum);
}

static void apply(const family *member, const matrix *scores, double *losses) {
  for (int row = 0; row < ROWS; row++) {
    const double *const z = scores->at[row];
    const int64_t y = labels[row];
    int64_t rival = y == 0 ? 1 : 0;
    double u[CLASSES];
    double all;
    double smooth = 0.0;
    if (row == IGNORED_ROW) continue;
    for (int j = 0; j < CLASSES; j++)
      if (j != y && z[j] > z[rival]) rival = j;
    for (int j = 0; j < CLASSES; j++) {
      u[j] = member->d[j] * z[j] + member->a[j];
      if (j == y) u[j] -= member->b[y] - member->lam * member->b[rival];
      u[j] *= member->s;
    }
    all = log_sum_exp(u);
    for (int j = 0; j < CLASSES; j++) smooth += member->w[j] * (all - u[j]);
    losses[row] = member->w[y] * (1.0 - member->eta) * (all - u[y]) + member->eta / CLASSES * smooth;
  }
}

static double share(int class, double smoothing) {
  double total = 0.0;
  for (int j = 0; j < CLASSES; j++) total += counts[j] + smoothing;
  return (counts[class] + smoothing) / total;
}

/* n_c^(-1/4), and the margin of the rarest class, which has 4 examples, is max_margin. */
static double margin_of(int class, double max_margin) {
  return max_margin * pow(counts[class], -0.25) / pow(4.0, -0.25);
}

/* ---- the members */

static topkloss_status create_cross_entropy(topkloss_reduction reduction, topkloss_loss **out) {
  topkloss_cross_entropy_options options;
  CHECK_OK(topkloss_cross_entropy_options_init(&options, sizeof options));
  options.reduction = reduction;
  options.classes = CLASSES;
  options.class_weight = weights;
  options.label_smoothing = 0.125;
  return topkloss_cross_entropy_create(&options, out);
}

static void cross_entropy(const matrix *z, const matrix *g, double *losses) {
  family member = plain();
  (void)g;
  memcpy(member.w, weights, sizeof weights);
  member.eta = 0.125;
  apply(&member, z, losses);
}

static topkloss_status create_logit_adjusted(topkloss_reduction reduction, topkloss_loss **out) {
  topkloss_logit_adjusted_options options;
  CHECK_OK(topkloss_logit_adjusted_options_init(&options, sizeof options));
  options.reduction = reduction;
  options.classes = CLASSES;
  options.class_counts = counts;
  options.count_smoothing = 2.5;
  options.tau = 1.5;
  return topkloss_logit_adjusted_create(&options, out);
}

static void logit_adjusted(const matrix *z, const matrix *g, double *losses) {
  family member = plain();
  (void)g;
  for (int j = 0; j < CLASSES; j++) member.a[j] = 1.5 * log(share(j, 2.5));
  apply(&member, z, losses);
}

static topkloss_status create_ldam(topkloss_reduction reduction, topkloss_loss **out) {
  topkloss_ldam_options options;
  CHECK_OK(topkloss_ldam_options_init(&options, sizeof options));
  options.reduction = reduction;
  options.classes = CLASSES;
  options.class_counts = counts;
  options.scale = 4.0;
  return topkloss_ldam_create(&options, out);
}

static void ldam(const matrix *z, const matrix *g, double *losses) {
  family member = plain();
  (void)g;
  member.s = 4.0;
  for (int j = 0; j < CLASSES; j++) member.b[j] = margin_of(j, 0.5);
  apply(&member, z, losses);
}

static topkloss_status create_elm(topkloss_reduction reduction, topkloss_loss **out) {
  topkloss_elm_options options;
  CHECK_OK(topkloss_elm_options_init(&options, sizeof options));
  options.reduction = reduction;
  options.classes = CLASSES;
  options.class_counts = counts;
  options.class_weight = weights;
  options.max_margin = 0.75;
  options.scale = 3.0;
  return topkloss_elm_create(&options, out);
}

static void elm(const matrix *z, const matrix *g, double *losses) {
  family member = plain();
  (void)g;
  member.s = 3.0;
  member.lam = 1.0;
  memcpy(member.w, weights, sizeof weights);
  for (int j = 0; j < CLASSES; j++) member.b[j] = margin_of(j, 0.75);
  apply(&member, z, losses);
}

static topkloss_status create_vector_scaling(topkloss_reduction reduction, topkloss_loss **out) {
  topkloss_vector_scaling_options options;
  CHECK_OK(topkloss_vector_scaling_options_init(&options, sizeof options));
  options.reduction = reduction;
  options.classes = CLASSES;
  options.class_counts = counts;
  options.label_smoothing = 0.25;
  return topkloss_vector_scaling_create(&options, out);
}

static void vector_scaling(const matrix *z, const matrix *g, double *losses) {
  family member = plain();
  (void)g;
  member.eta = 0.25;
  for (int j = 0; j < CLASSES; j++) {
    member.d[j] = pow(counts[j] / 500.0, 0.3);
    member.a[j] = log(share(j, 0.0));
  }
  apply(&member, z, losses);
}

static const double offsets[CLASSES] = {0.5, -1.0, 0.25, 0.0, 2.0, -0.75};
static const double margins[CLASSES] = {0.1, 0.2, 0.4, -0.3, 0.7, 0.5};
static const double scales[CLASSES] = {1.0, 0.5, 2.0, 0.25, 1.5, 0.75};

static topkloss_status create_margin_softmax(topkloss_reduction reduction, topkloss_loss **out) {
  topkloss_margin_softmax_options options;
  CHECK_OK(topkloss_margin_softmax_options_init(&options, sizeof options));
  options.reduction = reduction;
  options.classes = CLASSES;
  options.class_weight = weights;
  options.label_smoothing = 0.1;
  options.offset = offsets;
  options.margin = margins;
  options.class_scale = scales;
  options.scale = 2.0;
  options.lam = -0.5;
  return topkloss_margin_softmax_create(&options, out);
}

static void margin_softmax(const matrix *z, const matrix *g, double *losses) {
  family member = plain();
  (void)g;
  member.s = 2.0;
  member.lam = -0.5;
  member.eta = 0.1;
  memcpy(member.w, weights, sizeof weights);
  memcpy(member.a, offsets, sizeof offsets);
  memcpy(member.b, margins, sizeof margins);
  memcpy(member.d, scales, sizeof scales);
  apply(&member, z, losses);
}

/* Its defaults are cross-entropy, of any number of classes. */
static topkloss_status create_default_margin_softmax(topkloss_reduction reduction, topkloss_loss **out) {
  if (reduction == TOPKLOSS_MEAN) return topkloss_margin_softmax_create(NULL, out);
  {
    topkloss_margin_softmax_options options;
    CHECK_OK(topkloss_margin_softmax_options_init(&options, sizeof options));
    options.reduction = reduction;
    return topkloss_margin_softmax_create(&options, out);
  }
}

static void default_margin_softmax(const matrix *z, const matrix *g, double *losses) {
  const family member = plain();
  (void)g;
  apply(&member, z, losses);
}

/* ---- focal loss */

static topkloss_status create_focal(topkloss_reduction reduction, topkloss_loss **out) {
  topkloss_focal_options options;
  CHECK_OK(topkloss_focal_options_init(&options, sizeof options));
  options.reduction = reduction;
  options.classes = CLASSES;
  options.class_weight = weights;
  options.gamma = 1.5;
  return topkloss_focal_create(&options, out);
}

static void focal(const matrix *z, const matrix *g, double *losses) {
  (void)g;
  for (int row = 0; row < ROWS; row++) {
    double p;
    if (row == IGNORED_ROW) continue;
    p = exp(z->at[row][labels[row]] - log_sum_exp(z->at[row]));
    losses[row] = weights[labels[row]] * pow(1.0 - p, 1.5) * -log(p);
  }
}

int main(void) {
  const loss_case cases[] = {
      {"cross_entropy", create_cross_entropy, cross_entropy, weights, NULL, 0, 0.0, 0.0},
      {"logit_adjusted", create_logit_adjusted, logit_adjusted, NULL, NULL, 0, 0.0, 0.0},
      {"ldam", create_ldam, ldam, NULL, NULL, 0, 0.0, 0.0},
      {"elm", create_elm, elm, weights, NULL, 0, 0.0, 0.0},
      {"vector_scaling", create_vector_scaling, vector_scaling, NULL, NULL, 0, 0.0, 0.0},
      {"margin_softmax", create_margin_softmax, margin_softmax, weights, NULL, 0, 0.0, 0.0},
      {"margin_softmax by default", create_default_margin_softmax, default_margin_softmax, NULL, NULL, 0, 0.0,
       0.0},
      {"focal", create_focal, focal, weights, NULL, 0, 0.0, 0.0}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) compare(&cases[i]);
  return check_summary();
}
