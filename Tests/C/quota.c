/*
 * The default number of threads where control groups grant the time of fewer processors than there are, of which this
 * program says that there are eight. It answers in the place of the system's files, too, and the library is loaded once
 * more for each case, for it reads them when it is loaded.
 *
 * Usage: quota LIBRARY
 *
 * Fails without: the quota, of this group and of those around it, read at load.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/syscall.h>

#include "children.h"

enum { PROCESSORS = 8, MOST_FILES = 4 };

typedef struct {
  int expected;
  struct {
    const char *path, *text;
  } files[MOST_FILES];
} quota;

#define GROUPS "/proc/self/cgroup"
#define ROOT "/sys/fs/cgroup"
/* Of version 1. */
#define SEVERAL "4:memory:/,cpu,\n3:cpu,cpuacct:/a/b\n2:cpuset:/\n"
#define QUOTA(group) ROOT "/cpu" group "/cpu.cfs_quota_us"
#define PERIOD(group) ROOT "/cpu" group "/cpu.cfs_period_us"

static const quota quotas[] = {
    {8, {{NULL, NULL}}},
    {8, {{GROUPS, ""}}},
    {8, {{GROUPS, "\n:\nnonsense"}, {ROOT "/cpu.max", "100000 100000\n"}}},
    {8, {{GROUPS, "0::/\n"}}},
    {8, {{GROUPS, "0::/\n"}, {ROOT "/cpu.max", "max 100000\n"}}},
    {8, {{GROUPS, "0::/\n"}, {ROOT "/cpu.max", "4000000 100000\n"}}},
    {8, {{GROUPS, "0::/\n"}, {ROOT "/cpu.max", "nonsense\n"}}},
    {8, {{GROUPS, "0::/\n"}, {ROOT "/cpu.max", "-5 0\n"}}},
    {8, {{GROUPS, "0::/\n"}, {ROOT "/cpu.max", "100000"}}},
    {8, {{GROUPS, "0::/\n"}, {ROOT "/cpu.max", "99999999999999999999999 1"}}},
    {1, {{GROUPS, "0::/\n"}, {ROOT "/cpu.max", "1 99999999999999999999999"}}},
    {1, {{GROUPS, "0::/\n"}, {ROOT "/cpu.max", "100000 100000\n"}}},
    {1, {{GROUPS, "0::/\n"}, {ROOT "/cpu.max", "1000 100000\n"}}},
    {2, {{GROUPS, "0::/"}, {ROOT "/cpu.max", "100001 100000"}}},
    {3, {{GROUPS, "0::/\n"}, {ROOT "/cpu.max", "250000 100000\n"}}},
    {5, {{GROUPS, "0::/a/b\n"}, {ROOT "/a/b/cpu.max", "450000 100000\n"}}},
    {5, {{GROUPS, "0::/a/b\n"}, {ROOT "/a/b/cpu.max", "max 100000\n"}, {ROOT "/a/cpu.max", "450000 100000\n"}}},
    {5, {{GROUPS, "0::/a/b\n"}, {ROOT "/a/b/cpu.max", "700000 100000\n"}, {ROOT "/a/cpu.max", "450000 100000\n"}}},
    {5, {{GROUPS, "0::/a/b\n"}, {ROOT "/a/b/cpu.max", "450000 100000\n"}, {ROOT "/a/cpu.max", "700000 100000\n"}}},
    {5, {{GROUPS, "0::/of/the/host\n"}, {ROOT "/cpu.max", "450000 100000\n"}}},
    {5, {{GROUPS, "0::/a:b ,cpu, (deleted)\n"}, {ROOT "/a:b ,cpu, (deleted)/cpu.max", "450000 100000\n"}}},
    {8, {{GROUPS, SEVERAL}, {QUOTA(""), "-1\n"}, {PERIOD(""), "100000\n"}}},
    {5, {{GROUPS, SEVERAL}, {QUOTA("/a/b"), "450000\n"}, {PERIOD("/a/b"), "100000\n"}}},
    {5, {{GROUPS, SEVERAL}, {QUOTA(""), "450000\n"}, {PERIOD(""), "100000\n"}}},
    {8, {{GROUPS, SEVERAL}, {QUOTA("/a/b"), "450000\n"}}},
    {8, {{GROUPS, "3:cpuset:/a\n"}, {QUOTA("/a"), "450000\n"}, {PERIOD("/a"), "100000\n"}}},
    /* Of both versions. */
    {5, {{GROUPS, "3:cpu:/a\n0::/b\n"}, {QUOTA("/a"), "450000\n"}, {PERIOD("/a"), "100000\n"}}},
};

static const quota *present;
static const char *library;

/* Comes before the C library's own, also for the library; the loader uses another. */
int open(const char *path, int flags, ...) {
  (void)flags;
  for (int i = 0; i < MOST_FILES && present->files[i].path != NULL; i++) {
    const char *const text = present->files[i].text;
    int file;
    if (strcmp(path, present->files[i].path) != 0) continue;
    file = memfd_create("file", 0);
    if (write(file, text, strlen(text)) != (ssize_t)strlen(text) || lseek(file, 0, SEEK_SET) != 0) _exit(2);
    return file;
  }
  errno = ENOENT;
  return -1;
}

long syscall(long number, ...) {
  va_list arguments;
  size_t bytes;
  unsigned char *set;
  if (number != SYS_sched_getaffinity) _exit(2);
  va_start(arguments, number);
  (void)va_arg(arguments, int);
  bytes = va_arg(arguments, size_t);
  set = va_arg(arguments, unsigned char *);
  va_end(arguments);
  memset(set, 0, bytes);
  set[0] = 0xFF;
  return PROCESSORS;
}

static void count_threads(void *unused) {
  __typeof__(topkloss_get_num_threads) *get_num_threads = NULL;
  void *const earlier = dlopen(library, RTLD_NOW | RTLD_NOLOAD);
  void *const file = dlopen(library, RTLD_NOW | RTLD_LOCAL);
  void *const symbol = file == NULL ? NULL : dlsym(file, "topkloss_get_num_threads");
  (void)unused;
  memcpy(&get_num_threads, &symbol, sizeof symbol);
  CHECK(earlier == NULL && symbol != NULL, "the library is there already, or not to be had");
  if (symbol == NULL) return;
  CHECK(get_num_threads() == present->expected, "%d threads, not %d", get_num_threads(), present->expected);
}

int main(int count, char **arguments) {
  static const quota long_group = {5, {{GROUPS, NULL}, {ROOT "/cpu.max", "450000 100000\n"}}};
  static char line[9000];
  quota too_long = long_group;
  if (count != 2) return 2;
  library = arguments[1];
  for (size_t i = 0; i < sizeof quotas / sizeof *quotas; i++) {
    char name[200];
    present = &quotas[i];
    snprintf(name, sizeof name, "case %zu, %.150s", i, present->files[0].path == NULL ? "no file" : present->files[0].text);
    in_child(count_threads, NULL, name);
  }
  /* Longer than a path may be: what is around it counts. */
  memset(line, 'g', sizeof line - 1);
  memcpy(line, "0::/", 4);
  too_long.files[0].text = line;
  present = &too_long;
  in_child(count_threads, NULL, "a long name");
  return check_summary();
}
