// The fuzzer's bytes as choices. Where they end every choice is its first, which is the ordinary one.
#pragma once

#include <cstddef>
#include <cstdint>

class Input {
 public:
  Input(const uint8_t *bytes, size_t size) : next_(bytes), end_(bytes + size) {}

  uint8_t byte() { return next_ < end_ ? *next_++ : 0; }

  uint32_t below(uint32_t count) {
    uint32_t drawn = byte();
    if (count > 256) drawn = drawn << 8 | byte();
    return count > 0 ? drawn % count : 0;
  }

  // One time in `count`.
  bool rarely(uint32_t count) { return below(count) == count - 1; }

  uint64_t word() {
    uint64_t drawn = 0;
    for (int i = 0; i < 8; i++) drawn = drawn << 8 | byte();
    return drawn;
  }

  template <typename T, size_t count>
  T any_of(const T (&choices)[count]) {
    return choices[below(count)];
  }

 private:
  const uint8_t *next_;
  const uint8_t *end_;
};

// SplitMix64: many numbers of a few bytes.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t word() {
    uint64_t word = (state_ += UINT64_C(0x9E3779B97F4A7C15));
    word = (word ^ (word >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    word = (word ^ (word >> 27)) * UINT64_C(0x94D049BB133111EB);
    return word ^ (word >> 31);
  }

  // Uniform in [-1, 1).
  double sign() { return static_cast<double>(static_cast<int64_t>(word()) >> 11) / 4503599627370496.0; }

 private:
  uint64_t state_;
};
