// What the emulator's files and translated kernels share.
#pragma once
#include "emulator.h"
#include <stdbool.h>

#define HIDDEN __attribute__((visibility("hidden")))

typedef enum { ready, atBarrier, atWarp, ended } ThreadState;
typedef enum {
  WARP_BARRIER, VOTE_BALLOT, VOTE_ANY, VOTE_ALL, VOTE_UNI, MATCH_ANY, SHUFFLE_BFLY, SHUFFLE_IDX, SHUFFLE_UP, SHUFFLE_DOWN
} Collective;

typedef struct {
  uint32_t thread, threads, block, blocks;
  uint32_t sharedBytes;
  uint8_t *shared;
  uint32_t line;       // of the access under way, for an error that the processor finds
  bool racing, delays; // what this order looks for
  uint64_t turns;
  // Intervals between barriers, of the block and of each warp: numbers that never come again.
  uint32_t launchInterval, blockBegin, blockInterval, warpInterval[maxThreads / warpThreads], lastInterval;
} Emulator;
extern HIDDEN Emulator emulator;

HIDDEN _Noreturn void emulator_fail(uint32_t line, const char *format, ...) __attribute__((format(printf, 2, 3)));
HIDDEN _Noreturn void emulator_endless(uint32_t line);

HIDDEN void emulator_barrier(uint32_t line);
HIDDEN uint64_t emulator_warp(Collective kind, uint32_t mask, uint64_t value, uint32_t lane, uint32_t clamp, uint32_t line);

/// Where a block's shared memory is: an address of its own space as one of the processor's, checked.
HIDDEN uint64_t emulator_shared(uint64_t address, uint32_t bytes, uint32_t line);
/// From the space of shared memory to the generic one, or back.
HIDDEN uint64_t emulator_window(uint64_t address, bool back, uint32_t line);
HIDDEN void emulator_aligned(uint64_t address, uint32_t bytes, uint32_t line);
HIDDEN void emulator_fence(void);

// How accesses are made: ordered ones are atomic, to one another; of param is the kernel's parameter, which stays as it is.
#define ACCESS(bits) \
  HIDDEN uint##bits##_t ld_plain_##bits(uint64_t address, uint32_t line); \
  HIDDEN uint##bits##_t ld_ordered_##bits(uint64_t address, uint32_t line); \
  HIDDEN uint##bits##_t ld_param_##bits(uint64_t address, uint32_t line); \
  HIDDEN void st_plain_##bits(uint64_t address, uint##bits##_t value, uint32_t line); \
  HIDDEN void st_ordered_##bits(uint64_t address, uint##bits##_t value, uint32_t line);
ACCESS(8) ACCESS(16) ACCESS(32) ACCESS(64)
#undef ACCESS

// Between the emulator's own files.
HIDDEN void memory_begin(void);
HIDDEN void memory_begin_block(void);
HIDDEN void memory_end(void);

static inline void emulator_turn(uint32_t line) {
  if (--emulator.turns == 0) emulator_endless(line);
}
