#define _GNU_SOURCE
#include "fakecuda_memory.h"
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>

enum { pageBytes = 4096, alignment = 256, mostAllocations = 1 << 14 };
typedef struct { uint64_t start; size_t bytes; int device; } Allocation;
static Allocation allocations[mostAllocations];
static int allocationCount;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static size_t whole_pages(size_t bytes) { return (bytes + pageBytes - 1) / pageBytes * pageBytes; }

uint64_t memory_allocate(size_t bytes, int device) {
  const size_t room = whole_pages(bytes);
  char *pages = mmap(NULL, room + 2 * pageBytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (pages == MAP_FAILED || mprotect(pages + pageBytes, room, PROT_READ | PROT_WRITE)) return 0;
  memset(pages + pageBytes, 0xff, room); // NaN
  const uint64_t start = (uint64_t)(uintptr_t)(pages + pageBytes) + (room - (bytes + alignment - 1) / alignment * alignment);
  pthread_mutex_lock(&lock);
  const int kept = allocationCount < mostAllocations;
  if (kept) allocations[allocationCount++] = (Allocation){start, bytes, device};
  pthread_mutex_unlock(&lock);
  return kept ? start : 0;
}

int memory_free(uint64_t address) {
  int found = 0;
  pthread_mutex_lock(&lock);
  for (int i = 0; i < allocationCount && !found; i++) {
    if (allocations[i].start != address) continue;
    // Kept without access and without memory: what is used after it was freed is found.
    void *pages = (void *)(uintptr_t)(address / pageBytes * pageBytes);
    const size_t room = whole_pages(allocations[i].bytes);
    madvise(pages, room, MADV_DONTNEED);
    mprotect(pages, room, PROT_NONE);
    allocations[i] = allocations[--allocationCount];
    found = 1;
  }
  pthread_mutex_unlock(&lock);
  return found;
}

void memory_free_all(void) {
  while (allocationCount) memory_free(allocations[0].start);
}

int memory_device(uint64_t address) {
  int device = -1;
  pthread_mutex_lock(&lock);
  for (int i = 0; i < allocationCount && device < 0; i++)
    if (address - allocations[i].start < allocations[i].bytes) device = allocations[i].device;
  pthread_mutex_unlock(&lock);
  return device;
}
