/*
 * A warm evaluation allocates nothing: on one thread and on two, of every loss, in every element type, with its own
 * noise and with given noise. "Warm": the same call has been made before.
 */
#include "every_loss.h"
#include "interpose.h"

enum { ROWS = 2048, CLASSES = 80, SAMPLES = 5, REPEATS = 5 };

static long calls_of_evaluate(const topkloss_loss *loss, workload *work) {
  /* Several times: threads of the pool warm up too, and any of them may take any part of the work. */
  for (int i = 0; i < 10; i++) CHECK_OK(topkloss_evaluate(loss, &work->batch, &work->result));
  reset_allocation_calls();
  for (int i = 0; i < REPEATS; i++)
    CHECK_OK(topkloss_evaluate(loss, &work->batch, &work->result));
  return allocation_calls();
}

static void evaluate_every_loss(workload *work, int32_t threads, topkloss_dtype dtype) {
  for (int kind = 0; kind < loss_kind_count; kind++) {
    topkloss_loss *loss;
    long calls;
    work->batch.rows = ROWS / loss_kinds[kind].cost;
    CHECK_OK(create_loss(kind, CLASSES, work->counts, TOPKLOSS_MEAN, &loss));
    calls = calls_of_evaluate(loss, work);
    CHECK(calls == 0, "%ld calls of %s on %d threads, element type %d", calls, loss_kinds[kind].name,
          threads, dtype);
    topkloss_loss_destroy(loss);
  }
  work->batch.rows = ROWS;
}

static void given_noise(workload *work) {
  topkloss_loss *loss;
  float *const noise = required_memory(sizeof(float) * ROWS * SAMPLES * CLASSES);
  long calls;
  CHECK_OK(topkloss_standard_normal(1, 2, 0, ROWS, SAMPLES, CLASSES, noise));
  CHECK_OK(create_loss(kind_named("noised_topk 0"), CLASSES, work->counts, TOPKLOSS_SUM, &loss));
  work->batch.noise = noise;
  calls = calls_of_evaluate(loss, work);
  CHECK(calls == 0, "%ld calls with given noise", calls);
  work->batch.noise = NULL;
  topkloss_loss_destroy(loss);
  free(noise);
}

int main(void) {
  workload work;
  void *volatile kept;
  make_loss_kinds();
  reset_allocation_calls();
  kept = malloc(100);
  free(kept);
  CHECK(allocation_calls() == 2, "allocations are not counted: %ld", allocation_calls());

  /* Twice as large as float32 needs, so that the bytes can be read as float64 too. */
  workload_init(&work, ROWS * 2, CLASSES);
  memset(work.logits, 0, sizeof(float) * 2 * ROWS * CLASSES);
  memset(work.multi_label_logits, 0, sizeof(float) * 2 * ROWS * CLASSES);
  work.batch.rows = ROWS;
  for (int32_t threads = 1; threads <= 2; threads++) {
    CHECK_OK(topkloss_set_num_threads(threads));
    /* Half of the types on one thread, half on two. */
    for (topkloss_dtype dtype = threads - 1; dtype <= TOPKLOSS_BFLOAT16; dtype += 2) {
      work.batch.dtype = dtype;
      evaluate_every_loss(&work, threads, dtype);
    }
    work.batch.dtype = TOPKLOSS_FLOAT32;
    given_noise(&work);
  }
  workload_free(&work);
  return check_summary();
}
