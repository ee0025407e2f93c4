/*
 * What a host must not notice of its guest: threads, signal handlers, the working folder.
 */
#ifndef SURROUNDINGS_H
#define SURROUNDINGS_H

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

typedef struct {
  struct sigaction actions[32];
  sigset_t mask;
  char folder[4096];
} surroundings;

static inline int thread_count(void) {
  int count = 0;
  DIR *const folder = opendir("/proc/self/task");
  if (folder == NULL) return -1;
  for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder))
    count += entry->d_name[0] != '.';
  closedir(folder);
#ifdef EMULATED
  /* qemu's own. */
  count--;
#endif
  return count;
}

/* Whether there are so many threads. One that has been joined is seen for a moment still. */
static inline int has_threads(int expected) {
  const struct timespec moment = {.tv_nsec = 1000000};
  for (int i = 0; i < 1000 && thread_count() != expected; i++) nanosleep(&moment, NULL);
  return thread_count() == expected;
}

static inline void look_around(surroundings *seen) {
  memset(seen, 0, sizeof *seen);
  for (int number = 1; number < 32; number++) sigaction(number, NULL, &seen->actions[number]);
  pthread_sigmask(SIG_BLOCK, NULL, &seen->mask);
  if (getcwd(seen->folder, sizeof seen->folder) == NULL) seen->folder[0] = '?';
}

/* How many things are not as before, having said which. */
static inline int differ(const surroundings *before, const char *when) {
  surroundings now;
  int found = 0;
  look_around(&now);
  for (int number = 1; number < 32; number++)
    if (before->actions[number].sa_handler != now.actions[number].sa_handler)
      found += fprintf(stderr, "signal %d %s\n", number, when);
  if (memcmp(&before->mask, &now.mask, sizeof now.mask) != 0) found += fprintf(stderr, "signal mask %s\n", when);
  if (strcmp(before->folder, now.folder) != 0) found += fprintf(stderr, "working folder %s\n", when);
  return found;
}

#endif /* SURROUNDINGS_H */
