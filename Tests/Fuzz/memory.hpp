// Memory between guard pages. Every arena is mapped twice: where the library may only read it, and where it may write.
#pragma once

#include <cstddef>
#include <cstdint>

class Arena {
 public:
  // What lies where nothing is to be written.
  static constexpr uint8_t pattern = 0xA5;

  Arena(const char *name, size_t bytes);

  // A piece of it, flush with the guard page behind it, or with that before it; `askew` bytes away.
  struct Piece {
    const Arena *arena;
    size_t offset;
    size_t bytes;

    uint8_t *writable() const { return arena->writable_ + offset; }
    const uint8_t *readable() const { return (is_shared_ ? arena->writable_ : arena->readable_) + offset; }
  };
  Piece piece(size_t bytes, bool is_at_end, size_t askew = 0) const;

  // Puts a pattern there and around, as far as it may be looked at below.
  void paint(const Piece &piece) const;

  // Whether the pattern is still everywhere in the piece and around it.
  bool is_painted(const Piece &piece) const;

  // Puts the pattern back over some bytes.
  static void repaint(uint8_t *place, size_t bytes);

  // From now on, or no longer, all of a batch lies in one arena: what is read side by side, what is written anywhere, also
  // over the rest. Nothing is painted then.
  static void share(bool is_shared, uint64_t seed);

  size_t size() const { return size_; }
  const char *name() const { return name_; }

 private:
  Piece shared_piece(size_t bytes) const;

  static bool is_shared_;
  const char *name_;
  size_t size_;
  uint8_t *writable_;
  const uint8_t *readable_;
};

enum {
  LOGITS,
  GRADIENT,
  MULTI_LABEL_LOGITS,
  MULTI_LABEL_GRADIENT,
  SOFT_LABELS,
  NOISE,
  ROW_VALUES,
  LABELS,
  SAMPLE_WEIGHT,
  UPSTREAM,
  BATCH,
  RESULT,
  EXECUTOR,
  OPTIONS,
  // Of options, one each.
  VECTORS,
  MOST_VECTORS = 4,
  // Of functions besides losses.
  OUTPUTS = VECTORS + MOST_VECTORS,
  MOST_OUTPUTS = 3,
  SETTINGS = OUTPUTS + MOST_OUTPUTS,
  ARENAS
};

const Arena &arena(int index);
