/*
 * Batches and results of every kind, mostly sensible, over the buffers.
 */
#ifndef HOSTILE_BATCH_H
#define HOSTILE_BATCH_H

#include "hostile_losses.h"

static void run_backwards(void *context, int64_t count, topkloss_task task, void *task_context) {
  (void)context;
  for (int64_t index = count - 1; index >= 0; index--) task(task_context, index);
}

static void run_some(void *context, int64_t count, topkloss_task task, void *task_context) {
  (void)context;
  for (int64_t index = 0; index < count; index += 2) task(task_context, index);
}

/* One in `count` drops tasks. */
static topkloss_executor hostile_executor(int64_t count) {
  topkloss_executor executor;
  memset(&executor, 0, sizeof executor);
  executor.struct_size = sizeof executor;
  executor.parallel_for = rarely(count) ? run_some : run_backwards;
  executor.concurrency = 4;
  return executor;
}

/* A stride that fits the buffers, of either sign, or one that must be refused. */
static int64_t stride_of(int64_t classes) {
  int64_t stride;
  if (rarely(4)) return 0;
  if (rarely(40)) return impossible_size();
  stride = classes + random_below(&state, MAX_STRIDE - classes + 1);
  return rarely(3) ? -stride : stride;
}

/* Now and then class by class: rows side by side. Fits the buffers, or must be refused. */
static int64_t class_stride_of(int64_t rows) {
  const int64_t stride = rarely(40) ? impossible_size() : rows + random_below(&state, 4);
  return rarely(3) ? -stride : stride;
}

/* All rows a group, or each its own; rarely any other number. */
static int64_t group_of(int64_t rows) { return rarely(20) ? impossible_size() : rarely(2) ? rows : 1; }

static unsigned char *middle(const buffer *matrix) {
  return matrix->bytes + matrix->size / 2 + (size_t)random_below(&state, 8);
}

/* A result with room for a struct_size beyond what the library knows, as its caller would have. */
typedef union {
  topkloss_result result;
  unsigned char bytes[256];
} roomy_result;

/* Into a buffer of its own, or in place; rarely where it must not be. */
static void describe_gradient(const void *logits, int64_t stride, int64_t classes, int output, void **gradient,
                              int64_t *gradient_stride) {
  if (rarely(4)) return;
  *gradient = middle(&buffers[output]);
  *gradient_stride = rarely(2) ? stride : stride_of(classes);
  if (rarely(3) && logits != NULL) {
    const buffer *const input = buffer_of(logits);
    *gradient = input->bytes + ((const unsigned char *)logits - input->bytes);
    if (!rarely(5)) *gradient_stride = stride;
  }
  if (rarely(60)) *gradient = middle(&buffers[GRADIENT]);
}

static void describe_output(const topkloss_batch *batch, int64_t classes, roomy_result *roomy) {
  topkloss_result *const result = &roomy->result;
  memset(roomy, 0, sizeof *roomy);
  topkloss_result_init(result, sizeof *result);
  result->value = 77.0;
  result->total_weight = 77.0;
  result->threshold = rarely(5) ? strange_number() : rarely(2) ? 0.0 : 0.25;
  result->row_values = rarely(3) ? NULL : buffers[ROW_VALUES].bytes + GUARD;
  describe_gradient(batch->logits, batch->logits_row_stride, classes, GRADIENT, &result->gradient,
                    &result->gradient_row_stride);
  result->gradient_class_stride = batch->logits_class_stride;
  result->gradient_group_stride = batch->logits_group_stride;
  result->multi_label_gradient_class_stride = batch->multi_label_class_stride;
  result->multi_label_gradient_group_stride = batch->multi_label_group_stride;
  if (batch->logits_class_stride != 0) {
    result->gradient_row_stride = batch->logits_row_stride;
    if (rarely(3)) result->gradient_class_stride = class_stride_of(batch->rows);
  }
  describe_gradient(batch->multi_label_logits, batch->multi_label_row_stride, classes, MULTI_LABEL_GRADIENT,
                    &result->multi_label_gradient, &result->multi_label_gradient_row_stride);
  if (rarely(60)) result->struct_size = (size_t)random_below(&state, 250);
  /* A program compiled before there were two heads. */
  if (rarely(60)) result->struct_size = offsetof(topkloss_result, multi_label_gradient);
}

