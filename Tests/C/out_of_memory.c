/*
 * Memory that the system does not give is an error like any other: the call says so, writes nothing, and the next one
 * works again.
 */
#include "every_loss.h"
#include "interpose.h"

enum { CLASSES = 20000, ROWS = 16 };

/* Class vectors of this loss are longer than any request that is granted. */
static void create_without_memory(const double *counts) {
  for (int kind = 0; kind < LOSS_KINDS; kind++) {
    topkloss_loss *loss;
    topkloss_status status;
    fail_allocations_from(sizeof(double) * CLASSES / 2);
    status = create_loss(kind, CLASSES, counts, TOPKLOSS_MEAN, &loss);
    fail_allocations_from(SIZE_MAX);
    CHECK(status == TOPKLOSS_ERROR_OUT_OF_MEMORY, "%s: %s", loss_names[kind],
          topkloss_status_name(status));
    CHECK(loss == NULL, "%s leaves a handle", loss_names[kind]);
    CHECK_OK(create_loss(kind, CLASSES, counts, TOPKLOSS_MEAN, &loss));
    topkloss_loss_destroy(loss);
  }
}

/* The rows' losses are kept in memory of the library's own while they are put together. */
static void evaluate_without_memory(int32_t threads) {
  const int64_t rows = 400000;
  workload work;
  workload_init(&work, rows, 2);
  CHECK_OK(topkloss_set_num_threads(threads));
  for (int kind = 0; kind < LOSS_KINDS - 1; kind++) {
    topkloss_loss *loss;
    topkloss_status status;
    CHECK_OK(create_loss(kind, 2, work.counts, TOPKLOSS_MEAN, &loss));
    memset(work.gradient, 0x5A, sizeof(float) * 2 * (size_t)rows);
    work.result.value = 77.0;
    if (kind == 0) {
      fail_allocations_from((size_t)rows);
      status = topkloss_evaluate(loss, &work.batch, &work.result);
      fail_allocations_from(SIZE_MAX);
      CHECK(status == TOPKLOSS_ERROR_OUT_OF_MEMORY, "%s", topkloss_status_name(status));
      CHECK(strstr(topkloss_last_error(), "memory") != NULL, "%s", topkloss_last_error());
      CHECK(work.result.value == 77.0, "%g", work.result.value);
      for (int64_t i = 0; i < 2 * rows * (int64_t)sizeof(float); i++)
        CHECK(((const unsigned char *)work.gradient)[i] == 0x5A, "byte %lld", (long long)i);
    }
    CHECK_OK(topkloss_evaluate(loss, &work.batch, &work.result));
    topkloss_loss_destroy(loss);
  }
  workload_free(&work);
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
  for (int kind = 0; kind < LOSS_KINDS; kind++) {
    double accuracy = 77.0;
    topkloss_loss *loss;
    topkloss_loss *ready;
    topkloss_status created;
    topkloss_status evaluated;
    topkloss_status refused;
    topkloss_status measured;
    CHECK_OK(create_loss(kind, CLASSES, work.counts, TOPKLOSS_MEAN, &ready));
    fail_allocations_from(0);
    created = create_loss(kind, CLASSES, work.counts, TOPKLOSS_MEAN, &loss);
    evaluated = topkloss_evaluate(ready, &work.batch, &work.result);
    refused = topkloss_evaluate(ready, &wrong, &work.result);
    measured = topkloss_topk_accuracy(NULL, &work.batch, &accuracy);
    fail_allocations_from(SIZE_MAX);
    CHECK(created == TOPKLOSS_ERROR_OUT_OF_MEMORY && loss == NULL, "%s: %s", loss_names[kind],
          topkloss_status_name(created));
    /* The thread may have memory from an earlier call. */
    CHECK(evaluated == TOPKLOSS_ERROR_OUT_OF_MEMORY || evaluated == TOPKLOSS_OK, "%s: %s",
          loss_names[kind], topkloss_status_name(evaluated));
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
  nothing_at_all();
  workload_init(&work, ROWS, CLASSES);
  create_without_memory(work.counts);
  workload_free(&work);
  evaluate_without_memory(1);
  macro_accuracy_without_memory();
  return check_summary();
}
