// Where a matrix's elements lie: its strides as a batch or a result has them, 0 for what is contiguous.
#pragma once

#include <algorithm>

#include "input.hpp"
#include "memory.hpp"
#include "numbers.hpp"

struct Shape {
  int64_t rows;
  int64_t classes;
  // Divides the rows; 0: all.
  int64_t rows_per_group;

  int64_t group() const { return rows_per_group == 0 ? rows : rows_per_group; }
  size_t count() const { return static_cast<size_t>(rows * classes); }
};

struct Layout {
  int64_t row = 0;
  int64_t by_class = 0;
  int64_t group = 0;
  bool is_at_end = true;
  size_t askew = 0;
  // Elements share memory, which only input may.
  bool overlaps = false;

  // In elements, from row 0, class 0.
  int64_t place(const Shape &shape, int64_t row_index, int64_t class_index) const {
    const int64_t rows = std::max<int64_t>(shape.group(), 1);
    const int64_t by_row = row == 0 ? shape.classes : row;
    const int64_t by_group = group == 0 ? rows * shape.classes : group;
    return row_index / rows * by_group + row_index % rows * by_row + class_index * (by_class == 0 ? 1 : by_class);
  }

  // The first and the last of all elements' places.
  void reach(const Shape &shape, int64_t &lowest, int64_t &highest) const {
    lowest = highest = 0;
    if (shape.rows == 0) return;
    for (int64_t r : {int64_t{0}, shape.group() - 1, shape.rows - shape.group(), shape.rows - 1})
      for (int64_t c : {int64_t{0}, shape.classes - 1}) {
        lowest = std::min(lowest, place(shape, r, c));
        highest = std::max(highest, place(shape, r, c));
      }
  }
};

// Of every kind: contiguous, wide, backwards, an image's. `is_input`: elements may share memory.
inline Layout draw_layout(Input &input, const Shape &shape, bool has_classes, bool is_input) {
  Layout layout;
  const uint32_t kind = input.below(8);
  const int64_t wide = input.below(4), rows = std::max<int64_t>(shape.group(), 1);
  layout.is_at_end = !input.rarely(3);
  layout.askew = input.rarely(8) ? 1 + input.below(4) : 0;
  if (kind == 3 || kind == 4) {
    layout.row = (kind == 3 ? 1 : -1) * (shape.classes + wide);
    layout.group = layout.row * rows + (kind == 3 ? wide : -wide);
  } else if ((kind == 5 || kind == 6) && has_classes) {
    layout.row = kind == 5 ? 1 : -1;
    layout.by_class = (input.rarely(3) ? -1 : 1) * (rows + wide);
    layout.group = layout.by_class * shape.classes + (layout.by_class < 0 ? -wide : wide);
  } else if (kind == 7 && is_input) {
    layout.row = static_cast<int64_t>(input.below(5)) - 2;
    layout.group = static_cast<int64_t>(input.below(5)) - 2;
    if (has_classes) layout.by_class = static_cast<int64_t>(input.below(5)) - 2;
    layout.overlaps = true;
  }
  if (shape.rows == 0) layout.overlaps = false;
  return layout;
}

// A matrix in memory.
struct Matrix {
  Shape shape;
  Layout layout;
  topkloss_dtype dtype;
  Arena::Piece piece;
  // Bytes from the piece's start to row 0, class 0.
  int64_t first;

  Matrix(int arena_index, const Shape &matrix_shape, const Layout &matrix_layout, topkloss_dtype matrix_dtype)
      : shape(matrix_shape), layout(matrix_layout), dtype(matrix_dtype), piece{nullptr, 0, 0}, first(0) {
    int64_t lowest, highest;
    const int64_t bytes = static_cast<int64_t>(bytes_of(dtype));
    layout.reach(shape, lowest, highest);
    first = -lowest * bytes;
    const int64_t elements = shape.count() == 0 ? 0 : highest - lowest + 1;
    piece = arena(arena_index).piece(static_cast<size_t>(elements * bytes), layout.is_at_end, layout.askew);
  }

  uint8_t *writable() const { return piece.writable() + first; }
  const uint8_t *readable() const { return piece.readable() + first; }

  uint8_t *element(int64_t row, int64_t class_index) const {
    return writable() + layout.place(shape, row, class_index) * static_cast<int64_t>(bytes_of(dtype));
  }

  // Visits the elements, row by row.
  template <typename Visit>
  void each(Visit visit) const {
    const int64_t step = (layout.by_class == 0 ? 1 : layout.by_class) * static_cast<int64_t>(bytes_of(dtype));
    for (int64_t r = 0; r < shape.rows; r++) {
      uint8_t *place = element(r, 0);
      for (int64_t c = 0; c < shape.classes; c++, place += step) visit(place);
    }
  }

  void write(const double *numbers) const {
    each([&](uint8_t *place) { put(place, dtype, *numbers++); });
  }

  void read(double *numbers) const {
    each([&](uint8_t *place) { *numbers++ = get(place, dtype); });
  }

  void paint() const { piece.arena->paint(piece); }

  // Whether nothing was written but elements. These are then no more to be had.
  bool has_its_surroundings() const {
    const size_t bytes = bytes_of(dtype);
    each([&](uint8_t *place) {
      for (size_t i = 0; i < bytes; i++) place[i] = Arena::pattern;
    });
    return is_untouched();
  }

  bool is_untouched() const { return piece.arena->is_painted(piece); }
};