static void describe(topkloss_batch *batch, roomy_result *roomy,
                     const topkloss_executor *executor) {
  const int64_t most_rows = rarely(100) ? MANY_ROWS : FEW_ROWS;
  const int64_t rows = random_below(&state, most_rows + 1);
  const int has_classes = classes_of_loss > 0 && classes_of_loss <= MAX_CLASSES;
  const int64_t classes =
      has_classes && !rarely(10) ? classes_of_loss : 1 + random_below(&state, MAX_CLASSES);
  set_sizes(most_rows);
  topkloss_batch_init(batch, sizeof *batch);
  batch->rows = rarely(50) ? impossible_size() : rows;
  batch->classes = rarely(50) ? impossible_size() : classes;
  batch->dtype = enumerator(4);
  batch->label_type = enumerator(2);
  batch->logits = rarely(60) ? NULL : middle(&buffers[LOGITS]);
  batch->logits_row_stride = stride_of(classes);
  batch->multi_label_logits = rarely(30) ? NULL : middle(&buffers[MULTI_LABEL_LOGITS]);
  if (rarely(30)) batch->multi_label_logits = batch->logits;
  batch->multi_label_row_stride = rarely(3) ? stride_of(classes) : batch->logits_row_stride;
  if (rarely(6)) {
    batch->soft_labels = rarely(30) ? batch->logits : middle(&buffers[SOFT_LABELS]);
    batch->soft_labels_row_stride = stride_of(classes);
  }
  if (rarely(5)) {
    batch->rows_per_group = group_of(rows);
    batch->logits_group_stride = stride_of(classes);
    batch->multi_label_group_stride = stride_of(classes);
    batch->soft_labels_group_stride = stride_of(classes);
  } else if (rarely(4)) {
    batch->logits_row_stride = batch->multi_label_row_stride = rarely(3) ? -1 : 1;
    batch->logits_class_stride = class_stride_of(rows);
    batch->multi_label_class_stride = class_stride_of(rows);
  }
  batch->labels = rarely(60) ? NULL : buffers[LABELS].bytes + GUARD;
  if (rarely(3)) batch->sample_weight = (const double *)(void *)(buffers[WEIGHTS].bytes + GUARD);
  if (rarely(3)) batch->upstream = (const double *)(void *)(buffers[WEIGHTS].bytes + GUARD);
  if (rarely(2)) {
    batch->noise = buffers[NOISE].bytes + buffers[NOISE].size / 2;
    batch->noise_sample_stride = rarely(2) ? 0 : stride_of(classes);
    batch->noise_row_stride = rarely(2) ? 0 : stride_of(classes);
  }
  batch->step = random_word(&state);
  batch->first_row = rarely(20) ? impossible_size() : random_below(&state, 1000);
  batch->executor = rarely(2) ? executor : NULL;
  if (rarely(60)) batch->struct_size = (size_t)impossible_size();
  if (rarely(60)) batch->struct_size = offsetof(topkloss_batch, multi_label_logits);
  describe_output(batch, classes, roomy);
  fill_buffers(batch->dtype, batch->noise != NULL, batch->soft_labels != NULL);
}

/* Members that the caller's struct has not, as its size says, are not read. */
static strides strides_of(const topkloss_batch *batch, const topkloss_result *result, int64_t row, int64_t class,
                          int64_t group) {
  const int has_batch = batch->struct_size >= sizeof *batch;
  const int has_result = result->struct_size >= sizeof *result;
  strides by;
  by.row = row;
  by.class = has_result ? class : 0;
  by.group = has_result ? group : 0;
  by.rows_per_group = has_batch ? batch->rows_per_group : 0;
  return by;
}

/* What a call that succeeds may write. */
static void allow_output(const topkloss_batch *batch, const topkloss_result *result) {
  static const int64_t sizes[] = {4, 8, 2, 2};
  const int64_t element = sizes[batch->dtype];
  if (result->gradient != NULL)
    allow(result->gradient, batch->rows, batch->classes,
          strides_of(batch, result, result->gradient_row_stride, result->gradient_class_stride,
                     result->gradient_group_stride),
          element);
  if (result->row_values != NULL)
    memset(buffers[ROW_VALUES].may_change + GUARD, 1, (size_t)(batch->rows * element));
}

/* And what it may write besides, if it is of a loss with two heads, into a struct that has the second. */
static void allow_second_output(const topkloss_batch *batch, const topkloss_result *result) {
  static const int64_t sizes[] = {4, 8, 2, 2};
  if (result->multi_label_gradient == NULL || result->struct_size < sizeof *result) return;
  allow(result->multi_label_gradient, batch->rows, batch->classes,
        strides_of(batch, result, result->multi_label_gradient_row_stride, result->multi_label_gradient_class_stride,
                   result->multi_label_gradient_group_stride),
        sizes[batch->dtype]);
}

#endif /* HOSTILE_BATCH_H */
