/*
 * A host that has used up what a process may have, or may have next to nothing: pthread keys, descriptors, threads, memory
 * for their stacks. A call then does without, or says that there is no memory; with something left again, all is as usual.
 *
 * Fails without: the answer of pthread_key_create looked at; files left alone after loading; fewer threads where the
 * system refuses some.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sys/resource.h>

#include "children.h"
#include "every_function.h"
#include "surroundings.h"

enum { ROWS = 1500, CLASSES = 20, THREADS = 3, MOST_KEYS = 2048 };

static caller own;
static answer *expected;

static void find_answers(void *unused) {
  (void)unused;
  call_all(&own, expected);
}

/* The right answer, or none for want of memory, which the library may say for want of a key too. */
static void expect_answer_or_no_memory(int which) {
  answer found;
  found = call_function(which, &own);
  CHECK(is_same_answer(found, expected[which]) || found.status == TOPKLOSS_ERROR_OUT_OF_MEMORY, "%s: %s",
        function_name(which), topkloss_status_name(found.status));
}

static void without_keys(void *unused) {
  pthread_key_t keys[MOST_KEYS];
  int count = 0;
  (void)unused;
  while (count < MOST_KEYS && pthread_key_create(&keys[count], NULL) == 0) count++;
  CHECK(count > 0 && count < MOST_KEYS, "%d keys", count);
  for (int i = 0; i < count; i++) CHECK(pthread_setspecific(keys[i], &keys[i]) == 0, "a key is refused");
  for (int which = 0; which < function_count(); which++) expect_answer_or_no_memory(which);
  CHECK(topkloss_last_error() != NULL && topkloss_get_num_threads() == THREADS, "no threads");
  for (int i = 0; i < count; i++) CHECK(pthread_getspecific(keys[i]) == &keys[i], "the host's key %d is used", i);
  pthread_key_delete(keys[count / 2]);
  expect_all(&own, expected, "with a key");
}

static void limit(__rlimit_resource_t resource, rlim_t value) {
  struct rlimit now;
  CHECK(getrlimit(resource, &now) == 0, "no limit to read");
  now.rlim_cur = value < now.rlim_max ? value : now.rlim_max;
  CHECK(setrlimit(resource, &now) == 0, "no limit to set");
}

static void without_descriptors(void *unused) {
  (void)unused;
  limit(RLIMIT_NOFILE, 0);
  CHECK(fopen("/dev/null", "r") == NULL, "a file was opened");
  expect_all(&own, expected, "without descriptors");
  CHECK(topkloss_get_num_threads() == THREADS, "%d threads", topkloss_get_num_threads());
}

static void expect_threads(const char *when) {
  expect_all(&own, expected, when);
  CHECK(thread_count() == THREADS, "%d threads %s", thread_count(), when);
}

static void without_threads(void *unused) {
  (void)unused;
  limit(RLIMIT_NPROC, 1);
  /* Nobody counts root's. */
  if (geteuid() == 0) CHECK(setuid(54321) == 0, "still root");
  expect_all(&own, expected, "where the user has no further thread");
  CHECK(thread_count() == 1, "%d threads where none is allowed", thread_count());
  limit(RLIMIT_NPROC, RLIM_INFINITY);
  expect_threads("where the user has threads again");
}

static void without_stacks(void *unused) {
  pthread_attr_t large;
  long pages = 0;
  FILE *const file = fopen("/proc/self/statm", "r");
  (void)unused;
  CHECK(file != NULL && fscanf(file, "%ld", &pages) == 1, "no statm");
  if (file != NULL) fclose(file);
  pthread_attr_init(&large);
  CHECK(pthread_attr_setstacksize(&large, 64 << 20) == 0 && pthread_setattr_default_np(&large) == 0, "no such stacks");
  limit(RLIMIT_AS, (rlim_t)(pages * sysconf(_SC_PAGESIZE) + (16 << 20)));
  expect_all(&own, expected, "without memory for stacks");
  CHECK(thread_count() == 1, "%d threads without memory for stacks", thread_count());
  limit(RLIMIT_AS, RLIM_INFINITY);
  expect_threads("with memory for stacks again");
}

int main(void) {
  expected = shared_memory(MOST_FUNCTIONS * sizeof(answer));
  make_loss_kinds();
  caller_init(&own, ROWS, CLASSES);
  /* This process itself calls nothing: its children are to be the first. */
  setenv("TOPKLOSS_NUM_THREADS", "3", 1);
  in_child(find_answers, NULL, "with everything");
  in_child(without_keys, NULL, "without keys");
  in_child(without_descriptors, NULL, "without descriptors");
  in_child(without_threads, NULL, "without threads");
#ifndef EMULATED
  /* qemu sets no limit to memory. */
  in_child(without_stacks, NULL, "without stacks");
#else
  (void)without_stacks;
#endif
  caller_free(&own);
  return check_summary();
}
