/*
 * Memory that the system does not give is an error like any other: the call says so, writes nothing, and the next one
 * works again.
 */
#include <pthread.h>

#include "every_loss.h"
#include "interpose.h"

enum { CLASSES = 20000, ROWS = 16, FEW_BYTES = 4096 };

/* Class vectors of this loss are longer than any request that is granted. */
static void create_without_memory(const double *counts) {
  for (int kind = 0; kind < loss_kind_count; kind++) {
    topkloss_loss *loss;
    topkloss_status status;
    if (!loss_kinds[kind].has_class_vectors) continue;
    fail_allocations_from(sizeof(double) * CLASSES / 2);
    status = create_loss(kind, CLASSES, counts, TOPKLOSS_MEAN, &loss);
    fail_allocations_from(SIZE_MAX);
    CHECK(status == TOPKLOSS_ERROR_OUT_OF_MEMORY, "%s: %s", loss_kinds[kind].name,
          topkloss_status_name(status));
    CHECK(loss == NULL, "%s leaves a handle", loss_kinds[kind].name);
    CHECK_OK(create_loss(kind, CLASSES, counts, TOPKLOSS_MEAN, &loss));
    topkloss_loss_destroy(loss);
  }
}

/* One evaluation with no memory for anything large, and one with. */
typedef struct {
  workload work;
  topkloss_loss *loss;
  topkloss_status status;
  int has_message;
  int was_written;
} attempt;

/* On a thread of its own, which has no memory from an earlier call. */
static void *try_to_evaluate(void *argument) {
  attempt *const tried = argument;
  workload *const work = &tried->work;
  const size_t bytes = sizeof(float) * (size_t)(work->batch.rows * work->batch.classes);
  memset(work->gradient, 0x5A, bytes);
  memset(work->multi_label_gradient, 0x5A, bytes);
  memset(work->row_values, 0x5A, sizeof(float) * (size_t)work->batch.rows);
  work->result.value = work->result.threshold = 77.0;
  fail_allocations_from(FEW_BYTES);
  tried->status = topkloss_evaluate(tried->loss, &work->batch, &work->result);
  fail_allocations_from(SIZE_MAX);
  tried->has_message = strstr(topkloss_last_error(), "memory") != NULL;
  tried->was_written = work->result.value != 77.0 || work->result.threshold != 77.0;
  for (size_t i = 0; i < bytes; i++) {
    tried->was_written |= ((const unsigned char *)work->gradient)[i] != 0x5A;
    tried->was_written |= ((const unsigned char *)work->multi_label_gradient)[i] != 0x5A;
  }
  for (int64_t row = 0; row < work->batch.rows; row++)
    tried->was_written |= memcmp(&work->row_values[row], "ZZZZ", 4) != 0;
  work->result.threshold = 0.0;
  CHECK_OK(topkloss_evaluate(tried->loss, &work->batch, &work->result));
  return NULL;
}

/* The rows' losses are kept in memory of the library's own while they are put together: every loss needs some. */
static void evaluate_without_memory(int32_t threads) {
  CHECK_OK(topkloss_set_num_threads(threads));
  for (int kind = 0; kind < loss_kind_count; kind++) {
    const int64_t rows = 20000 / loss_kinds[kind].cost;
    pthread_t thread;
    attempt tried;
    memset(&tried, 0, sizeof tried);
    workload_init(&tried.work, rows, 5);
    CHECK_OK(create_loss(kind, 5, tried.work.counts, TOPKLOSS_MEAN, &tried.loss));
    CHECK(pthread_create(&thread, NULL, try_to_evaluate, &tried) == 0, "no thread");
    pthread_join(thread, NULL);
    CHECK(tried.status == TOPKLOSS_ERROR_OUT_OF_MEMORY, "%s: %s", loss_kinds[kind].name,
          topkloss_status_name(tried.status));
    CHECK(tried.has_message, "%s: no message", loss_kinds[kind].name);
    CHECK(!tried.was_written, "%s wrote something", loss_kinds[kind].name);
    topkloss_loss_destroy(tried.loss);
    workload_free(&tried.work);
  }
}

static void macro_accuracy_without_memory(void) {
  topkloss_topk_accuracy_options options;
  workload work;
  double accuracy = 77.0;
  topkloss_status status;
  workload_init(&work, ROWS, CLASSES * 4);
  CHECK_OK(topkloss_topk_accuracy_options_init(&options, sizeof options));
  options.average = TOPKLOSS_MACRO;
  fail_allocations_from(CLASSES);
  status = topkloss_topk_accuracy(&options, &work.batch, &accuracy);
  fail_allocations_from(SIZE_MAX);
  /* It may do without, or find the memory that an earlier call left. */
  CHECK(status == TOPKLOSS_OK || (status == TOPKLOSS_ERROR_OUT_OF_MEMORY && accuracy == 77.0),
        "%s, %g", topkloss_status_name(status), accuracy);
  CHECK_OK(topkloss_topk_accuracy(&options, &work.batch, &accuracy));
  workload_free(&work);
}

