/*
 * Evaluates one loss twice on one thread, the second time inside measured(), which callgrind counts.
 *
 * Usage: instructions LOSS untrained|trained|confident ROWS CLASSES LEVEL
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <topkloss.h>

enum { K = 5 };

typedef struct {
  int64_t classes;
  const double *counts;
  const double *ones;
} vectors;

#define START(loss)                  \
  topkloss_##loss##_options options; \
  topkloss_##loss##_options_init(&options, sizeof options)

#define START_WITH_COUNTS(loss)   \
  START(loss);                    \
  options.classes = with.classes; \
  options.class_counts = with.counts

#define FINISH(loss)    \
  topkloss_loss *made;  \
  if (topkloss_##loss##_create(&options, &made)) return NULL; \
  return made

static topkloss_loss *create(const char *name, vectors with) {
#define IS(text) if (strcmp(name, text) == 0)
  IS("cross_entropy") { START(cross_entropy); FINISH(cross_entropy); }
  IS("logit_adjusted") { START_WITH_COUNTS(logit_adjusted); FINISH(logit_adjusted); }
  IS("vector_scaling") { START_WITH_COUNTS(vector_scaling); FINISH(vector_scaling); }
  IS("focal") { START(focal); FINISH(focal); }
  IS("ldam") { START_WITH_COUNTS(ldam); FINISH(ldam); }
  IS("elm") { START_WITH_COUNTS(elm); FINISH(elm); }
  IS("margin_softmax") {
    START(margin_softmax);
    options.classes = with.classes;
    options.offset = options.margin = options.class_scale = with.ones;
    FINISH(margin_softmax);
  }
  IS("topk_hinge") { START(topk_hinge); options.k = K; FINISH(topk_hinge); }
  IS("noised_topk") { START(noised_topk); options.k = K; FINISH(noised_topk); }
  IS("noised_topk_imbalanced") {
    START_WITH_COUNTS(noised_topk);
    options.k = K;
    options.epsilon = 0.1;
    options.max_margin = 0.3;
    options.scale = 50;
    FINISH(noised_topk);
  }
  IS("exact_noised_topk") {
    START(noised_topk);
    options.k = K;
    options.estimator = TOPKLOSS_EXACT;
    FINISH(noised_topk);
  }
  IS("smooth_topk_svm") { START(smooth_topk_svm); options.k = K; FINISH(smooth_topk_svm); }
  IS("outlying_mse") { START_WITH_COUNTS(outlying_mse); FINISH(outlying_mse); }
  IS("two_head") { START(two_head_average_k); options.k = K; FINISH(two_head_average_k); }
  IS("assume_negative") { START(single_positive); FINISH(single_positive); }
  IS("weak_assume_negative") {
    START(single_positive);
    options.method = TOPKLOSS_WEAK_ASSUME_NEGATIVE;
    FINISH(single_positive);
  }
  IS("expected_positive") {
    START(single_positive);
    options.method = TOPKLOSS_EXPECTED_POSITIVE;
    options.expected_positives = 3;
    FINISH(single_positive);
  }
  return NULL;
}

__attribute__((noinline)) topkloss_status measured(const topkloss_loss *loss, const topkloss_batch *batch,
                                                   topkloss_result *result) {
  return topkloss_evaluate(loss, batch, result);
}

static double uniform(uint64_t *state) {
  *state = *state * 6364136223846793005u + 1442695040888963407u;
  return ((double)(*state >> 11) + 0.5) / 9007199254740992.0;
}

static double normal(uint64_t *state) {
  const double radius = sqrt(-2 * log(uniform(state)));
  return radius * cos(6.283185307179586 * uniform(state));
}

/* Rows as in problems.py, of other random numbers. */
static void fill(float *logits, int64_t *labels, int64_t rows, int64_t classes, int rivals, int cosines) {
  uint64_t state = 1;
  for (int64_t row = 0; row < rows; row++) {
    float *of_row = logits + row * classes;
    for (int64_t c = 0; c < classes; c++) of_row[c] = (float)(cosines ? 2 * uniform(&state) - 1 : normal(&state));
    labels[row] = (int64_t)(uniform(&state) * (double)classes);
    for (int i = 0; i < rivals; i++)
      of_row[(int64_t)(uniform(&state) * (double)classes)] = (float)(7 + 4 * uniform(&state));
    if (rivals > 0) of_row[labels[row]] = 12;
  }
}

int main(int argc, char **argv) {
  if (argc != 6) return fputs("usage: instructions LOSS KIND ROWS CLASSES LEVEL\n", stderr), 2;
  const char *name = argv[1], *kind = argv[2];
  const int64_t rows = atoll(argv[3]), classes = atoll(argv[4]);
  if (strcmp(topkloss_simd(), argv[5]) != 0) return fprintf(stderr, "no %s here\n", argv[5]), 3;

  const size_t bytes = (size_t)(rows * classes) * sizeof(float);
  float *logits = malloc(bytes), *second = malloc(bytes), *gradient = malloc(bytes), *other = malloc(bytes);
  int64_t *labels = malloc((size_t)rows * sizeof(int64_t));
  double *counts = malloc((size_t)classes * sizeof(double)), *ones = malloc((size_t)classes * sizeof(double));
  if (!logits || !second || !gradient || !other || !labels || !counts || !ones) return 4;
  const int rivals = strcmp(kind, "trained") == 0 ? 9 : strcmp(kind, "confident") == 0 ? 3 : 0;
  const int cosines = !strcmp(name, "ldam") || !strcmp(name, "elm") || !strcmp(name, "noised_topk_imbalanced");
  fill(second, labels, rows, classes, 0, 0);
  fill(logits, labels, rows, classes, rivals, cosines);
  for (int64_t c = 0; c < classes; c++) counts[c] = ceil(5000.0 / (double)(1 + c)), ones[c] = 1;

  const vectors with = {classes, counts, ones};
  topkloss_loss *loss = create(name, with);
  if (!loss) return fprintf(stderr, "%s cannot be made: %s\n", name, topkloss_last_error()), 5;
  topkloss_set_num_threads(1);
  topkloss_batch batch;
  topkloss_batch_init(&batch, sizeof batch);
  batch.rows = rows;
  batch.classes = classes;
  batch.logits = logits;
  batch.labels = labels;
  batch.multi_label_logits = second;
  topkloss_result result;
  topkloss_result_init(&result, sizeof result);
  result.gradient = gradient;
  result.multi_label_gradient = other;
  if (topkloss_evaluate(loss, &batch, &result) || measured(loss, &batch, &result))
    return fprintf(stderr, "%s: %s\n", name, topkloss_last_error()), 6;
  topkloss_loss_destroy(loss);
  printf("%.9g\n", result.value);
  return 0;
}
