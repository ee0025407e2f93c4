/*
 * A program of version 1, to be compiled with the header beside it and run with every later library: one of each
 * struct that a call reads or writes, with bytes behind it that are nobody's.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "topkloss.h"

enum { ROWS = 3, CLASSES = 4, GUARD = 256, PATTERN = 0xA5 };

#define GUARDED(type)             \
  struct {                        \
    type s;                       \
    unsigned char guard[GUARD];   \
  }

static int failures = 0;

#define EXPECT(condition)                                                                        \
  do {                                                                                           \
    if (!(condition)) {                                                                          \
      failures++;                                                                                \
      printf("line %d: not %s (%s)\n", __LINE__, #condition, topkloss_last_error());             \
    }                                                                                            \
  } while (0)

static int intact(const unsigned char *guard) {
  for (int i = 0; i < GUARD; i++) {
    if (guard[i] != PATTERN) return 0;
  }
  return 1;
}

#define INIT(kind, name)                                                            \
  do {                                                                              \
    memset(&name, PATTERN, sizeof name);                                            \
    EXPECT(topkloss_##kind##_init(&name.s, sizeof name.s) == TOPKLOSS_OK);          \
    EXPECT(name.s.struct_size == sizeof name.s && intact(name.guard));              \
  } while (0)

static int near(double a, double b) { return fabs(a - b) < 1e-6; }

static const float logits[ROWS * CLASSES] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
static const float ranked[ROWS * CLASSES] = {4, 3, 2, 1, 1, 2, 3, 4, 3, 4, 2, 1};
static const int64_t labels[ROWS] = {0, 1, 3};
static const double counts[CLASSES] = {8, 4, 2, 1};

static void run_in_turn(void *context, int64_t count, topkloss_task task, void *task_context) {
  (void)context;
  for (int64_t index = 0; index < count; index++) task(task_context, index);
}

static GUARDED(topkloss_executor) executor;
static GUARDED(topkloss_batch) batch;
static GUARDED(topkloss_result) result;
static float gradient[ROWS * CLASSES], multi_label_gradient[ROWS * CLASSES];

static void describe(const float *scores) {
  INIT(executor, executor);
  executor.s.parallel_for = run_in_turn;
  executor.s.concurrency = 2;
  INIT(batch, batch);
  batch.s.rows = ROWS;
  batch.s.classes = CLASSES;
  batch.s.logits = scores;
  batch.s.labels = labels;
  batch.s.executor = &executor.s;
}

static void evaluate(topkloss_loss *loss) {
  EXPECT(loss != NULL);
  INIT(result, result);
  result.s.gradient = gradient;
  result.s.multi_label_gradient = multi_label_gradient;
  EXPECT(topkloss_evaluate(loss, &batch.s, &result.s) == TOPKLOSS_OK);
  EXPECT(result.s.struct_size == sizeof result.s && near(result.s.total_weight, ROWS));
  EXPECT(result.s.gradient == gradient && intact(result.guard) && intact(batch.guard) && intact(executor.guard));
  topkloss_loss_destroy(loss);
}

static void losses(void) {
  GUARDED(topkloss_cross_entropy_options) plain;
  GUARDED(topkloss_logit_adjusted_options) adjusted;
  GUARDED(topkloss_noised_topk_options) noised;
  GUARDED(topkloss_two_head_average_k_options) heads;
  topkloss_loss *loss = NULL;

  describe(logits);
  INIT(cross_entropy_options, plain);
  EXPECT(topkloss_cross_entropy_create(&plain.s, &loss) == TOPKLOSS_OK);
  evaluate(loss);
  EXPECT(near(result.s.value, log(CLASSES)) && near(gradient[1], 0.25 / ROWS) && near(gradient[0], -0.75 / ROWS));
  EXPECT(topkloss_cross_entropy_create(NULL, &loss) == TOPKLOSS_OK);
  evaluate(loss);
  EXPECT(near(result.s.value, log(CLASSES)));

  INIT(logit_adjusted_options, adjusted);
  adjusted.s.classes = CLASSES;
  adjusted.s.class_counts = counts;
  EXPECT(topkloss_logit_adjusted_create(&adjusted.s, &loss) == TOPKLOSS_OK);
  evaluate(loss);
  EXPECT(near(result.s.value, log(15) - (log(8) + log(4)) / 3));

  describe(ranked);
  INIT(noised_topk_options, noised);
  noised.s.k = 1;
  noised.s.epsilon = 0;
  EXPECT(topkloss_noised_topk_create(&noised.s, &loss) == TOPKLOSS_OK);
  evaluate(loss);
  EXPECT(near(result.s.value, (0 + 2 + 3) / 3.0));
  noised.s.reserved = 1;
  EXPECT(topkloss_noised_topk_create(&noised.s, &loss) != TOPKLOSS_OK && loss == NULL);

  batch.s.multi_label_logits = logits;
  INIT(two_head_average_k_options, heads);
  heads.s.k = 2;
  EXPECT(topkloss_two_head_average_k_create(&heads.s, &loss) == TOPKLOSS_OK);
  evaluate(loss);
  EXPECT(result.s.threshold > 0 && result.s.threshold < 1);
}

static void others(void) {
  GUARDED(topkloss_threshold) threshold;
  GUARDED(topkloss_topk_accuracy_options) topk;
  GUARDED(topkloss_logit_adjust_options) adjust;
  int64_t indptr[ROWS + 1], indices[ROWS * CLASSES];
  double accuracy = 0;

  describe(ranked);
  INIT(threshold, threshold);
  EXPECT(topkloss_average_k_threshold(2, &batch.s, &threshold.s) == TOPKLOSS_OK);
  EXPECT(near(threshold.s.value, 2.5) && threshold.s.struct_size == sizeof threshold.s && intact(threshold.guard));
  EXPECT(topkloss_predict_sets(&threshold.s, 0, &batch.s, indptr, indices, ROWS * CLASSES) == TOPKLOSS_OK);
  EXPECT(indptr[ROWS] == 2 * ROWS && indices[0] == 0 && indices[1] == 1);

  INIT(topk_accuracy_options, topk);
  EXPECT(topkloss_topk_accuracy(&topk.s, &batch.s, &accuracy) == TOPKLOSS_OK && near(accuracy, 1.0 / 3));

  INIT(logit_adjust_options, adjust);
  adjust.s.classes = CLASSES;
  adjust.s.class_counts = counts;
  EXPECT(topkloss_logit_adjust(&adjust.s, &batch.s, gradient, 0) == TOPKLOSS_OK);
  EXPECT(near(gradient[0], 4 - log(8.0 / 15)));
}

/* An executor that is none, and sizes that no version has had. */
static void refusals(void) {
  topkloss_cross_entropy_options options;
  topkloss_loss *loss = NULL;
  EXPECT(topkloss_cross_entropy_create(NULL, &loss) == TOPKLOSS_OK);
  describe(logits);
  executor.s.concurrency = 0;
  EXPECT(topkloss_evaluate(loss, &batch.s, &result.s) == TOPKLOSS_ERROR_OPTION);
  executor.s.concurrency = 1;
  executor.s.reserved = 1;
  EXPECT(topkloss_evaluate(loss, &batch.s, &result.s) == TOPKLOSS_ERROR_STRUCT_SIZE);
  EXPECT(strstr(topkloss_last_error(), "topkloss_executor") != NULL);
  topkloss_loss_destroy(loss);
  const size_t sizes[] = {0, 8, sizeof options - 8, sizeof options - 1, 4097};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    EXPECT(topkloss_cross_entropy_options_init(&options, sizes[i]) == TOPKLOSS_ERROR_STRUCT_SIZE);
    EXPECT(topkloss_cross_entropy_options_init(&options, sizeof options) == TOPKLOSS_OK);
    options.struct_size = sizes[i];
    EXPECT(topkloss_cross_entropy_create(&options, &loss) == TOPKLOSS_ERROR_STRUCT_SIZE && loss == NULL);
    EXPECT(strstr(topkloss_last_error(), "cross_entropy_options") != NULL);
  }
}

int main(void) {
  EXPECT(topkloss_abi_version() == TOPKLOSS_ABI_VERSION);
  losses();
  others();
  refusals();
  topkloss_trim();
  return failures == 0 ? 0 : 1;
}
