// What Sources/CGPU/gpu.h declares, on a processor: for kernels that have been compiled from their source, without PTX.
#include "gpu.h"
#include "instructions.h"

// Where it was called stands for the line, of which all that threads of a collective need is that it is the same.
#define LINE ((uint32_t)(uintptr_t)__builtin_return_address(0))

uint32_t gpu_thread(void) { return emulator.thread; }
uint32_t gpu_threads(void) { return emulator.threads; }
uint32_t gpu_block(void) { return emulator.block; }
uint32_t gpu_blocks(void) { return emulator.blocks; }
void *gpu_shared(void) { return emulator.shared; }

void gpu_barrier(void) { emulator_barrier(LINE); }
void gpu_warp_barrier(void) { emulator_warp(WARP_BARRIER, ~0u, 0, 0, 0, LINE); }
uint32_t gpu_shuffle_xor_u32(uint32_t value, uint32_t lanes) {
  return (uint32_t)emulator_warp(SHUFFLE_BFLY, ~0u, value, lanes, 31, LINE);
}
// Halves, one after the other, as a device has them.
uint64_t gpu_shuffle_xor_u64(uint64_t value, uint32_t lanes) {
  const uint32_t low = (uint32_t)emulator_warp(SHUFFLE_BFLY, ~0u, (uint32_t)value, lanes, 31, LINE);
  const uint32_t high = (uint32_t)emulator_warp(SHUFFLE_BFLY, ~0u, (uint32_t)(value >> 32), lanes, 31, LINE);
  return (uint64_t)high << 32 | low;
}
uint32_t gpu_shuffle_u32(uint32_t value, uint32_t lane) { return (uint32_t)emulator_warp(SHUFFLE_IDX, ~0u, value, lane, 31, LINE); }
uint32_t gpu_ballot(_Bool is_true) { return (uint32_t)emulator_warp(VOTE_BALLOT, ~0u, is_true, 0, 0, LINE); }

float gpu_fma(float a, float b, float c) { return fmaf(a, b, c); }
double gpu_fma_f64(double a, double b, double c) { return fma(a, b, c); }
float gpu_exp2(float x) { return AS(float, ex2_approx_ftz_f32(AS(uint32_t, x))); }
float gpu_sqrt(float x) { return sqrtf(x); }
float gpu_max(float a, float b) { return AS(float, max_f32(AS(uint32_t, a), AS(uint32_t, b))); }

gpu_f32x4 gpu_load4_f32(const void *address) { return *(const gpu_f32x4 *)address; }
uint64_t gpu_load8(const void *address) { return *(const uint64_t *)address; }
uint32_t gpu_atomic_add_u32(uint32_t *address, uint32_t value) {
  return atom_add_u32((uint64_t)(uintptr_t)address, value, LINE);
}
