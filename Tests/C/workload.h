/*
 * A batch of float32 rows with everything that any loss needs, as large as asked for.
 */
#ifndef WORKLOAD_H
#define WORKLOAD_H

#include <stdlib.h>

#include "check.h"

typedef struct {
  topkloss_batch batch;
  topkloss_result result;
  float *logits;
  float *gradient;
  float *multi_label_logits;
  float *multi_label_gradient;
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
  work->multi_label_logits = required_memory(elements * sizeof(float));
  work->multi_label_gradient = required_memory(elements * sizeof(float));
  work->row_values = required_memory((size_t)rows * sizeof(float));
  work->labels = required_memory((size_t)rows * sizeof(int64_t));
  work->counts = required_memory((size_t)classes * sizeof(double));
  for (size_t i = 0; i < elements; i++) {
    work->logits[i] = (float)random_within(&state, 2.0);
    work->multi_label_logits[i] = (float)random_within(&state, 4.0);
  }
  for (int64_t row = 0; row < rows; row++) work->labels[row] = random_below(&state, classes);
  for (int64_t c = 0; c < classes; c++) work->counts[c] = 1.0 + (double)random_below(&state, 500);

  /* No call of the library: there are programs whose first one is to be another. */
  memset(&work->batch, 0, sizeof work->batch);
  work->batch.struct_size = sizeof work->batch;
  work->batch.rows = rows;
  work->batch.classes = classes;
  work->batch.logits = work->logits;
  work->batch.labels = work->labels;
  work->batch.multi_label_logits = work->multi_label_logits;
  memset(&work->result, 0, sizeof work->result);
  work->result.struct_size = sizeof work->result;
  work->result.gradient = work->gradient;
  work->result.multi_label_gradient = work->multi_label_gradient;
  work->result.row_values = work->row_values;
}

static inline void workload_free(workload *work) {
  free(work->logits);
  free(work->gradient);
  free(work->multi_label_logits);
  free(work->multi_label_gradient);
  free(work->row_values);
  free(work->labels);
  free(work->counts);
}

#endif /* WORKLOAD_H */