/* What stands beside the losses may do without memory, or say that it has none; but then it has written nothing. */
static void *helpers_without_memory(void *unused) {
  enum { FEW_CLASSES = 50 };
  topkloss_average_k_accuracy_options average;
  topkloss_shot_accuracy_options shots;
  topkloss_threshold threshold;
  topkloss_loss *loss = NULL;
  topkloss_status statuses[5];
  workload work;
  double accuracy = 77.0;
  double shares[3] = {77.0, 77.0, 77.0};
  int64_t predictions[ROWS];
  int64_t indptr[ROWS + 1];
  workload_init(&work, ROWS, FEW_CLASSES);
  memset(predictions, 0x5A, sizeof predictions);
  memset(indptr, 0x5A, sizeof indptr);
  CHECK_OK(create_loss(kind_named("outlying_mse 0"), FEW_CLASSES, work.counts, TOPKLOSS_MEAN, &loss));
  CHECK_OK(topkloss_threshold_init(&threshold, sizeof threshold));
  threshold.value = 77.0;
  CHECK_OK(topkloss_average_k_accuracy_options_init(&average, sizeof average));
  average.k = 2.0;
  average.average = TOPKLOSS_MACRO;
  CHECK_OK(topkloss_shot_accuracy_options_init(&shots, sizeof shots));
  shots.classes = FEW_CLASSES;
  shots.class_counts = work.counts;
  shots.average = TOPKLOSS_MACRO;
  fail_allocations_from(0);
  statuses[0] = topkloss_average_k_threshold(2.0, &work.batch, &threshold);
  statuses[1] = topkloss_average_k_accuracy(&average, &work.batch, &accuracy);
  statuses[2] = topkloss_shot_accuracy(&shots, &work.batch, shares);
  statuses[3] = topkloss_outlying_mse_predict(loss, &work.batch, TOPKLOSS_NEAREST_TEACHER, predictions);
  statuses[4] = topkloss_predict_sets(&threshold, 0, &work.batch, indptr, NULL, 0);
  fail_allocations_from(SIZE_MAX);
  for (int i = 0; i < 5; i++)
    CHECK(statuses[i] == TOPKLOSS_OK || statuses[i] == TOPKLOSS_ERROR_OUT_OF_MEMORY, "%d: %s", i,
          topkloss_status_name(statuses[i]));
  CHECK((statuses[0] == TOPKLOSS_OK) != (threshold.value == 77.0), "%g", threshold.value);
  CHECK((statuses[1] == TOPKLOSS_OK) != (accuracy == 77.0), "%g", accuracy);
  for (int i = 0; i < 3; i++) CHECK((statuses[2] == TOPKLOSS_OK) != (shares[i] == 77.0), "%g", shares[i]);
  CHECK((statuses[3] == TOPKLOSS_OK) != (predictions[0] == INT64_C(0x5A5A5A5A5A5A5A5A)), "predictions");
  CHECK((statuses[4] == TOPKLOSS_OK) != (indptr[0] == INT64_C(0x5A5A5A5A5A5A5A5A)), "sets");
  topkloss_loss_destroy(loss);
  workload_free(&work);
  return unused;
}

/* Not a byte: nothing that the library does may end the process. */
static void nothing_at_all(void) {
  const int64_t label = 3;
  const float logits[3] = {1, 2, 3};
  workload work;
  topkloss_batch wrong;
  workload_init(&work, ROWS, CLASSES);
  CHECK_OK(topkloss_batch_init(&wrong, sizeof wrong));
  wrong.rows = 1;
  wrong.classes = 3;
  wrong.logits = logits;
  wrong.labels = &label;
  for (int kind = 0; kind < loss_kind_count; kind++) {
    double accuracy = 77.0;
    topkloss_loss *loss = NULL;
    topkloss_loss *ready;
    topkloss_status created = TOPKLOSS_ERROR_OUT_OF_MEMORY;
    topkloss_status evaluated;
    topkloss_status refused;
    topkloss_status measured;
    /* Classes that the loss does not have; without vectors it takes any number of them, but no negative one of rows. */
    wrong.rows = loss_kinds[kind].has_class_vectors ? 1 : -1;
    CHECK_OK(create_loss(kind, CLASSES, work.counts, TOPKLOSS_MEAN, &ready));
    fail_allocations_from(0);
    /* The few hundred bytes of a handle without vectors are taken for granted. */
    if (loss_kinds[kind].has_class_vectors)
      created = create_loss(kind, CLASSES, work.counts, TOPKLOSS_MEAN, &loss);
    evaluated = topkloss_evaluate(ready, &work.batch, &work.result);
    refused = topkloss_evaluate(ready, &wrong, &work.result);
    measured = topkloss_topk_accuracy(NULL, &work.batch, &accuracy);
    fail_allocations_from(SIZE_MAX);
    CHECK(created == TOPKLOSS_ERROR_OUT_OF_MEMORY && loss == NULL, "%s: %s", loss_kinds[kind].name,
          topkloss_status_name(created));
    /* The thread may have memory from an earlier call. */
    CHECK(evaluated == TOPKLOSS_ERROR_OUT_OF_MEMORY || evaluated == TOPKLOSS_OK, "%s: %s",
          loss_kinds[kind].name, topkloss_status_name(evaluated));
    CHECK(refused == TOPKLOSS_ERROR_SIZE, "%s", topkloss_status_name(refused));
    CHECK(measured == TOPKLOSS_ERROR_OUT_OF_MEMORY && accuracy == 77.0, "%s, %g",
          topkloss_status_name(measured), accuracy);
    CHECK_OK(topkloss_evaluate(ready, &work.batch, &work.result));
    topkloss_loss_destroy(ready);
  }
  workload_free(&work);
}

int main(void) {
  workload work;
  pthread_t thread;
  make_loss_kinds();
  nothing_at_all();
  CHECK(pthread_create(&thread, NULL, helpers_without_memory, NULL) == 0, "no thread");
  pthread_join(thread, NULL);
  workload_init(&work, ROWS, CLASSES);
  create_without_memory(work.counts);
  workload_free(&work);
  evaluate_without_memory(1);
  evaluate_without_memory(2);
  macro_accuracy_without_memory();
  return check_summary();
}
