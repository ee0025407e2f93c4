/*
 * Every function, on few rows and on many, runs on a thread whose stack has 64 KB, with threads of the library's that have
 * stacks of the system's default, which is as small where `ulimit -s 64` was said before.
 *
 * Fails without: working memory that does not stand on the stack.
 */
#define _GNU_SOURCE
#include <pthread.h>

#include "children.h"
#include "every_function.h"

enum { ROWS = 1500, CLASSES = 300, FEW_CLASSES = 20, FEW_ROWS = 5 };

static caller own;
static answer *few, *many;

static void call_with(int which, int64_t rows, answer *answers, int compares) {
  answer found;
  own.work.batch.rows = which < loss_kind_count && rows > 16 ? rows / loss_kinds[which].cost : rows;
  found = call_function(which, &own);
  if (!compares) answers[which] = found;
  CHECK(is_same_answer(found, answers[which]), "%s, %lld rows: %s", function_name(which), (long long)rows,
        topkloss_status_name(found.status));
}

static void *call_everything(void *compares) {
  for (int which = 0; which < function_count(); which++) {
    own.work.batch.classes = CLASSES;
    call_with(which, FEW_ROWS, few, *(int *)compares);
    own.work.batch.classes = FEW_CLASSES;
    call_with(which, ROWS, many, *(int *)compares);
  }
  return NULL;
}

/* Where pages have up to 64 KB, as on aarch64, the least is twice as much. */
static long smallest_stack(void) {
  const long least = sysconf(_SC_THREAD_STACK_MIN);
  return least > 64 * 1024 ? least : 64 * 1024;
}

static void on_small_stack(void *compares) {
  pthread_attr_t attributes;
  pthread_t thread;
  CHECK_OK(topkloss_set_num_threads(3));
  pthread_attr_init(&attributes);
  CHECK(pthread_attr_setstacksize(&attributes, (size_t)smallest_stack()) == 0, "no such stack");
  CHECK(pthread_create(&thread, &attributes, call_everything, compares) == 0, "no thread");
  pthread_join(thread, NULL);
}

static void as_usual(void *compares) { call_everything(compares); }

int main(void) {
  int compares = 0;
  few = shared_memory(MOST_FUNCTIONS * sizeof(answer));
  many = shared_memory(MOST_FUNCTIONS * sizeof(answer));
  make_loss_kinds();
  caller_init(&own, ROWS, CLASSES);
  in_child(as_usual, &compares, "on the usual stack");
  compares = 1;
  in_child(on_small_stack, &compares, "on a stack of 64 KB");
  caller_free(&own);
  return check_summary();
}
