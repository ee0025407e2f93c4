/*
 * Frames of any loss, whose arrays end where memory does that may be read.
 */
#ifndef XLA_OPERANDS_H
#define XLA_OPERANDS_H

#include <sys/mman.h>
#include <unistd.h>

#include "xla_frame.h"

enum { MOST = 6 };

typedef struct wide {
  call base;
  /* Operands, then results. */
  xla_buffer buffers[2][MOST];
  void *places[2][MOST];
  int32_t types[MOST];
  int64_t lengths[2][MOST][3];
  int64_t counts[2];
  char words[2][128];
  /* The number of axes of rows, whether rows are compared, then options. */
  int64_t integers[MOST];
  double numbers[2];
  xla_scalar scalars[MOST + 2];
  int64_t option_count, number_count;
} wide;

static struct {
  char *start;
  size_t size;
} mappings[64];
static int mapping_count;

/* Zeros that end with a page which may not be read. */
static void *guarded(size_t bytes) {
  const size_t page = (size_t)sysconf(_SC_PAGESIZE), size = (bytes + page - 1) / page * page;
  char *start = mmap(NULL, size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(start != MAP_FAILED && mprotect(start + size, page, PROT_NONE) == 0, "%zu", size);
  mappings[mapping_count].start = start;
  mappings[mapping_count++].size = size + page;
  return start + size - bytes;
}

/* Of all frames. */
static void give_back(wide *of) {
  memset(of, 0, sizeof *of);
  while (mapping_count) {
    mapping_count--;
    munmap(mappings[mapping_count].start, mappings[mapping_count].size);
  }
}

static void add_attribute(wide *to, const char *name, int type, void *value) {
  set_attribute(&to->base, (int)to->base.frame.attributes.count++, name, type, value);
}

static void set_option(wide *to, const char *name, int64_t value) {
  const int64_t place = to->option_count++;
  to->integers[place] = value;
  to->scalars[place] = (xla_scalar){XLA_S64, &to->integers[place]};
  add_attribute(to, name, XLA_SCALAR, &to->scalars[place]);
}

static void set_number(wide *to, const char *name, double value) {
  const int64_t place = to->number_count++;
  to->numbers[place] = value;
  to->scalars[MOST + place] = (xla_scalar){XLA_F64, &to->numbers[place]};
  add_attribute(to, name, XLA_SCALAR, &to->scalars[MOST + place]);
}

/* Of an option that is set. */
static void change_option(wide *to, const char *name, int64_t value) {
  for (int64_t i = 0; i < to->base.frame.attributes.count; i++) {
    if (strcmp(to->base.names[i].start, name) == 0) {
      *(int64_t *)((xla_scalar *)to->base.attributes[i])->value = value;
    }
  }
}

/* Lists: 0 of operands, 1 of results. */
static void add(wide *to, int list, const char *name, int dtype, void *data, int64_t rank, int64_t first, int64_t second,
                int64_t third) {
  const int64_t place = to->counts[list]++;
  const int64_t lengths[3] = {first, second, third};
  memcpy(to->lengths[list][place], lengths, sizeof lengths);
  to->buffers[list][place] = (xla_buffer){XLA_BUFFER_SIZE, NULL, dtype, data, rank, to->lengths[list][place]};
  to->places[list][place] = &to->buffers[list][place];
  to->types[place] = XLA_BUFFER;
  const size_t used = strlen(to->words[list]);
  snprintf(to->words[list] + used, sizeof to->words[list] - used, "%s%s", place ? " " : "", name);
  to->base.texts[1 + list] = (xla_span){to->words[list], strlen(to->words[list])};
  xla_arguments *arguments = list ? &to->base.frame.results : &to->base.frame.arguments;
  *arguments = (xla_arguments){XLA_ARGUMENTS_SIZE, NULL, to->counts[list], to->types, to->places[list]};
}

/* A call of that loss, without arrays. Its memory may be anything. */
static void begin(wide *to, const char *loss, int64_t rows_are_compared) {
  memset(to, 0, sizeof *to);
  make_call(&to->base);
  to->base.frame.attributes.count = 0;
  to->base.texts[0] = (xla_span){loss, strlen(loss)};
  add_attribute(to, "loss", XLA_STRING, &to->base.texts[0]);
  add_attribute(to, "operands", XLA_STRING, &to->base.texts[1]);
  add_attribute(to, "results", XLA_STRING, &to->base.texts[2]);
  set_option(to, "row_axes", 1);
  set_option(to, "rows_are_compared", rows_are_compared);
}

/* Logits, of as many heads, and labels; values and gradients. */
static void add_heads(wide *to, int heads) {
  static const char *const names[2][2] = {{"logits", "gradient"}, {"multi_label_logits", "multi_label_gradient"}};
  int32_t *labels = guarded(ROWS * sizeof *labels);
  for (int i = 0; i < ROWS; i++) labels[i] = i;
  add(to, 1, "values", XLA_F32, guarded(ROWS * sizeof(float)), 1, ROWS, 0, 0);
  for (int head = 0; head < heads; head++) {
    float *logits = guarded(ROWS * CLASSES * sizeof *logits);
    for (int i = 0; i < ROWS * CLASSES; i++) logits[i] = (float)(i * (7 - head) % 11) / 3;
    add(to, 0, names[head][0], XLA_F32, logits, 2, ROWS, CLASSES, 0);
    add(to, 1, names[head][1], XLA_F32, guarded(ROWS * CLASSES * sizeof(float)), 2, ROWS, CLASSES, 0);
  }
  add(to, 0, "labels", XLA_S32, labels, 1, ROWS, 0, 0);
}

static const char *run_wide(wide *one, int stage) { return run_call(&one->base, stage); }

#endif
