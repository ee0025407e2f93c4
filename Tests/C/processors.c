/*
 * Where the system has more processors than fit into a cpu_set_t, 1024, those that this process may run on are counted
 * none the less: seven, far up, and then two thousand, of which a call uses as many as it may. This program answers in
 * the system's place, as it would: EINVAL for a set that is too small.
 *
 * Fails without: larger sets tried where the first is refused.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdlib.h>

#include "children.h"

enum { PROCESSORS = 4096 };

static int first_allowed;
static int allowed;

/* Comes before the C library's own, also for the library. */
int sched_getaffinity(pid_t thread, size_t bytes, cpu_set_t *set) {
  (void)thread;
  if (bytes < PROCESSORS / 8) {
    errno = EINVAL;
    return -1;
  }
  CPU_ZERO_S(bytes, set);
  for (int i = 0; i < allowed; i++) CPU_SET_S((size_t)(first_allowed + i), bytes, set);
  return 0;
}

static void expect_count(void *count) {
  CHECK(topkloss_get_num_threads() == *(int *)count, "%d, not %d", topkloss_get_num_threads(), *(int *)count);
}

int main(void) {
  int seven = 7, most = 1024;
  first_allowed = 3000;
  allowed = seven;
  in_child(expect_count, &seven, "seven processors");
  first_allowed = 100;
  allowed = 2000;
  in_child(expect_count, &most, "two thousand processors");
  return check_summary();
}
