/*
 * The buffers that hostile.c hands out to every call, what they may hold, and whether anything was written where it
 * must not be.
 */
#ifndef HOSTILE_BUFFERS_H
#define HOSTILE_BUFFERS_H

#include <stdlib.h>

#include "every_loss.h"

enum {
  FEW_ROWS = 9,
  /* Enough for several threads to be worth their while. */
  MANY_ROWS = 1500,
  MAX_CLASSES = 40,
  MAX_STRIDE = 64,
  MAX_SAMPLES = 6,
  GUARD = 256
};

/* Bytes for a matrix whose first row lies in the middle, so that strides of both signs stay inside. */
#define MATRIX_BYTES(rows) (2 * ((size_t)(rows)*MAX_STRIDE * 8 + GUARD))
#define NOISE_BYTES(rows) (2 * ((size_t)(rows)*MAX_SAMPLES * MAX_STRIDE * 8 + GUARD))

/* A buffer and what it held before the call. */
typedef struct {
  const char *name;
  unsigned char *bytes;
  unsigned char *before;
  /* 1 for bytes that the call may write. */
  unsigned char *may_change;
  /* How much of it is in use. */
  size_t size;
} buffer;

enum {
  LOGITS,
  GRADIENT,
  MULTI_LABEL_LOGITS,
  MULTI_LABEL_GRADIENT,
  SOFT_LABELS,
  ROW_VALUES,
  NOISE,
  LABELS,
  WEIGHTS,
  ROW_STARTS,
  INDICES,
  BUFFERS
};

static buffer buffers[BUFFERS] = {{"logits", NULL, NULL, NULL, 0},
                                  {"gradient", NULL, NULL, NULL, 0},
                                  {"multi_label_logits", NULL, NULL, NULL, 0},
                                  {"multi_label_gradient", NULL, NULL, NULL, 0},
                                  {"soft_labels", NULL, NULL, NULL, 0},
                                  {"row_values", NULL, NULL, NULL, 0},
                                  {"noise", NULL, NULL, NULL, 0},
                                  {"labels", NULL, NULL, NULL, 0},
                                  {"weights", NULL, NULL, NULL, 0},
                                  {"row starts", NULL, NULL, NULL, 0},
                                  {"indices", NULL, NULL, NULL, 0}};

static uint64_t state;

/* One time in `count`. */
static int rarely(int64_t count) { return random_below(&state, count) == 0; }

static double strange_number(void) {
  static const double numbers[] = {0.0,       -0.0, 1.0,    -1.0,    0.5, 1e-300,   1e300,  -1e300,
                                   1e-45,     30.0, 1e38,   -3.4e38, 0.1, INFINITY, 65504.0,
                                   -INFINITY, NAN,  5e-324, 2.2e-308, 1e16};
  return numbers[random_below(&state, (int64_t)(sizeof numbers / sizeof *numbers))];
}

static void set_sizes(int64_t rows) {
  buffers[LOGITS].size = buffers[GRADIENT].size = MATRIX_BYTES(rows);
  buffers[MULTI_LABEL_LOGITS].size = buffers[MULTI_LABEL_GRADIENT].size = MATRIX_BYTES(rows);
  buffers[SOFT_LABELS].size = MATRIX_BYTES(rows);
  buffers[NOISE].size = NOISE_BYTES(rows);
  buffers[ROW_VALUES].size = buffers[LABELS].size = buffers[WEIGHTS].size =
      (size_t)rows * 8 + 2 * GUARD;
  buffers[ROW_STARTS].size = (size_t)(rows + 1) * 8 + 2 * GUARD;
  buffers[INDICES].size = (size_t)(rows * MAX_CLASSES) * 8 + 2 * GUARD;
}

static void make_buffers(void) {
  set_sizes(MANY_ROWS);
  for (int i = 0; i < BUFFERS; i++) {
    buffers[i].bytes = malloc(buffers[i].size);
    buffers[i].before = malloc(buffers[i].size);
    buffers[i].may_change = malloc(buffers[i].size);
    if (buffers[i].bytes == NULL || buffers[i].before == NULL || buffers[i].may_change == NULL) {
      fprintf(stderr, "no memory for a test\n");
      exit(2);
    }
    memset(buffers[i].bytes, 0x5A, buffers[i].size);
  }
}

static void free_buffers(void) {
  for (int i = 0; i < BUFFERS; i++) {
    free(buffers[i].bytes);
    free(buffers[i].before);
    free(buffers[i].may_change);
  }
}

/* Elements: mostly ordinary, sometimes anything that has a bit pattern. */
static void fill_elements(buffer *matrix, int32_t dtype) {
  const int is_wild = rarely(4);
  for (size_t i = 0; i + 8 <= matrix->size; i += 8) {
    const uint64_t word = random_word(&state);
    memcpy(matrix->bytes + i, &word, 8);
    if (is_wild) continue;
    if (dtype == TOPKLOSS_FLOAT64) {
      const double number = rarely(50) ? strange_number() : random_within(&state, 5.0);
      memcpy(matrix->bytes + i, &number, 8);
    } else if (dtype == TOPKLOSS_FLOAT32) {
      const float pair[2] = {(float)random_within(&state, 5.0),
                             (float)(rarely(50) ? strange_number() : random_within(&state, 5.0))};
      memcpy(matrix->bytes + i, pair, 8);
    } else if (!rarely(50)) {
      /* Four halves of either kind, their exponents such that they lie between -2 and 2. */
      const uint64_t halves = (word & UINT64_C(0x80FF80FF80FF80FF)) | UINT64_C(0x3C003C003C003C00);
      memcpy(matrix->bytes + i, &halves, 8);
    }
  }
}

