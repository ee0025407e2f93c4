/*
 * One handle of every loss, for programs that care about what all of them do rather than about one.
 */
#ifndef EVERY_LOSS_H
#define EVERY_LOSS_H

#include <stdlib.h>

#include "check.h"

enum { LOSS_KINDS = 5 };

static const char *const loss_names[LOSS_KINDS] = {"cross_entropy", "logit_adjusted", "ldam", "elm",
                                                   "noised_topk"};

/* Creates the loss of one kind; NULL where that fails. counts has one entry a class. */
static inline topkloss_status create_loss(int kind, int64_t classes, const double *counts,
                                          topkloss_reduction reduction, topkloss_loss **out) {
  *out = NULL;
  switch (kind) {
    case 0: {
      topkloss_cross_entropy_options options;
      topkloss_cross_entropy_options_init(&options, sizeof options);
      options.reduction = reduction;
      options.classes = classes;
      options.class_weight = counts;
      options.label_smoothing = 0.1;
      return topkloss_cross_entropy_create(&options, out);
    }
    case 1: {
      topkloss_logit_adjusted_options options;
      topkloss_logit_adjusted_options_init(&options, sizeof options);
      options.reduction = reduction;
      options.classes = classes;
      options.class_counts = counts;
      return topkloss_logit_adjusted_create(&options, out);
    }
    case 2: {
      topkloss_ldam_options options;
      topkloss_ldam_options_init(&options, sizeof options);
      options.reduction = reduction;
      options.classes = classes;
      options.class_counts = counts;
      return topkloss_ldam_create(&options, out);
    }
    case 3: {
      topkloss_elm_options options;
      topkloss_elm_options_init(&options, sizeof options);
      options.reduction = reduction;
      options.classes = classes;
      options.class_counts = counts;
      return topkloss_elm_create(&options, out);
    }
    default: {
      topkloss_noised_topk_options options;
      topkloss_noised_topk_options_init(&options, sizeof options);
      options.reduction = reduction;
      options.k = 2;
      options.classes = classes;
      options.class_counts = counts;
      return topkloss_noised_topk_create(&options, out);
    }
  }
}

/* A batch of float32 rows with everything it needs, as large as asked for. */
typedef struct {
  topkloss_batch batch;
  topkloss_result result;
  float *logits;
  float *gradient;
  float *row_values;
  int64_t *labels;
  double *counts;
} workload;

static inline void *required_memory(size_t bytes) {
  void *memory = malloc(bytes > 0 ? bytes : 1);
  if (memory == NULL) {
    fprintf(stderr, "no memory for a test\n");
    exit(2);
  }
  return memory;
}

static inline void workload_init(workload *work, int64_t rows, int64_t classes) {
  uint64_t state = 1;
  const size_t elements = (size_t)(rows * classes);
  work->logits = required_memory(elements * sizeof(float));
  work->gradient = required_memory(elements * sizeof(float));
  work->row_values = required_memory((size_t)rows * sizeof(float));
  work->labels = required_memory((size_t)rows * sizeof(int64_t));
  work->counts = required_memory((size_t)classes * sizeof(double));
  for (size_t i = 0; i < elements; i++) work->logits[i] = (float)random_within(&state, 2.0);
  for (int64_t row = 0; row < rows; row++) work->labels[row] = random_below(&state, classes);
  for (int64_t c = 0; c < classes; c++) work->counts[c] = 1.0 + (double)random_below(&state, 500);

  CHECK_OK(topkloss_batch_init(&work->batch, sizeof work->batch));
  work->batch.rows = rows;
  work->batch.classes = classes;
  work->batch.logits = work->logits;
  work->batch.labels = work->labels;
  CHECK_OK(topkloss_result_init(&work->result, sizeof work->result));
  work->result.gradient = work->gradient;
  work->result.row_values = work->row_values;
}

static inline void workload_free(workload *work) {
  free(work->logits);
  free(work->gradient);
  free(work->row_values);
  free(work->labels);
  free(work->counts);
}

#endif /* EVERY_LOSS_H */
