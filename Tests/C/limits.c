/*
 * Sizes at the ends of their ranges: strides that leave the address space are refused, whatever they are of; a metric takes
 * memory for the classes that it finds and not for those that there are; rows are numbered up to 2^63 - 1, by all that
 * draw noise.
 *
 * Fails without: the check of a matrix's bytes against what processors address; tallies by class of pages that are zero
 * until they are written; one check of the first row.
 */
#define _GNU_SOURCE
#include <sys/mman.h>
#include <sys/resource.h>

#include "every_loss.h"
#include "interpose.h"

enum { CLASSES = 8, MANY_CLASSES = 1 << 24, SAMPLES = 3 };

/* ---- strides */

static void strides_beyond_memory(int kind, const double *counts) {
  const int64_t strides[] = {INT64_C(1) << 57, -(INT64_C(1) << 57), -(INT64_C(1) << 59), INT64_MAX / 8, INT64_MIN / 8};
  topkloss_loss *loss = NULL;
  workload work;
  workload_init(&work, 3, CLASSES);
  CHECK_OK(create_loss(kind, CLASSES, counts, TOPKLOSS_MEAN, &loss));
  CHECK_OK(topkloss_evaluate(loss, &work.batch, &work.result));
  for (size_t i = 0; i < sizeof strides / sizeof strides[0]; i++) {
    const topkloss_batch batch = work.batch;
    const topkloss_result result = work.result;
    int64_t *const members[] = {
        &work.batch.logits_row_stride,      &work.batch.logits_class_stride,       &work.result.gradient_row_stride,
        &work.result.gradient_class_stride, &work.batch.logits_group_stride,       &work.result.gradient_group_stride,
    };
    for (size_t j = 0; j < sizeof members / sizeof members[0]; j++) {
      topkloss_status status;
      work.batch.rows_per_group = j < 4 ? 0 : 1;
      *members[j] = strides[i];
      status = topkloss_evaluate(loss, &work.batch, &work.result);
      CHECK(status == TOPKLOSS_ERROR_SIZE, "%s, stride %d of %lld: %s", loss_kinds[kind].name, (int)j,
            (long long)strides[i], topkloss_status_name(status));
      work.batch = batch;
      work.result = result;
    }
  }
  topkloss_loss_destroy(loss);
  workload_free(&work);
}

/* ---- memory by class */

static long peak_kilobytes(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

static void accuracy_of_many_classes(void) {
  const size_t bytes = sizeof(float) * (size_t)MANY_CLASSES;
  const int64_t label = 5;
  const long before = peak_kilobytes();
  topkloss_topk_accuracy_options options;
  topkloss_batch batch;
  double accuracy = 0.0;
  /* Of zeros, which the system has one page of for all. */
  void *const logits = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(logits != MAP_FAILED, "no addresses");
  CHECK_OK(topkloss_batch_init(&batch, sizeof batch));
  CHECK_OK(topkloss_topk_accuracy_options_init(&options, sizeof options));
  batch.rows = 1;
  batch.classes = MANY_CLASSES;
  batch.logits = logits;
  batch.labels = &label;
  options.k = label + 1;
  options.average = TOPKLOSS_MACRO;
  CHECK_OK(topkloss_topk_accuracy(&options, &batch, &accuracy));
  CHECK(accuracy == 1.0, "%g", accuracy);
  CHECK(peak_kilobytes() - before < 65536, "%ld kilobytes for the average over classes", peak_kilobytes() - before);
  accuracy = 0.0;
  options.average = TOPKLOSS_MICRO;
  fail_allocations_from(1 << 20);
  CHECK_OK(topkloss_topk_accuracy(&options, &batch, &accuracy));
  fail_allocations_from(SIZE_MAX);
  CHECK(accuracy == 1.0, "%g", accuracy);
  munmap(logits, bytes);
}

/* ---- rows of noise */

static void last_rows(void) {
  enum { ROWS = 3, K = 2 };
  float noise[ROWS * SAMPLES * CLASSES];
  double values[2];
  topkloss_noised_topk_options options;
  topkloss_loss *loss = NULL;
  workload work;
  workload_init(&work, ROWS, CLASSES);
  CHECK_OK(topkloss_noised_topk_options_init(&options, sizeof options));
  options.k = K;
  options.n_samples = SAMPLES;
  CHECK_OK(topkloss_noised_topk_create(&options, &loss));
  for (int64_t first = INT64_MAX - ROWS - 1; first <= INT64_MAX - ROWS + 1 && first > 0; first++) {
    const topkloss_status expected = first <= INT64_MAX - ROWS ? TOPKLOSS_OK : TOPKLOSS_ERROR_SIZE;
    work.batch.first_row = first;
    work.batch.noise = NULL;
    CHECK(topkloss_evaluate(loss, &work.batch, &work.result) == expected, "evaluate, %lld", (long long)first);
    values[0] = work.result.value;
    CHECK(topkloss_standard_normal(options.seed, 0, first, ROWS, SAMPLES, CLASSES, noise) == expected, "noise, %lld",
          (long long)first);
    if (expected != TOPKLOSS_OK) continue;
    work.batch.noise = noise;
    CHECK_OK(topkloss_evaluate(loss, &work.batch, &work.result));
    values[1] = work.result.value;
    CHECK(values[0] == values[1], "row %lld: drawn %g, given %g", (long long)first, values[0], values[1]);
  }
  topkloss_loss_destroy(loss);
  workload_free(&work);
}

int main(void) {
  double counts[CLASSES];
  for (int c = 0; c < CLASSES; c++) counts[c] = 10.0 + c;
  make_loss_kinds();
  accuracy_of_many_classes();
  for (int kind = 0; kind < loss_kind_count; kind++) strides_beyond_memory(kind, counts);
  last_rows();
  return check_summary();
}
