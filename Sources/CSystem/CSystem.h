/*
 * What the library uses of libc, libm and pthread, and the few things that Swift cannot say itself.
 */
#ifndef CSYSTEM_H
#define CSYSTEM_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
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
#include "CProcess.h"

/* The calling thread, as the system counts them; gettid itself is no older than glibc 2.30. */
static inline pid_t system_thread(void) { return (pid_t)syscall(SYS_gettid); }

/* Whether a thread of this process has not ended. */
static inline int system_thread_lives(pid_t process, pid_t thread) {
  return syscall(SYS_tgkill, process, thread, 0) == 0;
}

/* The allocation functions of libc where the linker has the library's own stand before them: see ObjectMemory. */
enum { SYSTEM_RESERVE_PLACES = 64, SYSTEM_RESERVE_BYTES = 2048 };
extern int __real_posix_memalign(void **memory, size_t alignment, size_t bytes);
extern void __real_free(void *memory);

/* Memory that is there when the library is loaded. */
static inline void *system_object_reserve(void) {
  static _Alignas(64) char reserve[SYSTEM_RESERVE_PLACES * SYSTEM_RESERVE_BYTES];
  return reserve;
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

static inline void system_clear(intptr_t *number, intptr_t bits) {
  __atomic_fetch_and(number, ~bits, __ATOMIC_ACQ_REL);
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
