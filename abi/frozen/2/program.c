/*
 * A program of version 2 (0.2.0), to be compiled with the header beside it and run with every later library: what that
 * version had and version 1 had not, with bytes behind each struct that are nobody's.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "topkloss.h"

enum { ROWS = 2, CLASSES = 4, HALF = 2, GUARD = 256, PATTERN = 0xA5, MOST_STATE = 256 };

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

static int near(double a, double b) { return fabs(a - b) < 1e-9; }

static const int64_t labels[ROWS] = {0, 3};
static const double counts[CLASSES] = {8, 4, 2, 1};
/* Class by class: two rows of equal scores, (1, 1, 1, 1) and (2, 2, 2, 2). */
static const double columns[CLASSES * ROWS] = {1, 2, 1, 2, 1, 2, 1, 2};
static const double probabilities[ROWS * CLASSES] = {0.7, 0.1, 0.1, 0.1, 0.2, 0.2, 0.2, 0.4};
static const double halves[ROWS * CLASSES] = {0.5, 0.5, 0, 0, 0, 0, 0.5, 0.5};

static GUARDED(topkloss_batch) batch;
static GUARDED(topkloss_result) result;
static double gradient[CLASSES * ROWS];

/* Columns, and their gradient as columns too. */
static void describe(int64_t first, int64_t classes) {
  INIT(batch, batch);
  INIT(result, result);
  batch.s.rows = ROWS;
  batch.s.classes = classes;
  batch.s.dtype = TOPKLOSS_FLOAT64;
  batch.s.logits = columns + first * ROWS;
  batch.s.logits_row_stride = result.s.gradient_row_stride = 1;
  batch.s.logits_class_stride = result.s.gradient_class_stride = ROWS;
  batch.s.labels = labels;
  result.s.gradient = gradient + first * ROWS;
}

static void describe_rows(const double *scores) {
  INIT(batch, batch);
  batch.s.rows = ROWS;
  batch.s.classes = CLASSES;
  batch.s.dtype = TOPKLOSS_FLOAT64;
  batch.s.logits = scores;
  batch.s.labels = labels;
}

static void losses(void) {
  GUARDED(topkloss_seesaw_options) seesaw;
  GUARDED(topkloss_topk_cross_entropy_options) topk;
  GUARDED(topkloss_outlying_mse_options) outlying;
  topkloss_loss *loss = NULL;

  INIT(seesaw_options, seesaw);
  seesaw.s.classes = CLASSES;
  seesaw.s.class_counts = counts;
  seesaw.s.p = seesaw.s.q = 0;
  EXPECT(topkloss_seesaw_create(&seesaw.s, &loss) == TOPKLOSS_OK);
  describe(0, CLASSES);
  EXPECT(topkloss_evaluate(loss, &batch.s, &result.s) == TOPKLOSS_OK && intact(result.guard));
  EXPECT(near(result.s.value, log(CLASSES)) && near(gradient[0], -0.75 / ROWS) && near(gradient[1], 0.25 / ROWS));
  topkloss_loss_destroy(loss);

  /* Of equal scores each class is among the first K as often as any other. */
  const double last[HALF] = {0, 1};
  INIT(topk_cross_entropy_options, topk);
  topk.s.k = HALF;
  topk.s.weights = last;
  EXPECT(topkloss_topk_cross_entropy_create(&topk.s, &loss) == TOPKLOSS_OK);
  describe(0, CLASSES);
  EXPECT(topkloss_evaluate(loss, &batch.s, &result.s) == TOPKLOSS_OK);
  EXPECT(fabs(result.s.value - log((double)CLASSES / HALF)) < 1e-6);
  topkloss_loss_destroy(loss);

  INIT(outlying_mse_options, outlying);
  outlying.s.classes = CLASSES;
  outlying.s.class_counts = counts;
  outlying.s.teacher_rule = TOPKLOSS_POWER_TEACHER;
  outlying.s.power = 0;
  EXPECT(topkloss_outlying_mse_create(&outlying.s, &loss) == TOPKLOSS_OK);
  topkloss_loss_destroy(loss);

  EXPECT(topkloss_cross_entropy_create(NULL, &loss) == TOPKLOSS_OK);
  describe(0, CLASSES);
  batch.s.soft_labels = halves;
  batch.s.labels = NULL;
  EXPECT(topkloss_evaluate(loss, &batch.s, &result.s) == TOPKLOSS_OK);
  EXPECT(near(result.s.value, log(CLASSES)) && near(gradient[0], -0.25 / ROWS) && near(gradient[1], 0.25 / ROWS));
  topkloss_loss_destroy(loss);
}

