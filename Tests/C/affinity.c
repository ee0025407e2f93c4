/*
 * The processors that a thread, or all of the process, may run on change while calls are under way: answers do not, nor
 * does the default number of threads, which was found at first use.
 *
 * Fails without: the default found once.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "children.h"
#include "every_function.h"

enum { ROWS = 1500, CLASSES = 20, ROUNDS = 4 };

static atomic_int is_done;

/* Every thread of the process, the library's too. */
static void set_all(const cpu_set_t *set) {
  DIR *const folder = opendir("/proc/self/task");
  if (folder == NULL) return;
  for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder))
    if (entry->d_name[0] != '.') sched_setaffinity((pid_t)atol(entry->d_name), sizeof *set, set);
  closedir(folder);
}

static void *change(void *all) {
  for (int turn = 0; !atomic_load(&is_done); turn++) {
    int wanted = turn % CPU_COUNT((cpu_set_t *)all);
    cpu_set_t one;
    CPU_ZERO(&one);
    for (size_t processor = 0; wanted >= 0; processor++)
      if (CPU_ISSET(processor, (cpu_set_t *)all) && wanted-- == 0) CPU_SET(processor, &one);
    set_all(turn % 3 == 2 ? all : &one);
    usleep(500);
  }
  return NULL;
}

int main(void) {
  answer expected[MOST_FUNCTIONS];
  caller own;
  cpu_set_t all;
  pthread_t thread;
  int32_t threads;
  make_loss_kinds();
  caller_init(&own, ROWS, CLASSES);
  if (sched_getaffinity(0, sizeof all, &all) != 0) return 0;
  threads = topkloss_get_num_threads();
  CHECK_OK(topkloss_set_num_threads(3));
  call_all(&own, expected);
  CHECK(pthread_create(&thread, NULL, change, &all) == 0, "no thread");
  for (int round = 0; round < ROUNDS; round++) expect_all(&own, expected, "on other processors");
  CHECK_OK(topkloss_set_num_threads(0));
  for (int i = 0; i < 1000; i++) CHECK(topkloss_get_num_threads() == threads, "%d threads", topkloss_get_num_threads());
  atomic_store(&is_done, 1);
  pthread_join(thread, NULL);
  caller_free(&own);
  return check_summary();
}
