#include "memory.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "check.hpp"
#include "input.hpp"

namespace {

constexpr size_t guard_bytes = 1 << 16;
constexpr size_t seen_around = 64;

size_t shared_end = 0;
Random shared_places(0);

uint8_t *map_between_guards(int file, size_t bytes, int protection) {
  void *const all = mmap(nullptr, bytes + 2 * guard_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  REQUIRE(all != MAP_FAILED, "no memory for the fuzzer");
  void *const middle = static_cast<uint8_t *>(all) + guard_bytes;
  REQUIRE(mmap(middle, bytes, protection, MAP_SHARED | MAP_FIXED, file, 0) == middle, "no memory for the fuzzer");
  return static_cast<uint8_t *>(middle);
}

}  // namespace

bool Arena::is_shared_ = false;

void Arena::share(bool is_shared, uint64_t seed) {
  is_shared_ = is_shared;
  shared_end = 0;
  shared_places = Random(seed);
}

Arena::Piece Arena::shared_piece(size_t bytes) const {
  const auto index = static_cast<int>(this - &arena(0));
  const bool is_output = index == GRADIENT || index == MULTI_LABEL_GRADIENT || index == ROW_VALUES;
  const uint64_t drawn = shared_places.word();
  // As elements may lie, or anywhere.
  const size_t place = static_cast<size_t>(is_output ? drawn % (2 * shared_end + 64) : shared_end + drawn % 3 * 8);
  const size_t offset = is_output && drawn >> 40 & 3 ? place & ~size_t{7} : place;
  if (!is_output) shared_end = offset + bytes;
  return {&arena(LOGITS), offset, bytes};
}

Arena::Arena(const char *name, size_t bytes) : name_(name), size_(bytes) {
  const int file = memfd_create(name, 0);
  REQUIRE(file >= 0 && ftruncate(file, static_cast<off_t>(bytes)) == 0, "no memory for the fuzzer");
  writable_ = map_between_guards(file, bytes, PROT_READ | PROT_WRITE);
  readable_ = map_between_guards(file, bytes, PROT_READ);
  close(file);
}

Arena::Piece Arena::piece(size_t bytes, bool is_at_end, size_t askew) const {
  if (is_shared_ && this <= &arena(UPSTREAM)) return shared_piece(bytes);
  REQUIRE(bytes + askew <= size_, "%s: %zu bytes are more than the fuzzer has", name_, bytes);
  return {this, is_at_end ? size_ - bytes - askew : askew, bytes};
}

void Arena::paint(const Piece &piece) const {
  if (is_shared_) return;
  const size_t start = piece.offset - std::min(piece.offset, seen_around);
  std::memset(writable_ + start, pattern, std::min(piece.offset + piece.bytes + seen_around, size_) - start);
}

void Arena::repaint(uint8_t *place, size_t bytes) { std::memset(place, pattern, bytes); }

bool Arena::is_painted(const Piece &piece) const {
  if (is_shared_) return true;
  const size_t start = piece.offset - std::min(piece.offset, seen_around);
  const size_t end = std::min(piece.offset + piece.bytes + seen_around, size_);
  return start == end || (writable_[start] == pattern &&
                          std::memcmp(writable_ + start, writable_ + start + 1, end - start - 1) == 0);
}

const Arena &arena(int index) {
  constexpr size_t matrix = 1 << 20, vector = 1 << 16;
  static const Arena arenas[ARENAS] = {
      {"logits", matrix},
      {"gradient", matrix},
      {"multi_label_logits", matrix},
      {"multi_label_gradient", matrix},
      {"soft_labels", matrix},
      {"noise", matrix},
      {"row_values", vector},
      {"labels", vector},
      {"sample_weight", vector},
      {"upstream", vector},
      {"batch", vector},
      {"result", vector},
      {"executor", vector},
      {"options", vector},
      {"vector 0", vector},
      {"vector 1", vector},
      {"vector 2", vector},
      {"vector 3", vector},
      {"output 0", matrix},
      {"output 1", matrix},
      {"output 2", matrix},
      {"settings", vector},
  };
  return arenas[index];
}
