/*
 * What the library uses of libc, libm and pthread, and the few things that Swift cannot say itself.
 */
#ifndef CSYSTEM_H
#define CSYSTEM_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "COldSymbols.h"

/* The calling thread, as the system counts them; gettid itself is no older than glibc 2.30. */
static inline pid_t system_thread(void) { return (pid_t)syscall(SYS_gettid); }

/* Whether a thread of this process has not ended. */
static inline int system_thread_lives(pid_t process, pid_t thread) {
  return syscall(SYS_tgkill, process, thread, 0) == 0;
}

/* Whether the system gives so much memory now. Volatile, because an allocation that is only compared with NULL may be
 * optimised away, and taken to have succeeded. */
static inline int system_has_memory(size_t bytes) {
  void *volatile memory = malloc(bytes);
  int is_given = memory != NULL;
  free(memory);
  return is_given;
}

/* Numbers that threads share: what is written before a store or exchange is seen after the load or exchange that finds
 * it. */
static inline intptr_t system_load(const intptr_t *number) {
  return __atomic_load_n(number, __ATOMIC_ACQUIRE);
}

static inline void system_store(intptr_t *number, intptr_t value) {
  __atomic_store_n(number, value, __ATOMIC_RELEASE);
}

static inline intptr_t system_exchange(intptr_t *number, intptr_t value) {
  return __atomic_exchange_n(number, value, __ATOMIC_ACQ_REL);
}

/* Returns what the number was before. */
static inline intptr_t system_add(intptr_t *number, intptr_t addend) {
  return __atomic_fetch_add(number, addend, __ATOMIC_RELAXED);
}

/* Replaces the number if it is the expected one. Returns what it was before. */
static inline intptr_t system_replace(intptr_t *number, intptr_t expected, intptr_t value) {
  __atomic_compare_exchange_n(number, &expected, value, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
  return expected;
}

/* snprintf is variadic, which Swift does not import. */
static inline int system_format_double(char *text, size_t capacity, double number) {
  return snprintf(text, capacity, "%.9g", number);
}

/* Processors this process may run on; CPU_COUNT is a macro. */
static inline int system_available_processors(void) {
#if defined(__linux__)
  cpu_set_t processors;
  if (sched_getaffinity(0, sizeof processors, &processors) == 0) {
    int count = CPU_COUNT(&processors);
    if (count > 0) return count;
  }
#endif
  long online = sysconf(_SC_NPROCESSORS_ONLN);
  return online > 0 ? (int)online : 1;
}

/* A number that changes whenever the process loads or unloads an object. */
static inline int system_note_changes(struct dl_phdr_info *info, size_t size, void *count) {
  (void)size;
  *(unsigned long long *)count = info->dlpi_adds + info->dlpi_subs;
  return 1;
}

static inline uint64_t system_object_changes(void) {
  unsigned long long count = 0;
  dl_iterate_phdr(system_note_changes, &count);
  return count;
}

/* Whether this process is the child of a fork that has not started another program since: PF_FORKNOEXEC among the
 * flags in /proc/self/stat, the seventh field after the name in parentheses. Yes, where that cannot be told. */
static inline int system_is_forked_child(void) {
  char text[1024];
  int file = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
  if (file < 0) return 1;
  ssize_t length = read(file, text, sizeof text - 1);
  close(file);
  if (length <= 0) return 1;
  text[length] = 0;
  const char *field = strrchr(text, ')');
  for (int i = 0; field && i < 7; i++) field = strchr(field + 1, ' ');
  return !field || (strtoul(field, NULL, 10) & 0x40) != 0;
}

/* What GNU OpenMP's runtime offers, if the process has it among its global symbols. A search that finds nothing
 * allocates, for the message that nobody will read. */
typedef void (*system_omp_parallel)(void (*body)(void *), void *context, unsigned threads,
                                    unsigned flags);
typedef int (*system_omp_number)(void);

static inline void *system_find_global(const char *name) {
  void *found = dlsym(RTLD_DEFAULT, name);
  if (!found) dlerror();
  return found;
}

/* Gives the thread the environment that its arithmetic is meant for: rounding to nearest, subnormal numbers, no exception
 * that ends the process. Returns what system_restore_arithmetic then needs to leave it as it was, flags included. Between
 * the two, call a function that is not inlined: arithmetic beside them may be moved past them. */
static inline uint64_t system_standard_arithmetic(void) {
#if defined(__x86_64__)
  const unsigned int present = __builtin_ia32_stmxcsr();
  __builtin_ia32_ldmxcsr(0x1F80);
  return present;
#elif defined(__aarch64__)
  /* Rounding and masks are in one register, the flags in another: of both the lower halves. */
  const uint64_t present = (uint32_t)__builtin_arm_rsr64("fpcr") | __builtin_arm_rsr64("fpsr") << 32;
  __builtin_arm_wsr64("fpcr", 0);
  return present;
#else
  return 0;
#endif
}

static inline void system_restore_arithmetic(uint64_t environment) {
#if defined(__x86_64__)
  __builtin_ia32_ldmxcsr((unsigned int)environment);
#elif defined(__aarch64__)
  __builtin_arm_wsr64("fpcr", (uint32_t)environment);
  __builtin_arm_wsr64("fpsr", environment >> 32);
#else
  (void)environment;
#endif
}

/* x86-64 micro-architecture levels, the operating system's support for their registers included. */
#if defined(__x86_64__)
static inline int system_supports_avx2(void) {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
         __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
         __builtin_cpu_supports("lzcnt") && __builtin_cpu_supports("movbe") &&
         __builtin_cpu_supports("f16c");
}

static inline int system_supports_avx512(void) {
  return system_supports_avx2() && __builtin_cpu_supports("avx512f") &&
         __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
#endif

#endif /* CSYSTEM_H */
