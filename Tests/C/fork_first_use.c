/*
 * A fork at any moment of the library's first use, which is on another thread, leaves a child that evaluates: at moments by
 * chance, and at each at which the library asks for its environment, held until the fork is done.
 *
 * Usage: fork_first_use [PROCESSES], two thirds of which race by chance
 *
 * Fails without: nothing initialised under a lock, or by one thread while others wait (version 0.1.0 at first had both: 6
 * of 15,000 natural races left a child that spun, and every one that was held).
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

enum { ROWS = 4000, CLASSES = 50, MOST_CHILDREN = 64 };

static float logits[ROWS * CLASSES];
static int64_t labels[ROWS];

/* Of this process: whether its second thread is held at every question, how often it was, and how often let go. */
static atomic_int is_holding;
static atomic_int held;
static atomic_int released;
static atomic_int is_done;
static _Thread_local int may_be_held;

/* Comes before the C library's own, also for the library. */
char *getenv(const char *name) {
  const size_t length = strlen(name);
  if (may_be_held && atomic_load(&is_holding)) {
    const int ticket = atomic_fetch_add(&held, 1);
    while (atomic_load(&released) <= ticket) sched_yield();
  }
  for (char **entry = environ; entry != NULL && *entry != NULL; entry++)
    if (strncmp(*entry, name, length) == 0 && (*entry)[length] == '=') return *entry + length + 1;
  return NULL;
}

static double evaluate(void) {
  topkloss_cross_entropy_options options;
  topkloss_batch batch;
  topkloss_result result;
  topkloss_loss *loss = NULL;
  CHECK_OK(topkloss_cross_entropy_options_init(&options, sizeof options));
  CHECK_OK(topkloss_batch_init(&batch, sizeof batch));
  CHECK_OK(topkloss_result_init(&result, sizeof result));
  CHECK_OK(topkloss_cross_entropy_create(&options, &loss));
  batch.rows = ROWS;
  batch.classes = CLASSES;
  batch.logits = logits;
  batch.labels = labels;
  CHECK_OK(topkloss_evaluate(loss, &batch, &result));
  topkloss_loss_destroy(loss);
  return result.value;
}

static void *use_first(void *value) {
  may_be_held = 1;
  *(double *)value = evaluate();
  atomic_store(&is_done, 1);
  return NULL;
}

static pid_t fork_child(double expected) {
  const pid_t child = fork();
  if (child == 0) {
    /* One that waits for what no thread will do is ended by the alarm. */
    alarm(PATIENCE);
    CHECK(evaluate() == expected, "another value in the child");
    _exit(check_summary());
  }
  return child;
}

static void wait_for(pid_t child, const char *name) {
  int status = -1;
  CHECK(child > 0 && waitpid(child, &status, 0) == child, "no %s", name);
  CHECK(status == 0, "%s: %s %d", name, WIFSIGNALED(status) ? "signal" : "exit",
        WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

/* The life of a process that has not used the library: its second thread does, while this one forks. */
static int young_process(double expected, int number) {
  pid_t children[MOST_CHILDREN];
  int count = 0;
  double value = 0.0;
  pthread_t thread;
  uint64_t state = (uint64_t)number;
  alarm(PATIENCE);
  atomic_store(&is_holding, number % 3 == 0);
  CHECK(pthread_create(&thread, NULL, use_first, &value) == 0, "no thread");
  if (atomic_load(&is_holding)) {
    while (!atomic_load(&is_done)) {
      if (atomic_load(&held) > atomic_load(&released)) {
        if (count < MOST_CHILDREN) children[count++] = fork_child(expected);
        atomic_fetch_add(&released, 1);
      }
      sched_yield();
    }
    CHECK(count > 0, "the library asks for no environment");
  } else {
    for (int64_t spin = random_below(&state, 20000); spin > 0; spin--) atomic_load(&held);
    children[count++] = fork_child(expected);
  }
  pthread_join(thread, NULL);
  CHECK(value == expected, "another value where the fork was");
  for (int i = 0; i < count; i++) wait_for(children[i], "child");
  return check_summary();
}

int main(int count, char **arguments) {
  const int processes = count > 1 ? atoi(arguments[1]) : 300;
  uint64_t state = 7;
  pid_t process;
  double *const expected = mmap(NULL, sizeof(double), PROT_READ | PROT_WRITE,
                                MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (expected == MAP_FAILED) return 2;
  setenv("TOPKLOSS_NUM_THREADS", "2", 1);
  for (int i = 0; i < ROWS * CLASSES; i++) logits[i] = (float)random_within(&state, 3.0);
  for (int i = 0; i < ROWS; i++) labels[i] = random_below(&state, CLASSES);

  /* This process itself must not use the library: those that it starts are to be the first. */
  process = fork();
  if (process == 0) {
    *expected = evaluate();
    _exit(check_summary());
  }
  wait_for(process, "first process");
  for (int i = 0; i < processes && failed_checks == 0; i++) {
    process = fork();
    if (process == 0) _exit(young_process(*expected, i));
    wait_for(process, "process");
  }
  return check_summary();
}
