/*
 * Parts of a test in processes of their own: each finds a library that its parent has not used, and may come to a bad end.
 */
#ifndef CHILDREN_H
#define CHILDREN_H

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

/* Zeros that children and parent see alike, for as long as the program runs. */
static inline void *shared_memory(size_t bytes) {
  void *const memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) _exit(2);
  return memory;
}

/* Runs the part; returns its status as wait has it. One that hangs is ended by the alarm. */
static inline int status_of_child(void (*part)(void *), void *context) {
  int status = -1;
  const pid_t child = fork();
  if (child == 0) {
    failed_checks = 0;
    alarm(PATIENCE);
    part(context);
    _exit(failed_checks > 0);
  }
  return child > 0 && waitpid(child, &status, 0) == child ? status : -1;
}

/* Runs the part, which must succeed. */
static inline void in_child(void (*part)(void *), void *context, const char *name) {
  const int status = status_of_child(part, context);
  CHECK(status == 0, "%s: %s %d", name, WIFSIGNALED(status) ? "signal" : "exit",
        WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

#endif /* CHILDREN_H */
