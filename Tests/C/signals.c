/*
 * Signals in the middle of calls, thousands of them, without SA_RESTART, to the process and to each thread of the host's.
 * The handler, which the library's own threads never run, calls the library again, refused calls too, with an executor or
 * without; both calls have their answers. (Not where the interrupted thread is allocating: there C lets no handler
 * allocate.)
 *
 * Fails without: the signals of the library's threads blocked; working memory taken by a call, and not merely lent to it;
 * threads for one call at a time.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "children.h"
#include "every_function.h"
#include "interpose.h"

enum { ROWS = 1200, CLASSES = 20, FEW_ROWS = 7, HOSTS = 3, ROUNDS = 6 };

static answer expected[MOST_FUNCTIONS], expected_inside[MOST_KINDS];
static topkloss_loss *losses[MOST_KINDS];
static atomic_long handled, nested, wrong, on_strangers;
static atomic_int running;
static pthread_barrier_t all_ready;

/* Of each thread of the host's; of the library's, NULL. */
static _Thread_local caller *inside;
static _Thread_local int which_inside;

static void run_in_order(void *context, int64_t count, topkloss_task task, void *task_context) {
  (void)context;
  for (int64_t index = 0; index < count; index++) task(task_context, index);
}

static void handle(int number) {
  const int kept = errno;
  atomic_fetch_add(&handled, 1);
  if (inside == NULL) {
    atomic_fetch_add(&on_strangers, 1);
  } else if (!is_allocating()) {
    const int kind = which_inside++ % loss_kind_count;
    topkloss_executor executor;
    answer found;
    topkloss_executor_init(&executor, sizeof executor);
    executor.parallel_for = run_in_order;
    executor.concurrency = 2;
    inside->work.batch.executor = number == SIGUSR1 ? &executor : NULL;
    found = answer_of_evaluation(losses[kind], &inside->work);
    if (!is_same_answer(found, expected_inside[kind])) atomic_fetch_add(&wrong, 1);
    if (topkloss_evaluate(losses[kind], NULL, &inside->work.result) != TOPKLOSS_ERROR_NULL_POINTER ||
        topkloss_last_error()[0] == '\0' || topkloss_get_num_threads() < 1)
      atomic_fetch_add(&wrong, 1);
    atomic_fetch_add(&nested, 1);
  }
  errno = kept;
}

static void *call_as_host(void *unused) {
  caller own, few;
  caller_init(&own, ROWS, CLASSES);
  caller_init(&few, FEW_ROWS, CLASSES);
  inside = &few;
  pthread_barrier_wait(&all_ready);
  for (int round = 0; round < ROUNDS; round++) {
    for (int which = 0; which < function_count(); which++) {
      answer found;
      own.work.batch.rows = which < loss_kind_count ? ROWS / loss_kinds[which].cost : ROWS;
      found = call_function(which, &own);
      if (!is_same_answer(found, expected[which])) atomic_fetch_add(&wrong, 1);
    }
  }
  atomic_fetch_sub(&running, 1);
  return unused;
}

static void install(int number) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = handle;
  /* One at a time on a thread, for all use the same buffers. */
  sigfillset(&action.sa_mask);
  CHECK(sigaction(number, &action, NULL) == 0, "no handler");
}

static void find_answers(void) {
  caller own, few;
  caller_init(&own, ROWS, CLASSES);
  caller_init(&few, FEW_ROWS, CLASSES);
  for (int which = 0; which < function_count(); which++) {
    own.work.batch.rows = which < loss_kind_count ? ROWS / loss_kinds[which].cost : ROWS;
    expected[which] = call_function(which, &own);
  }
  for (int kind = 0; kind < loss_kind_count; kind++) {
    CHECK_OK(create_loss(kind, CLASSES, few.work.counts, TOPKLOSS_SUM, &losses[kind]));
    expected_inside[kind] = answer_of_evaluation(losses[kind], &few.work);
  }
  caller_free(&own);
  caller_free(&few);
}

int main(void) {
  pthread_t threads[HOSTS];
  sigset_t set;
  alarm(2 * PATIENCE);
  make_loss_kinds();
  CHECK_OK(topkloss_set_num_threads(3));
  find_answers();
  install(SIGUSR1);
  install(SIGUSR2);
  atomic_store(&running, HOSTS);
  pthread_barrier_init(&all_ready, NULL, HOSTS + 1);
  for (int i = 0; i < HOSTS; i++) CHECK(pthread_create(&threads[i], NULL, call_as_host, NULL) == 0, "no thread");
  /* The process's signals are to be taken by others: this thread takes none. */
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigaddset(&set, SIGUSR2);
  pthread_sigmask(SIG_BLOCK, &set, NULL);
  pthread_barrier_wait(&all_ready);
  for (int i = 0; atomic_load(&running) == HOSTS; i++) {
    if (i % 2 == 0) pthread_kill(threads[i / 2 % HOSTS], i % 4 == 0 ? SIGUSR1 : SIGUSR2);
    else kill(getpid(), i % 4 == 1 ? SIGUSR1 : SIGUSR2);
    usleep(50);
  }
  for (int i = 0; i < HOSTS; i++) pthread_join(threads[i], NULL);
  CHECK(atomic_load(&on_strangers) == 0, "%ld signals on threads of the library", atomic_load(&on_strangers));
  CHECK(atomic_load(&wrong) == 0, "%ld wrong answers", atomic_load(&wrong));
  CHECK(atomic_load(&nested) > 100, "%ld of %ld handlers called", atomic_load(&nested), atomic_load(&handled));
  for (int kind = 0; kind < loss_kind_count; kind++) topkloss_loss_destroy(losses[kind]);
  return check_summary();
}
