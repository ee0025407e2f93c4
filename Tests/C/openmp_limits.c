/*
 * A host with OpenMP that allows itself few threads, or is allowed few: the library starts none where OpenMP's number is 1,
 * and where the system refuses threads, neither it nor OpenMP ends the process. OMP_NUM_THREADS is 4, OMP_STACKSIZE 64M.
 */
#define _GNU_SOURCE
#include <omp.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "surroundings.h"
#include "workload.h"

enum { ROWS = 4000, CLASSES = 60, TEAM = 4 };

static topkloss_loss *loss;
static double expected;

static void evaluate(const char *when) {
  workload work;
  workload_init(&work, ROWS, CLASSES);
  CHECK_OK(topkloss_evaluate(loss, &work.batch, &work.result));
  if (expected == 0) expected = work.result.value;
  CHECK(work.result.value == expected, "%s: %g, not %g", when, work.result.value, expected);
  workload_free(&work);
}

/* Allows so many more bytes of memory than there are; a negative number: all. */
static void limit_memory(long more) {
  struct rlimit limit;
  long pages = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  CHECK(file && fscanf(file, "%ld", &pages) == 1, "no statm");
  if (file) fclose(file);
  CHECK(getrlimit(RLIMIT_AS, &limit) == 0, "no limit to read");
  limit.rlim_cur = more < 0 ? limit.rlim_max : (rlim_t)(pages * sysconf(_SC_PAGESIZE) + more);
  CHECK(setrlimit(RLIMIT_AS, &limit) == 0, "no limit to set");
}

/* Allows this user, who is not root then, no further process or thread. */
static void limit_threads(void) {
  struct rlimit limit;
  CHECK(getrlimit(RLIMIT_NPROC, &limit) == 0, "no limit to read");
  limit.rlim_cur = 1;
  CHECK(setrlimit(RLIMIT_NPROC, &limit) == 0, "no limit to set");
  if (geteuid() == 0) CHECK(setuid(54321) == 0, "still root");
}

static void *on_thread(void *unused) {
  (void)unused;
  omp_set_num_threads(1);
  CHECK(topkloss_get_num_threads() == 1, "%d on a thread", topkloss_get_num_threads());
  evaluate("on a thread whose number is 1");
  CHECK(thread_count() == 2, "%d threads with a thread of one's own", thread_count());
  return NULL;
}

/* After a whole one. GNU OpenMP ends the threads beyond these; until they are gone, the system does not tell them from
 * workers. LLVM's keeps them, and is waited for in vain. */
static void a_team(int threads) {
  const int before = thread_count();
  int sum = 0;
#pragma omp parallel num_threads(threads) reduction(+ : sum)
  sum += 1;
  CHECK(sum == threads, "a team of %d", sum);
  has_threads(before - TEAM + threads);
}

/* What the host allows itself. */
static void chosen(void) {
  pthread_t thread;
  CHECK(topkloss_get_num_threads() == TEAM, "%d at first", topkloss_get_num_threads());
  omp_set_num_threads(1);
  CHECK(topkloss_get_num_threads() == 1, "%d, not 1", topkloss_get_num_threads());
  evaluate("with OpenMP's number 1");
  CHECK(thread_count() == 1, "%d threads, not 1", thread_count());
  omp_set_num_threads(TEAM);
  CHECK(pthread_create(&thread, NULL, on_thread, NULL) == 0, "no thread");
  pthread_join(thread, NULL);
#pragma omp parallel num_threads(2)
  CHECK(topkloss_get_num_threads() == 1, "%d in a parallel region", topkloss_get_num_threads());

  omp_set_num_threads(1);
  CHECK_OK(topkloss_set_num_threads(3));
  CHECK(topkloss_get_num_threads() == 3, "%d, not 3", topkloss_get_num_threads());
  const int before = thread_count();
  evaluate("with a number of the library's own");
  CHECK(thread_count() > before, "no threads beside %d", before);
}

/* What the system allows it. 40 MB are room for stacks of the usual size. */
static void allowed(void) {
  limit_memory(40 << 20);
  evaluate("without memory for OpenMP's stacks");
  limit_memory(-1);
  for (int i = 0; i < 3; i++) evaluate("with memory again");
  CHECK(thread_count() >= TEAM, "%d threads with memory", thread_count());
  a_team(2);
  limit_memory(8 << 20);
  evaluate("after OpenMP ended threads");
  limit_memory(-1);
  evaluate("with memory once more");
  a_team(2);
  limit_threads();
  evaluate("where the user has no further thread");
}

int main(int argc, char **argv) {
  CHECK_OK(topkloss_cross_entropy_create(NULL, &loss));
  const char *kind = argc > 1 ? argv[1] : "";
  CHECK(strcmp(getenv("OMP_NUM_THREADS"), "4") == 0, "OMP_NUM_THREADS");
  if (strcmp(kind, "chosen") == 0) chosen();
  else if (strcmp(kind, "allowed") == 0) allowed();
  else limit_threads(), evaluate("where the user has no thread");
  topkloss_loss_destroy(loss);
  return check_summary();
}
