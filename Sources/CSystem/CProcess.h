/*
 * What the library asks of the system about its process. What stands in files is asked once, when the library is loaded:
 * a host may forbid itself to open any later, and opening one is a point where its threads can be cancelled.
 */
#ifndef CPROCESS_H
#define CPROCESS_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Processors that this process may run on, of the first 65,536: glibc's type for them ends at 1024. */
static inline int system_available_processors(void) {
  unsigned long processors[65536 / (8 * sizeof(unsigned long))];
  const long bytes = syscall(SYS_sched_getaffinity, 0, sizeof processors, processors);
  int count = 0;
  for (long word = 0; word < bytes / (long)sizeof *processors; word++)
    count += __builtin_popcountl(processors[word]);
  return count > 0 ? count : 1;
}

/* A file's beginning, as a string. False if there is no such file. */
static inline int system_read_file(const char *path, char *text, size_t capacity) {
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  const ssize_t length = read(file, text, capacity - 1);
  close(file);
  text[length > 0 ? length : 0] = 0;
  return length > 0;
}

/* Whether this process is the child of a fork that has not started another program since: PF_FORKNOEXEC among the flags of
 * its first thread (others always have it), the seventh field after the name in parentheses. Yes, where that cannot be told. */
static inline int system_is_forked_child(void) {
  char path[64], text[1024];
  snprintf(path, sizeof path, "/proc/self/task/%ld/stat", (long)getpid());
  if (!system_read_file(path, text, sizeof text)) return 1;
  const char *field = strrchr(text, ')');
  for (int i = 0; field && i < 7; i++) field = strchr(field + 1, ' ');
  return !field || (strtoul(field, NULL, 10) & 0x40) != 0;
}

/* The processors' worth of time that a control group grants, rounded up, if that is less than `least`. Version 2 has both
 * numbers in one file, version 1 has two; no limit is "max" or -1, which are no numbers above 0. */
static inline long system_less_than_quota(long least, const char *root, const char *group) {
  char path[4096], text[64];
  char *end = NULL;
  long quota = 0, period = 0;
  snprintf(path, sizeof path, "%s%s/cpu.max", root, group);
  if (system_read_file(path, text, sizeof text)) {
    quota = strtol(text, &end, 10);
    period = strtol(end, NULL, 10);
  } else {
    snprintf(path, sizeof path, "%s%s/cpu.cfs_quota_us", root, group);
    if (system_read_file(path, text, sizeof text)) quota = strtol(text, NULL, 10);
    snprintf(path, sizeof path, "%s%s/cpu.cfs_period_us", root, group);
    if (system_read_file(path, text, sizeof text)) period = strtol(text, NULL, 10);
  }
  if (quota <= 0 || period <= 0) return least;
  const long processors = quota / period + (quota % period != 0);
  return processors < least ? processors : least;
}

/* The least of what this process's control group and those around it grant; LONG_MAX for no limit. In a container the path
 * may be the host's, of which the container sees none but its own group, as the root. */
static inline long system_processor_quota(void) {
  char groups[16384];
  long least = __LONG_MAX__;
  if (!system_read_file("/proc/self/cgroup", groups, sizeof groups)) return least;
  /* Lines of a number, the controllers between commas, and the path: "0::/a/b" in version 2, "4:cpu,cpuacct:/a/b" in 1. */
  for (char *line = groups, *next; line; line = next) {
    next = strchr(line, '\n');
    if (next) *next++ = 0;
    char *const controllers = strchr(line, ':');
    char *const group = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!group) continue;
    *group = ',';
    *controllers = ',';
    const int is_unified = group == controllers + 1;
    char *const has_processors = strstr(controllers, ",cpu,");
    if (!is_unified && !(has_processors && has_processors < group)) continue;
    const char *const root = is_unified ? "/sys/fs/cgroup" : "/sys/fs/cgroup/cpu";
    char *const path = group + 1;
    for (char *end = path + strlen(path); end; end = strrchr(path, '/')) {
      *end = 0;
      least = system_less_than_quota(least, root, path);
    }
  }
  return least;
}

#endif /* CPROCESS_H */
