// What a test may ask of the stand-in driver, beside the driver's own interface. fakecuda.c says what it plays.
#pragma once
#include <stdint.h>

typedef struct {
  uint64_t launches, allocations, frees, synchronizations, copies, modules;
  uint64_t depth; // contexts pushed by this thread and not popped
} FakeCounts;

void fake_cuda_counts(FakeCounts *counts);
/// In which order threads run: emulator.h. At first FAKE_CUDA_ORDER, or 3.
void fake_cuda_set_order(uint64_t order);
/// The line of its PTX on which a kernel's barrier is left out in the next launches; NULL: none.
void fake_cuda_set_mutation(const char *kernel, uint32_t line);
/// Which lines of its PTX a kernel has come to since they were last forgotten: `reached` of emulator.h.
void fake_cuda_reached(const char *kernel, uint8_t *lines, uint32_t count);
void fake_cuda_forget(void);
/// Row kernels have at most so many blocks, so that one has several rows, and of threads as many as there may be without
/// registers; 0: as they are launched.
void fake_cuda_set_blocks(uint32_t most);
/// Whether every stream is being captured: what must not happen then is an error.
void fake_cuda_set_capturing(int is);
/// What the driver is to fail at: as FAKE_CUDA_FAULTS; NULL: nothing. Ends the error of a launch, which otherwise stays.
void fake_cuda_set_faults(const char *faults);
/// A new start after a launch has failed: all memory is freed.
void fake_cuda_reset(void);
/// Why the last launch failed; empty if none did.
const char *fake_cuda_error(void);
