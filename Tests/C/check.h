/*
 * What the test programs share: a check that tells what failed and goes on, and repeatable random numbers.
 */
#ifndef CHECK_H
#define CHECK_H

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "topkloss.h"

/* Seconds until an alarm ends what hangs. */
#ifndef PATIENCE
#define PATIENCE 20
#endif

static int failed_checks = 0;

/* Says where and what, for the first failures only: a loop that fails does so a thousand times. */
#define CHECK(condition, ...)                                              \
  do {                                                                     \
    if (!(condition) && failed_checks++ < 10) {                            \
      fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #condition);      \
      fprintf(stderr, __VA_ARGS__);                                        \
      fprintf(stderr, "\n");                                               \
    }                                                                      \
  } while (0)

/* A call that must succeed. */
#define CHECK_OK(call)                                                     \
  do {                                                                     \
    const topkloss_status status_of_call = (call);                         \
    CHECK(status_of_call == TOPKLOSS_OK, "%s: %s",                         \
          topkloss_status_name(status_of_call), topkloss_last_error());    \
  } while (0)

/* What main returns. */
static inline int check_summary(void) {
  if (failed_checks > 0) fprintf(stderr, "%d checks failed\n", failed_checks);
  return failed_checks == 0 ? 0 : 1;
}

/* SplitMix64. */
static inline uint64_t random_word(uint64_t *state) {
  uint64_t word = (*state += UINT64_C(0x9E3779B97F4A7C15));
  word = (word ^ (word >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
  word = (word ^ (word >> 27)) * UINT64_C(0x94D049BB133111EB);
  return word ^ (word >> 31);
}

/* Uniform in [0, count). */
static inline int64_t random_below(uint64_t *state, int64_t count) {
  return (int64_t)(random_word(state) % (uint64_t)count);
}

/* Uniform in [-bound, bound]. */
static inline double random_within(uint64_t *state, double bound) {
  return bound * (2.0 * (double)(random_word(state) >> 11) / 9007199254740992.0 - 1.0);
}

#endif /* CHECK_H */
