/* Random numbers: SplitMix64, and Box and Muller's normal numbers from it. */
#ifndef RANDOM_H
#define RANDOM_H

#include <math.h>
#include <stdint.h>

static inline uint64_t random_word(uint64_t *state) {
  uint64_t word = (*state += UINT64_C(0x9E3779B97F4A7C15));
  word = (word ^ (word >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
  word = (word ^ (word >> 27)) * UINT64_C(0x94D049BB133111EB);
  return word ^ (word >> 31);
}

/* Uniform in (0, 1]. */
static inline double random_unit(uint64_t *state) {
  return ((double)(random_word(state) >> 11) + 1.0) / 9007199254740992.0;
}

static inline double random_normal(uint64_t *state) {
  const double length = sqrt(-2.0 * log(random_unit(state)));
  return length * cos(6.283185307179586 * random_unit(state));
}

#endif /* RANDOM_H */
