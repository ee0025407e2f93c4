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
static atomic_long live;
static atomic_long bytes_live;
static atomic_long refused;
static atomic_size_t smallest_failing = SIZE_MAX;
static atomic_long remaining = -1;
static atomic_int is_for_good;
static _Thread_local volatile int depth;

long allocation_calls(void) { return atomic_load(&calls); }

void reset_allocation_calls(void) {
  atomic_store(&calls, 0);
  atomic_store(&refused, 0);
}

long refused_allocations(void) { return atomic_load(&refused); }

long live_allocations(void) { return atomic_load(&live); }

int is_allocating(void) { return depth > 0; }

long live_bytes(void) { return atomic_load(&bytes_live); }

void fail_allocations_from(size_t bytes) { atomic_store(&smallest_failing, bytes); }

void fail_allocation_after(long count) {
  atomic_store(&is_for_good, 0);
  atomic_store(&remaining, count);
}

void fail_allocations_after(long count) {
  atomic_store(&is_for_good, 1);
  atomic_store(&remaining, count);
}

static int may_be_granted(size_t bytes) {
  if (bytes >= atomic_load(&smallest_failing)) return 0;
  if (atomic_load(&remaining) < 0) return 1;
  if (atomic_load(&remaining) == 0 && atomic_load(&is_for_good)) return 0;
  return atomic_fetch_sub(&remaining, 1) != 0;
}

/* Counts a request and says whether it finds memory. */
static int is_granted(size_t bytes) {
  const int is = may_be_granted(bytes);
  atomic_fetch_add(&calls, 1);
  if (!is) atomic_fetch_add(&refused, 1);
  return is;
}

static void note_live(void *memory, long sign) {
  atomic_fetch_add(&live, sign);
  atomic_fetch_add(&bytes_live, sign * (long)malloc_usable_size(memory));
}

/* Counts a piece of memory that was given, or says that there is none. */
static void *given(void *memory) {
  if (memory == NULL)
    errno = ENOMEM;
  else
    note_live(memory, 1);
  return memory;
}

void *malloc(size_t bytes) {
  void *found = NULL;
  depth++;
  if (is_granted(bytes)) found = __libc_malloc(bytes);
  depth--;
  return given(found);
}

void *calloc(size_t count, size_t bytes) {
  const int granted = is_granted(bytes == 0 || count <= SIZE_MAX / bytes ? count * bytes : SIZE_MAX);
  void *found;
  depth++;
  found = granted ? __libc_calloc(count, bytes) : NULL;
  depth--;
  return given(found);
}

/* Of no bytes, it gives back what there was. */
void *realloc(void *memory, size_t bytes) {
  void *found = NULL;
  if (is_granted(bytes)) {
    const long before = memory == NULL ? 0 : (long)malloc_usable_size(memory);
    depth++;
    found = __libc_realloc(memory, bytes);
    depth--;
    if (memory != NULL && (found != NULL || bytes == 0)) {
      atomic_fetch_sub(&live, 1);
      atomic_fetch_sub(&bytes_live, before);
    }
    if (memory != NULL && bytes == 0 && found == NULL) return NULL;
  }
  return given(found);
}

void *memalign(size_t alignment, size_t bytes) {
  void *found = NULL;
  depth++;
  if (is_granted(bytes)) found = __libc_memalign(alignment, bytes);
  depth--;
  return given(found);
}

void *aligned_alloc(size_t alignment, size_t bytes) { return memalign(alignment, bytes); }

int posix_memalign(void **memory, size_t alignment, size_t bytes) {
  void *const found = memalign(alignment, bytes);
  if (found == NULL) return ENOMEM;
  *memory = found;
  return 0;
}

void free(void *memory) {
  if (memory != NULL) {
    atomic_fetch_add(&calls, 1);
    note_live(memory, -1);
  }
  depth++;
  __libc_free(memory);
  depth--;
}

void *mmap(void *address, size_t bytes, int protection, int flags, int file, off_t offset) {
  if (!is_granted(bytes)) {
    errno = ENOMEM;
    return MAP_FAILED;
  }
  return (void *)syscall(SYS_mmap, address, bytes, protection, flags, file, offset);
}