static void shards(void) {
  GUARDED(topkloss_shard) shard;
  static unsigned char states[2 * ROWS * MOST_STATE];
  topkloss_loss *loss = NULL;
  int64_t bytes = 0;
  EXPECT(topkloss_cross_entropy_create(NULL, &loss) == TOPKLOSS_OK);
  EXPECT(topkloss_shard_bytes(loss, &bytes) == TOPKLOSS_OK && bytes > 0 && bytes <= MOST_STATE);
  INIT(shard, shard);
  shard.s.all_classes = CLASSES;
  shard.s.shards = 2;
  shard.s.states = states;
  for (int call = 0; call < 4; call++) {
    shard.s.index = call % 2;
    shard.s.first_class = shard.s.index * HALF;
    describe(shard.s.first_class, HALF);
    if (call < 2) {
      EXPECT(topkloss_shard_partial(loss, &batch.s, &shard.s, states + call * ROWS * bytes) == TOPKLOSS_OK);
    } else {
      EXPECT(topkloss_shard_complete(loss, &batch.s, &shard.s, &result.s) == TOPKLOSS_OK);
      EXPECT(near(result.s.value, log(CLASSES)) && intact(shard.guard));
    }
  }
  EXPECT(near(gradient[0], -0.75 / ROWS) && near(gradient[1], 0.25 / ROWS));
  topkloss_loss_destroy(loss);
}

static void others(void) {
  GUARDED(topkloss_class_weights_options) weighting;
  GUARDED(topkloss_conformal_options) conformal;
  GUARDED(topkloss_threshold) threshold;
  GUARDED(topkloss_logit_adjust_options) adjust;
  double thresholds[CLASSES], weights[CLASSES] = {0}, hits[CLASSES] = {0}, sizes[CLASSES] = {0}, mean = -1;
  int64_t indptr[ROWS + 1], indices[ROWS * CLASSES];

  INIT(class_weights_options, weighting);
  weighting.s.classes = CLASSES;
  weighting.s.class_counts = counts;
  weighting.s.count_smoothing = 1e15;
  EXPECT(topkloss_class_weights(&weighting.s, weights) == TOPKLOSS_OK && near(weights[0], 1));

  describe_rows(probabilities);
  INIT(conformal_options, conformal);
  conformal.s.coverage = 0.5;
  EXPECT(topkloss_conformal_thresholds(&conformal.s, &batch.s, thresholds) == TOPKLOSS_OK);
  EXPECT(near(thresholds[0], 0.4) && near(thresholds[3], 0.4));

  INIT(threshold, threshold);
  threshold.s.classes = CLASSES;
  threshold.s.class_values = thresholds;
  EXPECT(topkloss_predict_sets(&threshold.s, 0, &batch.s, indptr, indices, ROWS * CLASSES) == TOPKLOSS_OK);
  EXPECT(indptr[ROWS] == 2 && indices[0] == 0 && indices[1] == 3);
  memset(weights, 0, sizeof weights);
  EXPECT(topkloss_tally_sets(&threshold.s, TOPKLOSS_IGNORE_INDEX, &batch.s, hits, sizes, weights) == TOPKLOSS_OK);
  EXPECT(hits[0] == 1 && sizes[3] == 1 && weights[1] == 0);
  EXPECT(topkloss_tally_topk(NULL, &batch.s, hits, weights) == TOPKLOSS_OK && hits[3] == 2 && weights[3] == 2);
  EXPECT(topkloss_tally_average(TOPKLOSS_MACRO, CLASSES, hits, weights, &mean) == TOPKLOSS_OK && near(mean, 1));
  EXPECT(topkloss_tally_shortfall(0.9, CLASSES, hits, weights, &mean) == TOPKLOSS_OK && near(mean, 0));

  /* What the training's frequencies take away, a target that is those gives back. */
  INIT(logit_adjust_options, adjust);
  adjust.s.classes = CLASSES;
  adjust.s.class_counts = adjust.s.target_prior = counts;
  EXPECT(topkloss_logit_adjust(&adjust.s, &batch.s, gradient, 0) == TOPKLOSS_OK);
  EXPECT(near(gradient[1] - gradient[0], probabilities[1] - probabilities[0]));
}

int main(void) {
  EXPECT(topkloss_abi_version() == TOPKLOSS_ABI_VERSION);
  losses();
  shards();
  others();
  topkloss_trim();
  return failures == 0 ? 0 : 1;
}
