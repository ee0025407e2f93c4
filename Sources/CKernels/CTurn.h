/*
 * Blocks of 8 x 8 elements turned: element j of line i becomes element i of line j. Places are exchanged with the lines 1,
 * then 2, then 4 away.
 */
#ifndef CTURN_H
#define CTURN_H

#include <stdint.h>

#include "CLanes.h"

/* Strides are in elements. Elements are bits: no number is looked at. Lines need no alignment. */
#define TURN_BLOCK(name, element)                                                                   \
  LANES_INLINE void name(const void *from, int64_t from_stride, void *to, int64_t to_stride) {      \
    typedef element lanes_line __attribute__((ext_vector_type(8)));                                 \
    lanes_line a[8], b[8];                                                                          \
    for (int i = 0; i < 8; i++) {                                                                   \
      __builtin_memcpy(&a[i], (const element *)from + i * from_stride, sizeof a[i]);                \
    }                                                                                               \
    for (int i = 0; i < 8; i += 2) {                                                                \
      b[i] = __builtin_shufflevector(a[i], a[i + 1], 0, 8, 2, 10, 4, 12, 6, 14);                    \
      b[i + 1] = __builtin_shufflevector(a[i], a[i + 1], 1, 9, 3, 11, 5, 13, 7, 15);                \
    }                                                                                               \
    for (int i = 0; i < 8; i += 4) {                                                                \
      for (int j = i; j < i + 2; j++) {                                                             \
        a[j] = __builtin_shufflevector(b[j], b[j + 2], 0, 1, 8, 9, 4, 5, 12, 13);                   \
        a[j + 2] = __builtin_shufflevector(b[j], b[j + 2], 2, 3, 10, 11, 6, 7, 14, 15);             \
      }                                                                                             \
    }                                                                                               \
    for (int j = 0; j < 4; j++) {                                                                   \
      b[j] = __builtin_shufflevector(a[j], a[j + 4], 0, 1, 2, 3, 8, 9, 10, 11);                     \
      b[j + 4] = __builtin_shufflevector(a[j], a[j + 4], 4, 5, 6, 7, 12, 13, 14, 15);               \
    }                                                                                               \
    for (int i = 0; i < 8; i++) {                                                                   \
      __builtin_memcpy((element *)to + i * to_stride, &b[i], sizeof b[i]);                          \
    }                                                                                               \
  }

TURN_BLOCK(lanes_turn_u16, uint16_t)
TURN_BLOCK(lanes_turn_u32, uint32_t)
TURN_BLOCK(lanes_turn_u64, uint64_t)

#undef TURN_BLOCK

#endif /* CTURN_H */
