// PTX on a CPU, for tests: a block's threads are fibers, which take turns where they do something together.
//
// A launch has an order. In order 0 the threads run one after another, and races are looked for: two accesses to the same
// bytes by different threads, one of them a store that changes them, without a barrier between. Order 1 is from the last
// thread to the first. The others are random: in even ones all take turns, in odd ones a warp gets as far as it can. In
// orders 2, 3, 6, 7 and so on a store is seen by other threads only once its thread has come to a barrier or a fence.
// Shared memory begins as NaNs in order 0, and as other garbage in every other.
#pragma once
#include <stddef.h>
#include <stdint.h>

enum { warpThreads = 32, maxThreads = 1024 };

typedef struct {
  const char *name; // NULL: the table's end
  void (*body)(const uint8_t *parameter);
  uint32_t parameterBytes, sharedBytes, maxThreads;
} Kernel;

typedef struct {
  uint32_t blocks, threads, sharedBytes;
  uint32_t mutatedLine; // a barrier of the PTX that is left out, or a shuffle that brings other numbers; 0: none
  uint64_t order;
  uint64_t turns;       // backward branches that a thread may take before it is said to run for ever; 0: 2^32
  uint8_t *reached;     // NULL, or a byte a line of the PTX: 1 where threads have come to a collective; 2 where a barrier
                        // of the block has been followed by another
  uint32_t lines;
  // What the launch has counted.
  uint64_t barriers, warpBarriers, shuffles, takenTurns;
  uint64_t trace; // of what each thread did together with others, in its order
  char error[1000];
} Launch;

/// 0, or 1 with what went wrong in `error`.
int emulator_launch(const char *kernel, const void *parameter, size_t parameterBytes, Launch *launch);

/// Ends with a null name.
extern const Kernel emulator_kernels[];
