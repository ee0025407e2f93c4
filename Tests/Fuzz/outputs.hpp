// Arrays that a function writes, between guard pages.
#pragma once

#include <cstring>
#include <vector>

#include "check.hpp"
#include "memory.hpp"

class OutputArray {
 public:
  // `slot` of the outputs' arenas. The elements are what `fill` says, or the pattern around them.
  OutputArray(int slot, size_t bytes, bool is_wanted, bool is_at_end)
      : piece_(arena(OUTPUTS + slot).piece(bytes, is_at_end)), is_wanted_(is_wanted) {
    piece_.arena->paint(piece_);
  }

  template <typename T>
  T *pointer() const {
    return is_wanted_ ? reinterpret_cast<T *>(piece_.writable()) : nullptr;
  }

  void fill(const void *bytes) { std::memcpy(piece_.writable(), bytes, piece_.bytes); }

  // What lies there, of which a call may have written so many bytes; nothing else may have changed.
  void take(size_t written, std::vector<uint8_t> &answer) const {
    if (is_wanted_) answer.insert(answer.end(), piece_.writable(), piece_.writable() + written);
    Arena::repaint(piece_.writable(), written);
    REQUIRE(piece_.arena->is_painted(piece_), "%s: a write that was not to be", piece_.arena->name());
  }

 private:
  Arena::Piece piece_;
  bool is_wanted_;
};
