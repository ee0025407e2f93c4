// What calls came to, as coverage: a library without counters of its own is then searched too.
#pragma once

#include <cstdint>

inline constexpr uint32_t reached_kinds = 1 << 14;
extern uint8_t reached_counters[reached_kinds];

// Something that a few small numbers tell from others of its sort.
inline void reached(uint32_t sort, uint32_t first, uint32_t second = 0, uint32_t third = 0) {
  const uint32_t all = ((sort * 64 + first) * 16 + second) * 16 + third;
  reached_counters[(all * UINT32_C(2654435761)) >> 18] = 1;
}
