/*
 * No allocation, however small, is taken for granted: each one that a call makes is refused, in a process of its own
 * where the library has not been used before and in one where it has, alone and with all that come after it. The call then
 * says that there is no memory, or does without, and keeps nothing; the next one has the right answer. So it has in a child
 * that a host's executor forks in the middle of such a call, and that completes the call.
 *
 * Fails without: any one check of what an allocation gave; the places of the reserve given back one by one in the child,
 * which has given back all.
 */
#define _GNU_SOURCE
#include "children.h"
#include "every_function.h"
#include "interpose.h"

enum { ROWS = 1500, CLASSES = 20 };

static caller own;
static answer *expected;

static void set_rows(int which) {
  own.work.batch.rows = which < loss_kind_count ? ROWS / loss_kinds[which].cost : ROWS;
}

/* Calls with one allocation refused, and says whether the call made so many. */
static int call_without(int which, long number, int is_for_good, const char *when) {
  answer found;
  long refusals;
  set_rows(which);
  reset_allocation_calls();
  (is_for_good ? fail_allocations_after : fail_allocation_after)(number);
  found = call_function(which, &own);
  fail_allocation_after(-1);
  refusals = refused_allocations();
  CHECK(is_same_answer(found, expected[which]) || (refusals > 0 && found.status == TOPKLOSS_ERROR_OUT_OF_MEMORY),
        "%s, %s, without allocation %ld: %s", function_name(which), when, number, topkloss_status_name(found.status));
  found = call_function(which, &own);
  CHECK(is_same_answer(found, expected[which]), "%s, %s, after allocation %ld was refused: %s", function_name(which),
        when, number, topkloss_status_name(found.status));
  return refusals > 0;
}

typedef struct {
  int which;
  long number;
  int is_for_good;
  /* Whether the call made so many allocations. */
  int has_refused;
} attempt;

static attempt *tried;

static void try_once(void *unused) {
  (void)unused;
  tried->has_refused = call_without(tried->which, tried->number, tried->is_for_good, "at first use");
}

/* The library is new to a process for one call only. */
static void at_first_use(int which, int is_for_good) {
  tried->which = which;
  tried->is_for_good = is_for_good;
  tried->has_refused = 1;
  for (tried->number = 0; tried->has_refused && failed_checks == 0; tried->number++)
    in_child(try_once, NULL, function_name(which));
}

static void when_used(void *function) {
  const int which = *(int *)function;
  int is_refused = 1;
  call_without(which, -1, 0, "warm");
  for (long number = 0; is_refused; number++) {
    long before;
    topkloss_trim();
    before = live_bytes();
    is_refused = call_without(which, number, 0, "warm");
    is_refused |= call_without(which, number, 1, "warm, and all later ones");
    topkloss_trim();
    CHECK(live_bytes() == before, "%s, without allocation %ld: %ld bytes are kept", function_name(which), number,
          live_bytes() - before);
  }
}

/* ---- a fork in the middle of a call */

static pid_t forked;
static int has_forked;

static void run_and_fork(void *context, int64_t count, topkloss_task task, void *task_context) {
  (void)context;
  for (int64_t index = 0; index < count; index++) task(task_context, index);
  /* A call may have several passes; a child stays one. */
  if (has_forked) return;
  has_forked = 1;
  forked = fork();
  if (forked == 0) alarm(PATIENCE);
}

/* In the child, the call goes on, and another follows. */
static int fork_in_call_without(int which, long number) {
  int status = 0;
  topkloss_executor executor;
  topkloss_executor_init(&executor, sizeof executor);
  executor.parallel_for = run_and_fork;
  executor.concurrency = 2;
  set_rows(which);
  own.work.batch.executor = &executor;
  has_forked = 0;
  forked = -1;
  reset_allocation_calls();
  fail_allocation_after(number);
  call_function(which, &own);
  fail_allocation_after(-1);
  own.work.batch.executor = NULL;
  if (forked == 0) {
    const answer found = call_function(0, &own);
    _exit(found.status != TOPKLOSS_OK);
  }
  CHECK(forked < 0 || (waitpid(forked, &status, 0) == forked && status == 0),
        "%s, without allocation %ld: its child has status %d", function_name(which), number, status);
  return refused_allocations() > 0;
}

static void with_forks(void *unused) {
  int forks = 0;
  for (int which = 0; which < function_count(); which++) {
    if (which < loss_kind_count && loss_kinds[which].cost > 1) continue;
    for (long number = 0; fork_in_call_without(which, number); number++) forks += has_forked;
  }
  CHECK(forks > 0, "no call forked");
  (void)unused;
}

static void find_answer(void *function) {
  const int which = *(int *)function;
  set_rows(which);
  expected[which] = call_function(which, &own);
}

int main(void) {
  expected = shared_memory(MOST_FUNCTIONS * sizeof(answer));
  tried = shared_memory(sizeof *tried);
  make_loss_kinds();
  caller_init(&own, ROWS, CLASSES);
  /* This process itself calls nothing: its children are to be the first. */
  setenv("TOPKLOSS_NUM_THREADS", "3", 1);
  for (int which = 0; which < function_count() && failed_checks == 0; which++) {
    in_child(find_answer, &which, function_name(which));
    at_first_use(which, 0);
    at_first_use(which, 1);
    in_child(when_used, &which, function_name(which));
  }
  in_child(with_forks, NULL, "forks in calls");
  caller_free(&own);
  return check_summary();
}