/* Mostly without the signs of elements of any type: soft labels are 0 or more. */
static void drop_signs(buffer *matrix) {
  for (size_t i = 0; i + 8 <= matrix->size; i += 8) {
    uint64_t word;
    memcpy(&word, matrix->bytes + i, 8);
    if (!rarely(100)) word &= UINT64_C(0x7FFF7FFF7FFF7FFF);
    memcpy(matrix->bytes + i, &word, 8);
  }
}

static void fill_buffers(int32_t dtype, int has_noise, int has_soft_labels) {
  fill_elements(&buffers[LOGITS], dtype);
  fill_elements(&buffers[MULTI_LABEL_LOGITS], dtype);
  if (has_soft_labels) {
    fill_elements(&buffers[SOFT_LABELS], dtype);
    drop_signs(&buffers[SOFT_LABELS]);
  }
  if (has_noise)
    fill_elements(&buffers[NOISE], dtype == TOPKLOSS_FLOAT64 ? dtype : TOPKLOSS_FLOAT32);
  {
    static const int outputs[] = {GRADIENT, MULTI_LABEL_GRADIENT, ROW_VALUES, ROW_STARTS, INDICES};
    for (size_t i = 0; i < sizeof outputs / sizeof *outputs; i++)
      memset(buffers[outputs[i]].bytes, 0x5A, buffers[outputs[i]].size);
  }
  {
    /* In a larger batch fewer labels and weights are wrong, or no such call would succeed. */
    const int64_t rows = (int64_t)(buffers[LABELS].size - 2 * GUARD) / 8;
    for (int64_t row = 0; row < rows; row++) {
      /* The same number as one int64 or, at each end of it, as an int32. */
      const int32_t label = (int32_t)(rarely(8 * rows) ? random_below(&state, 9) - 4 : 0);
      const int32_t pair[2] = {label, label < 0 ? -1 : 0};
      const double weight = rarely(8 * rows) ? strange_number() : random_within(&state, 2.0);
      memcpy(buffers[LABELS].bytes + GUARD + 8 * row, pair, 8);
      memcpy(buffers[WEIGHTS].bytes + GUARD + 8 * row, &weight, 8);
    }
  }
  for (int i = 0; i < BUFFERS; i++) {
    memset(buffers[i].may_change, 0, buffers[i].size);
    memcpy(buffers[i].before, buffers[i].bytes, buffers[i].size);
  }
}

/* The buffer that a pointer points into. */
static buffer *buffer_of(const void *pointer) {
  for (int i = 0; i < BUFFERS; i++) {
    const uintptr_t start = (uintptr_t)buffers[i].bytes;
    if ((uintptr_t)pointer >= start && (uintptr_t)pointer < start + buffers[i].size) return &buffers[i];
  }
  fprintf(stderr, "a pointer into no buffer\n");
  exit(2);
}

/* How far apart a matrix's elements lie, as its batch says. */
typedef struct {
  int64_t row, class, group, rows_per_group;
} strides;

/* Marks the elements of a matrix as free to change. */
static void allow(const void *first, int64_t rows, int64_t classes, strides by, int64_t element) {
  buffer *const matrix = buffer_of(first);
  const int64_t in_group = by.rows_per_group == 0 ? rows : by.rows_per_group;
  const int64_t start = (const unsigned char *)first - matrix->bytes;
  if (by.row == 0) by.row = classes;
  if (by.class == 0) by.class = 1;
  if (by.group == 0) by.group = in_group * classes;
  for (int64_t row = 0; row < rows; row++) {
    /* Of a single row, or group, or class, the stride means nothing, and may be anything. */
    const int64_t group_start = row < in_group ? 0 : row / in_group * by.group;
    const int64_t row_start = group_start + (row % in_group == 0 ? 0 : row % in_group * by.row);
    for (int64_t class = 0; class < classes; class ++)
      memset(matrix->may_change + start + (row_start + (class == 0 ? 0 : class * by.class)) * element, 1,
             (size_t)element);
  }
}

static void expect_no_stray_write(void) {
  for (int i = 0; i < BUFFERS; i++) {
    const buffer *const kept = &buffers[i];
    if (memcmp(kept->bytes, kept->before, kept->size) == 0) continue;
    for (size_t place = 0; place < kept->size; place++)
      CHECK(kept->bytes[place] == kept->before[place] || kept->may_change[place],
            "%s: byte %zu of %zu was written", kept->name, place, kept->size);
  }
}

#endif /* HOSTILE_BUFFERS_H */
