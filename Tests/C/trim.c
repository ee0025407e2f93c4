/*
 * topkloss_trim frees the memory that threads keep for their next calls, whoever calls it, and none that is in use.
 */
#define _POSIX_C_SOURCE 200809L
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "check.h"
#include "interpose.h"

enum { ROWS = 3000, CLASSES = 20, THREADS = 3, EVALUATIONS = 300 };

static float logits[ROWS * CLASSES];
static int64_t labels[ROWS];
static topkloss_loss *loss;
static pthread_barrier_t barrier;
static atomic_int running = THREADS;

static double evaluate(int64_t rows) {
  topkloss_batch batch;
  topkloss_result result;
  CHECK_OK(topkloss_batch_init(&batch, sizeof batch));
  CHECK_OK(topkloss_result_init(&result, sizeof result));
  batch.rows = rows;
  batch.classes = CLASSES;
  batch.logits = logits;
  batch.labels = labels;
  CHECK_OK(topkloss_evaluate(loss, &batch, &result));
  return result.value;
}

/* Evaluates, waits while the other thread trims, and evaluates again. */
static void *idle_between(void *value) {
  *(double *)value = evaluate(ROWS);
  pthread_barrier_wait(&barrier);
  pthread_barrier_wait(&barrier);
  CHECK(evaluate(ROWS) == *(double *)value, "another value after a trim");
  return NULL;
}

static void *keep_evaluating(void *value) {
  for (int i = 0; i < EVALUATIONS; i++)
    CHECK(evaluate(ROWS - i % 7 * 400) == ((double *)value)[i % 7], "another value in time %d", i);
  atomic_fetch_sub(&running, 1);
  return NULL;
}

int main(void) {
  topkloss_cross_entropy_options options;
  pthread_t threads[THREADS];
  double values[7];
  double value;
  double other;
  long live;
  uint64_t state = 3;
  for (int i = 0; i < ROWS * CLASSES; i++) logits[i] = (float)random_within(&state, 3.0);
  for (int i = 0; i < ROWS; i++) labels[i] = random_below(&state, CLASSES);
  topkloss_trim();
  CHECK_OK(topkloss_cross_entropy_options_init(&options, sizeof options));
  CHECK_OK(topkloss_cross_entropy_create(&options, &loss));
  value = evaluate(ROWS);

  live = live_allocations();
  topkloss_trim();
  CHECK(live_allocations() == live - 1, "%ld pieces freed", live - live_allocations());
  topkloss_trim();
  CHECK(live_allocations() == live - 1, "freed twice");
  CHECK(evaluate(ROWS) == value, "another value after a trim");
  CHECK(live_allocations() == live, "%ld pieces kept after a trim", live_allocations() - live + 1);

  CHECK(pthread_barrier_init(&barrier, NULL, 2) == 0, "no barrier");
  CHECK(pthread_create(&threads[0], NULL, idle_between, &other) == 0, "no thread");
  pthread_barrier_wait(&barrier);
  live = live_allocations();
  topkloss_trim();
  CHECK(live_allocations() == live - 2, "%ld pieces of two threads freed", live - live_allocations());
  pthread_barrier_wait(&barrier);
  pthread_join(threads[0], NULL);
  CHECK(other == value, "another value on another thread");

  for (int i = 0; i < 7; i++) values[i] = evaluate(ROWS - i * 400);
  for (int i = 0; i < THREADS; i++)
    CHECK(pthread_create(&threads[i], NULL, keep_evaluating, values) == 0, "no thread");
  while (atomic_load(&running) > 0) topkloss_trim();
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  topkloss_loss_destroy(loss);
  return check_summary();
}
