/*
 * No call is a cancellation point: a host's thread that is to be cancelled, the first one with OpenMP's threads or another,
 * completes the call with the right answer and its own floating-point environment, and ends where the host lets it.
 * (Asynchronous cancellation, which may end a thread at any instruction, is the host's own fault: POSIX allows it nothing
 * but three functions.)
 *
 * Fails without: cancellation disabled around what waits for the pool's threads, or starts OpenMP's on trial; files left
 * alone after loading.
 */
#define _GNU_SOURCE
#include <pthread.h>
#ifdef _OPENMP
#include <omp.h>
#endif

#include "children.h"
#include "every_function.h"
#include "floating_point.h"

enum { ROWS = 3000, CLASSES = 40, ROUNDS = 100 };

static answer *expected;

/* What the thread is doing, for the handler that its end calls. */
typedef struct {
  caller own;
  const char *when;
  const char *inside;
  unsigned control;
  /* Whether it may be cancelled between calls. */
  int is_willing;
  int is_ended;
} victim;

static void victim_ends(void *context) {
  victim *const ended = context;
  CHECK(ended->inside == NULL, "%s: cancelled inside %s", ended->when, ended->inside);
  CHECK(control() == ended->control, "%s: %x became %x", ended->when, ended->control, control());
  ended->is_ended = 1;
}

/* Calls every function, with the host's own rounding. */
static void call_functions(victim *called) {
  for (int which = 0; which < function_count(); which++) {
    answer found;
    called->inside = function_name(which);
    found = call_function(which, &called->own);
    called->inside = NULL;
    CHECK(is_same_answer(found, expected[which]), "%s, %s: %s", called->when, function_name(which),
          topkloss_status_name(found.status));
    CHECK(control() == called->control, "%s, %s: %x became %x", called->when, function_name(which), called->control,
          control());
    if (called->is_willing) pthread_testcancel();
  }
}

/* From the first call on, a cancellation is pending. */
static void *call_cancelled(void *context) {
  victim *const called = context;
  fesetround(FE_UPWARD);
  called->control = control();
  pthread_cleanup_push(victim_ends, called);
  pthread_cancel(pthread_self());
  call_functions(called);
  pthread_testcancel();
  CHECK(0, "%s: not cancelled", called->when);
  pthread_cleanup_pop(0);
  return NULL;
}

static void *call_until_cancelled(void *context) {
  victim *const called = context;
  fesetround(FE_DOWNWARD);
  called->control = control();
  pthread_cleanup_push(victim_ends, called);
  called->is_willing = 1;
  while (1) call_functions(called);
  pthread_cleanup_pop(0);
  return NULL;
}

static victim of_all = {.when = "on another thread"};

static void find_answers(void *unused) {
  (void)unused;
  call_all(&of_all.own, expected);
}

static void cancel_another(void *unused) {
  pthread_t thread;
  CHECK(pthread_create(&thread, NULL, call_cancelled, &of_all) == 0, "no thread");
  pthread_join(thread, NULL);
  CHECK(of_all.is_ended, "no end");
  fesetround(FE_TONEAREST);
  expect_all(&of_all.own, expected, "on the thread that stays");
  (void)unused;
}

static void cancel_by_chance(void *unused) {
  uint64_t state = 5;
  of_all.when = "at a moment by chance";
  for (int round = 0; round < ROUNDS && failed_checks == 0; round++) {
    pthread_t thread;
    of_all.is_ended = 0;
    CHECK(pthread_create(&thread, NULL, call_until_cancelled, &of_all) == 0, "no thread");
    usleep((unsigned)random_below(&state, 10000));
    pthread_cancel(thread);
    pthread_join(thread, NULL);
    CHECK(of_all.is_ended, "no end");
  }
  (void)unused;
}

static pthread_t first_thread;

static void *await_first_thread(void *unused) {
  pthread_join(first_thread, NULL);
  CHECK(of_all.is_ended, "no end");
  expect_all(&of_all.own, expected, "on the thread that stays");
  _exit(check_summary());
  return unused;
}

int main(void) {
  pthread_t thread;
  expected = shared_memory(MOST_FUNCTIONS * sizeof(answer));
  make_loss_kinds();
  caller_init(&of_all.own, ROWS, CLASSES);
  CHECK_OK(topkloss_set_num_threads(3));
  in_child(find_answers, NULL, "not cancelled");
  in_child(cancel_another, NULL, of_all.when);
  in_child(cancel_by_chance, NULL, "by chance");
#ifdef _OPENMP
  omp_set_num_threads(2);
  CHECK_OK(topkloss_set_num_threads(2));
#endif
  of_all.when = "on the first thread";
  of_all.is_ended = 0;
  first_thread = pthread_self();
  CHECK(pthread_create(&thread, NULL, await_first_thread, NULL) == 0, "no thread");
  call_cancelled(&of_all);
  return 1;
}
