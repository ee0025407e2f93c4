/*
 * A host with OpenMP, whose threads the library may borrow: called outside of parallel regions, inside them by every
 * thread at once, from a thread that OpenMP does not know, and in the child of a fork, it comes to the same numbers.
 */
#define _POSIX_C_SOURCE 200809L
#include <omp.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "every_loss.h"

enum { ROWS = 4000, CLASSES = 60, TEAM = 4 };

static topkloss_loss *losses[MOST_KINDS];
static double expected[MOST_KINDS];

/* How many losses come to other numbers than at first. */
static int count_wrong(void) {
  int wrong = 0;
  workload work;
  workload_init(&work, ROWS, CLASSES);
  for (int kind = 0; kind < loss_kind_count; kind++) {
    work.batch.rows = ROWS / loss_kinds[kind].cost;
    wrong += topkloss_evaluate(losses[kind], &work.batch, &work.result) != TOPKLOSS_OK;
    wrong += memcmp(&work.result.value, &expected[kind], sizeof(double)) != 0;
  }
  workload_free(&work);
  return wrong;
}

static void *on_thread(void *wrong) {
  *(int *)wrong = count_wrong();
  return NULL;
}

static void in_child(const char *when) {
  int status = -1;
  const pid_t process = fork();
  if (process == 0) {
    alarm(PATIENCE);
    _exit(count_wrong());
  }
  CHECK(process > 0 && waitpid(process, &status, 0) == process, "no child %s", when);
  CHECK(status == 0, "child %s: %d", when, status);
}

int main(void) {
  workload work;
  pthread_t thread;
  int wrong = -1;
  int inside = 0;
  make_loss_kinds();
  workload_init(&work, ROWS, CLASSES);
  CHECK_OK(topkloss_set_num_threads(1));
  for (int kind = 0; kind < loss_kind_count; kind++) {
    CHECK_OK(create_loss(kind, CLASSES, work.counts, TOPKLOSS_MEAN, &losses[kind]));
    work.batch.rows = ROWS / loss_kinds[kind].cost;
    CHECK_OK(topkloss_evaluate(losses[kind], &work.batch, &work.result));
    expected[kind] = work.result.value;
  }
  CHECK_OK(topkloss_set_num_threads(TEAM));
  omp_set_num_threads(TEAM);

  wrong = count_wrong();
  CHECK(wrong == 0, "%d outside of parallel regions", wrong);
  in_child("before a parallel region");
#pragma omp parallel reduction(+ : inside)
  for (int i = 0; i < 5; i++) inside += count_wrong();
  CHECK(inside == 0, "%d inside a parallel region", inside);
  wrong = count_wrong();
  CHECK(wrong == 0, "%d after a parallel region", wrong);
  in_child("after a parallel region");

  CHECK(pthread_create(&thread, NULL, on_thread, &wrong) == 0, "no thread");
#pragma omp parallel reduction(+ : inside)
  inside += count_wrong();
  pthread_join(thread, NULL);
  CHECK(wrong == 0 && inside == 0, "%d on a thread beside a parallel region, %d inside", wrong,
        inside);

  for (int kind = 0; kind < loss_kind_count; kind++) topkloss_loss_destroy(losses[kind]);
  workload_free(&work);
  return check_summary();
}
