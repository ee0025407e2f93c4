/*
 * A host's executor whose tasks' threads call the library themselves, before a task, after it and instead of waiting: on
 * the thread that is in the middle of a call, with an executor of its own, two deep, or with the library's threads, whose
 * number they change. Every call has its own answer, and every one leaves the floating-point environment that it found.
 *
 * Fails without: working memory taken by a call, and not merely lent to it; the environment of the outer call kept through
 * an inner one.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>

#include "children.h"
#include "every_function.h"
#include "floating_point.h"

enum { ROWS = 1200, CLASSES = 20, DEEPEST = 2, HELPERS = 2 };

static answer expected[MOST_FUNCTIONS];
static atomic_long inner_calls;
static atomic_int next_inner;

/* A call of the host's: how deep it is, and the environment in which it was made. */
typedef struct {
  int depth;
  unsigned control;
} outer_call;

/* A host's threads, for one call: who calls and two others take turns. */
typedef struct {
  int depth;
  int64_t count;
  topkloss_task task;
  void *task_context;
  atomic_llong next;
} work_of_host;

static void run_with_host(void *context, int64_t count, topkloss_task task, void *task_context);

static answer call_at_depth(int which, int depth) {
  outer_call call = {.depth = depth, .control = control()};
  topkloss_executor executor;
  answer found;
  caller own;
  const int rounding = fegetround();
  /* The same batch in every environment. */
  fesetround(FE_TONEAREST);
  caller_init(&own, ROWS, CLASSES);
  fesetround(rounding);
  topkloss_executor_init(&executor, sizeof executor);
  executor.parallel_for = run_with_host;
  executor.context = &call;
  executor.concurrency = 1 + HELPERS;
  own.work.batch.rows = which < loss_kind_count ? ROWS / loss_kinds[which].cost : ROWS;
  if (depth < DEEPEST) own.work.batch.executor = &executor;
  found = call_function(which, &own);
  caller_free(&own);
  return found;
}

static void call_inside(int depth) {
  const int which = atomic_fetch_add(&next_inner, 1) % function_count();
  const unsigned before = control();
  answer found;
  if (depth > DEEPEST) return;
  topkloss_set_num_threads(1 + which % 4);
  found = call_at_depth(which, depth);
  CHECK(is_same_answer(found, expected[which]), "%s, %d deep: %s", function_name(which), depth,
        topkloss_status_name(found.status));
  CHECK(control() == before, "%s, %d deep: %x became %x", function_name(which), depth, before, control());
  atomic_fetch_add(&inner_calls, 1);
}

/* Some of the tasks, among calls of this thread's own. */
static void take_turns(work_of_host *work, int modes) {
  static const int roundings[] = {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
  for (int64_t index = atomic_fetch_add(&work->next, 1); index < work->count;
       index = atomic_fetch_add(&work->next, 1)) {
    unsigned before;
    fesetround(roundings[(modes + index) % 3]);
    before = control();
    if (index % 4 == 0) call_inside(work->depth + 1);
    work->task(work->task_context, index);
    CHECK(control() == before, "a task turns %x into %x", before, control());
    if (index % 4 == 1) call_inside(work->depth + 1);
  }
}

static void *help(void *work) {
  take_turns(work, 1);
  return NULL;
}

static void run_with_host(void *context, int64_t count, topkloss_task task, void *task_context) {
  const outer_call *const call = context;
  const int rounding = fegetround();
  work_of_host work = {.depth = call->depth, .count = count, .task = task, .task_context = task_context};
  pthread_t threads[HELPERS];
  /* In each pass of a call, whatever calls there were in the one before. */
  CHECK(control() == call->control, "an executor is called in %x, not %x", control(), call->control);
  for (int i = 0; i < HELPERS; i++) CHECK(pthread_create(&threads[i], NULL, help, &work) == 0, "no thread");
  take_turns(&work, 0);
  for (int i = 0; i < HELPERS; i++) pthread_join(threads[i], NULL);
  /* What the calling thread is given back is what the library gave it. */
  fesetround(rounding);
}

int main(void) {
  unsigned before;
  alarm(2 * PATIENCE);
  make_loss_kinds();
  CHECK_OK(topkloss_set_num_threads(3));
  for (int which = 0; which < function_count(); which++) expected[which] = call_at_depth(which, DEEPEST);
  fesetround(FE_UPWARD);
  before = control();
  for (int which = 0; which < function_count() && failed_checks == 0; which++) {
    const answer found = call_at_depth(which, 0);
    CHECK(is_same_answer(found, expected[which]), "%s: %s", function_name(which), topkloss_status_name(found.status));
    CHECK(control() == before, "%s turns %x into %x", function_name(which), before, control());
  }
  CHECK(atomic_load(&inner_calls) > 3L * function_count(), "%ld inner calls", atomic_load(&inner_calls));
  return check_summary();
}
