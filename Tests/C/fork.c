/*
 * A process that has used the library's threads may fork, while other threads are in the middle of a call too, or ask the
 * dynamic loader for its objects, and the child, which has none of those threads, evaluates as before, on threads of its
 * own. So does one of a bare clone.
 *
 * Fails without: the pool, and that a call had it, forgotten in the child; a pool left alone that is another process's; a
 * child that does not ask the loader.
 */
#define _GNU_SOURCE
#include <link.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "every_loss.h"
#include "surroundings.h"

enum { ROWS = 4000, CLASSES = 60, FORKS = 12, CLONES = 50 };

static atomic_int stop;
static atomic_int is_asking;

typedef struct {
  double values[MOST_KINDS];
  float gradients[MOST_KINDS];
} outcome;

/* Values and a piece of each gradient, for comparisons bit for bit. */
static outcome evaluate_all(workload *work, topkloss_loss *const *losses) {
  outcome found;
  memset(&found, 0, sizeof found);
  for (int kind = 0; kind < loss_kind_count; kind++) {
    work->batch.rows = ROWS / loss_kinds[kind].cost;
    CHECK_OK(topkloss_evaluate(losses[kind], &work->batch, &work->result));
    found.values[kind] = work->result.value;
    found.gradients[kind] = work->gradient[work->batch.rows * CLASSES - 1];
  }
  return found;
}

/* The child's life: it must come to the same numbers, on as many threads, and may fork again. */
static int child(workload *work, topkloss_loss *const *losses, const outcome *expected, int depth) {
  outcome found;
  topkloss_loss *own = NULL;
  /* A child that waits for a thread it does not have is ended by the alarm, which the parent sees. */
  alarm(PATIENCE);
  found = evaluate_all(work, losses);
  CHECK(memcmp(&found, expected, sizeof found) == 0, "other numbers at depth %d", depth);
  CHECK(topkloss_get_num_threads() == 4, "%d threads", topkloss_get_num_threads());
  CHECK(thread_count() > 1, "no threads of its own at depth %d", depth);
  CHECK(topkloss_evaluate(NULL, NULL, NULL) == TOPKLOSS_ERROR_NULL_POINTER, "no error");
  CHECK_OK(create_loss(depth, CLASSES, work->counts, TOPKLOSS_SUM, &own));
  topkloss_loss_destroy(own);
  if (depth < 2) {
    int status = -1;
    const pid_t grandchild = fork();
    if (grandchild == 0) _exit(child(work, losses, expected, depth + 1));
    CHECK(waitpid(grandchild, &status, 0) == grandchild && status == 0, "grandchild: %d", status);
  }
  return check_summary();
}

static void *keep_evaluating(void *losses) {
  workload work;
  workload_init(&work, ROWS, CLASSES);
  while (!atomic_load(&stop)) evaluate_all(&work, losses);
  workload_free(&work);
  return NULL;
}

static int stay(struct dl_phdr_info *object, size_t size, void *context) {
  (void)object, (void)size, (void)context;
  atomic_store(&is_asking, 1);
  while (!atomic_load(&stop)) sched_yield();
  return 1;
}

/* As exceptions and profilers do. Its lock is in the child what it was in the parent. */
static void *ask_loader(void *context) {
  (void)context;
  dl_iterate_phdr(stay, NULL);
  return NULL;
}

/* Of which nobody tells the library. The parent's threads sleep, some of them not yet: they may hold what they share. */
static void clone_and_wait(workload *work, topkloss_loss *loss) {
  int status = -1;
  pid_t process;
  CHECK_OK(topkloss_evaluate(loss, &work->batch, &work->result));
  process = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
  if (process == 0) {
    const double before = work->result.value;
    alarm(PATIENCE);
    CHECK_OK(topkloss_evaluate(loss, &work->batch, &work->result));
    CHECK(work->result.value == before, "another number");
    _exit(check_summary());
  }
  CHECK(process > 0 && waitpid(process, &status, 0) == process && status == 0, "child of clone: %d", status);
}

static void fork_and_wait(workload *work, topkloss_loss *const *losses, const outcome *expected) {
  int status = -1;
  const pid_t process = fork();
  if (process == 0) _exit(child(work, losses, expected, 1));
  CHECK(process > 0 && waitpid(process, &status, 0) == process, "no child");
  CHECK(status == 0, "child: %s %d", WIFSIGNALED(status) ? "signal" : "exit",
        WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

int main(void) {
  topkloss_loss *losses[MOST_KINDS];
  workload work;
  outcome expected;
  outcome after;
  pthread_t thread;
  make_loss_kinds();
  CHECK_OK(topkloss_set_num_threads(4));
  workload_init(&work, ROWS, CLASSES);
  for (int kind = 0; kind < loss_kind_count; kind++)
    CHECK_OK(create_loss(kind, CLASSES, work.counts, TOPKLOSS_MEAN, &losses[kind]));
  expected = evaluate_all(&work, losses);

  CHECK(pthread_create(&thread, NULL, ask_loader, NULL) == 0, "no thread");
  while (!atomic_load(&is_asking)) sched_yield();
  fork_and_wait(&work, losses, &expected);
  atomic_store(&stop, 1);
  pthread_join(thread, NULL);
  atomic_store(&stop, 0);

  fork_and_wait(&work, losses, &expected);
  work.batch.rows = ROWS;
  for (int i = 0; i < CLONES && failed_checks == 0; i++) clone_and_wait(&work, losses[0]);
  CHECK(pthread_create(&thread, NULL, keep_evaluating, losses) == 0, "no thread");
  for (int i = 0; i < FORKS && failed_checks == 0; i++) fork_and_wait(&work, losses, &expected);
  atomic_store(&stop, 1);
  pthread_join(thread, NULL);

  after = evaluate_all(&work, losses);
  CHECK(memcmp(&after, &expected, sizeof after) == 0, "the parent's numbers changed");
  for (int kind = 0; kind < loss_kind_count; kind++) topkloss_loss_destroy(losses[kind]);
  workload_free(&work);
  return check_summary();
}
