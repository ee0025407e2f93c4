/*
 * An extension that uses the library, loaded by host.c: no threads but those that are asked for, no output, no dlerror
 * of its own left behind, and the same numbers after it was unloaded and loaded again.
 */
#define _GNU_SOURCE
#include <dlfcn.h>

#include "every_loss.h"
#include "surroundings.h"

int evaluate_first(void);
int evaluate_again(void);

enum { ROWS = 4000, CLASSES = 60 };

/* The value of every loss, and a piece of its gradient, for comparisons bit for bit. */
typedef struct {
  double values[MOST_KINDS];
  float gradients[MOST_KINDS];
} outcome;

static outcome evaluate_all(void) {
  outcome found;
  workload work;
  workload_init(&work, ROWS, CLASSES);
  memset(&found, 0, sizeof found);
  for (int kind = 0; kind < loss_kind_count; kind++) {
    topkloss_loss *loss = NULL;
    CHECK_OK(create_loss(kind, CLASSES, work.counts, TOPKLOSS_MEAN, &loss));
    work.batch.rows = ROWS / loss_kinds[kind].cost;
    CHECK_OK(topkloss_evaluate(loss, &work.batch, &work.result));
    found.values[kind] = work.result.value;
    found.gradients[kind] = work.gradient[work.batch.rows * CLASSES - 1];
    /* Errors too must be silent. */
    CHECK(topkloss_evaluate(loss, NULL, NULL) != TOPKLOSS_OK, "no error");
    topkloss_loss_destroy(loss);
  }
  workload_free(&work);
  return found;
}

/* On one thread and on four. */
static int evaluate(void) {
  surroundings before;
  outcome single;
  outcome several;
  const char *error;
  look_around(&before);
  topkloss_set_num_threads(1);
  single = evaluate_all();
  (void)dlerror();
  topkloss_set_num_threads(4);
  several = evaluate_all();
  CHECK(memcmp(&single, &several, sizeof single) == 0, "threads show");
  CHECK(thread_count() <= 4, "%d threads where four were allowed", thread_count());
  /* What the library looks up in the process must not be the host's next dlerror. */
  error = dlerror();
  CHECK(error == NULL, "dlerror says %s", error);
  return differ(&before, "after evaluating") + check_summary();
}

int evaluate_first(void) {
  make_loss_kinds();
  topkloss_set_num_threads(1);
  evaluate_all();
  CHECK(thread_count() == 1, "%d threads where one was allowed", thread_count());
  return evaluate();
}

int evaluate_again(void) {
  make_loss_kinds();
  return evaluate();
}
