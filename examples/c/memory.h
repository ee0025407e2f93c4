/* Memory, or a message and the end of the program. */
#ifndef MEMORY_H
#define MEMORY_H

#include <stdio.h>
#include <stdlib.h>

static inline void *resized(void *memory, size_t count, size_t size) {
  void *const found = realloc(memory, (count > 0 ? count : 1) * size);
  if (found == NULL) {
    fprintf(stderr, "no memory for %zu x %zu bytes\n", count, size);
    exit(1);
  }
  return found;
}

/* Zeros. */
static inline void *zeroed(size_t count, size_t size) {
  void *const found = calloc(count > 0 ? count : 1, size);
  if (found == NULL) {
    fprintf(stderr, "no memory for %zu x %zu bytes\n", count, size);
    exit(1);
  }
  return found;
}

#endif /* MEMORY_H */
