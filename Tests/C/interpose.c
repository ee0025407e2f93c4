/* For RTLD_NEXT, memalign and the names below. */
#define _GNU_SOURCE
#include "interpose.h"

#include <errno.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* glibc's own functions under their other names: looking them up would itself allocate. */
extern void *__libc_malloc(size_t bytes);
extern void *__libc_calloc(size_t count, size_t bytes);
extern void *__libc_realloc(void *memory, size_t bytes);
extern void *__libc_memalign(size_t alignment, size_t bytes);
extern void __libc_free(void *memory);

static atomic_long calls;
static atomic_size_t smallest_failing = SIZE_MAX;
static atomic_long remaining = -1;

long allocation_calls(void) { return atomic_load(&calls); }

void reset_allocation_calls(void) { atomic_store(&calls, 0); }

void fail_allocations_from(size_t bytes) { atomic_store(&smallest_failing, bytes); }

void fail_allocation_after(long count) { atomic_store(&remaining, count); }

/* Counts a request and says whether it finds memory. */
static int is_granted(size_t bytes) {
  atomic_fetch_add(&calls, 1);
  if (bytes >= atomic_load(&smallest_failing)) return 0;
  if (atomic_load(&remaining) < 0) return 1;
  return atomic_fetch_sub(&remaining, 1) != 0;
}

void *malloc(size_t bytes) {
  if (is_granted(bytes)) return __libc_malloc(bytes);
  errno = ENOMEM;
  return NULL;
}

void *calloc(size_t count, size_t bytes) {
  if (is_granted(bytes == 0 || count <= SIZE_MAX / bytes ? count * bytes : SIZE_MAX))
    return __libc_calloc(count, bytes);
  errno = ENOMEM;
  return NULL;
}

void *realloc(void *memory, size_t bytes) {
  if (is_granted(bytes)) return __libc_realloc(memory, bytes);
  errno = ENOMEM;
  return NULL;
}

void *memalign(size_t alignment, size_t bytes) {
  if (is_granted(bytes)) return __libc_memalign(alignment, bytes);
  errno = ENOMEM;
  return NULL;
}

void *aligned_alloc(size_t alignment, size_t bytes) { return memalign(alignment, bytes); }

int posix_memalign(void **memory, size_t alignment, size_t bytes) {
  void *const found = memalign(alignment, bytes);
  if (found == NULL) return ENOMEM;
  *memory = found;
  return 0;
}

void free(void *memory) {
  if (memory != NULL) atomic_fetch_add(&calls, 1);
  __libc_free(memory);
}

void *mmap(void *address, size_t bytes, int protection, int flags, int file, off_t offset) {
  if (!is_granted(bytes)) {
    errno = ENOMEM;
    return MAP_FAILED;
  }
  return (void *)syscall(SYS_mmap, address, bytes, protection, flags, file, offset);
}
