// Elements of every dtype as doubles, and numbers to fill a batch with.
#pragma once

#include <cmath>
#include <cstring>

#include "input.hpp"
#include "topkloss.h"

inline size_t bytes_of(topkloss_dtype dtype) { return dtype == TOPKLOSS_FLOAT64 ? 8 : dtype == TOPKLOSS_FLOAT32 ? 4 : 2; }

// Rounded to nearest even, as the library rounds.
inline uint16_t bfloat16_of(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  if (std::isnan(value)) return static_cast<uint16_t>(bits >> 16 | 0x40);
  return static_cast<uint16_t>((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

inline void put(void *place, topkloss_dtype dtype, double value) {
  const float single = static_cast<float>(value);
  if (dtype == TOPKLOSS_FLOAT64) {
    std::memcpy(place, &value, 8);
  } else if (dtype == TOPKLOSS_FLOAT32) {
    std::memcpy(place, &single, 4);
  } else if (dtype == TOPKLOSS_FLOAT16) {
    const _Float16 half = static_cast<_Float16>(single);
    std::memcpy(place, &half, 2);
  } else {
    const uint16_t brain = bfloat16_of(single);
    std::memcpy(place, &brain, 2);
  }
}

inline double get(const void *place, topkloss_dtype dtype) {
  if (dtype == TOPKLOSS_FLOAT64) {
    double value;
    std::memcpy(&value, place, 8);
    return value;
  }
  float single;
  if (dtype == TOPKLOSS_FLOAT32) {
    std::memcpy(&single, place, 4);
  } else if (dtype == TOPKLOSS_FLOAT16) {
    _Float16 half;
    std::memcpy(&half, place, 2);
    single = static_cast<float>(half);
  } else {
    uint16_t brain;
    std::memcpy(&brain, place, 2);
    const uint32_t bits = static_cast<uint32_t>(brain) << 16;
    std::memcpy(&single, &bits, 4);
  }
  return single;
}

inline double rounded_to(topkloss_dtype dtype, double value) {
  unsigned char place[8];
  put(place, dtype, value);
  return get(place, dtype);
}

// The same number, of the same sign; or NaN both, whichever.
inline bool is_same(double a, double b) {
  return std::memcmp(&a, &b, sizeof a) == 0 || (std::isnan(a) && std::isnan(b));
}

inline double strange_number(Input &input) {
  static const double numbers[] = {0.0,  -0.0,   1.0,      -1.0,    0.5,       1e-300, 1e300,  -1e300,  1e-45,   30.0,
                                   1e38, 3.4e38, -3.4e38,  65504.0, INFINITY,  NAN,    5e-324, 2.2e-308, 1e16,   -1e-40,
                                   1e15, -1e15,  1.001e15, 1e-15,   -INFINITY, 0.999e-15, 2.0, 1e4,     -1e4,    1e-7};
  return input.any_of(numbers);
}

// Numbers that no check may let pass as a number of classes, rows or samples.
inline int64_t impossible_size(Input &input) {
  static const int64_t numbers[] = {-1, INT64_MIN, INT64_MAX, INT64_MIN + 1, INT64_MAX - 1, INT64_MAX / 2 + 1};
  return input.any_of(numbers);
}

// How far from ordinary a batch's numbers are.
enum class Nature { ordinary, masked, hostile };

// Fills `numbers` with elements of the dtype.
inline void fill(Input &input, Nature nature, topkloss_dtype dtype, double *numbers, size_t count) {
  static const double scales[] = {4.0, 0.25, 1.0, 16.0, 100.0, 1e-3};
  const bool is_byte_each = count <= 64 && !input.rarely(2);
  const double scale = input.any_of(scales);
  Random random(is_byte_each ? 0 : 1 + input.below(65536));
  for (size_t i = 0; i < count; i++) {
    const uint32_t drawn = is_byte_each ? input.byte() : static_cast<uint32_t>(random.word() >> 32) & 0xFF;
    double number = is_byte_each ? scale * static_cast<int8_t>(drawn) / 32 : scale * random.sign();
    // 0x80 to 0x8F, so that what is left out is as rare as it is negative.
    if (nature != Nature::ordinary && drawn >= 0x80 && drawn < 0x88) number = -INFINITY;
    if (nature == Nature::hostile && drawn >= 0x88 && drawn < 0xA0) number = strange_number(input);
    numbers[i] = rounded_to(dtype, number);
  }
}
