/*
 * What kernels ask of the device they run on. Sources/GPU/device.ll says what each is on an NVIDIA GPU; Tests/GPU plays them on
 * a processor.
 *
 * A block's threads, a multiple of 32, are warps of 32. Collectives are reached by all threads they are for.
 */
#ifndef CGPU_H
#define CGPU_H

#include <stdint.h>

#pragma clang assume_nonnull begin

#define GPU_COLLECTIVE __attribute__((convergent, nothrow))
#define GPU_PURE __attribute__((const, nothrow))

GPU_PURE uint32_t gpu_thread(void);  /* this thread's place in its block */
GPU_PURE uint32_t gpu_threads(void); /* of a block */
GPU_PURE uint32_t gpu_block(void);
GPU_PURE uint32_t gpu_blocks(void);

/* The block's dynamic shared memory, aligned to 16. */
GPU_PURE void *gpu_shared(void);

/* Every thread of the block gets here, and sees what the others have stored before. */
GPU_COLLECTIVE void gpu_barrier(void);
/* The same of the warp's. */
GPU_COLLECTIVE void gpu_warp_barrier(void);

/* The value of the thread of the warp whose place differs by `lanes` in its bits. */
GPU_COLLECTIVE uint32_t gpu_shuffle_xor_u32(uint32_t value, uint32_t lanes);
GPU_COLLECTIVE uint64_t gpu_shuffle_xor_u64(uint64_t value, uint32_t lanes);
/* The value of one thread of the warp, 0 to 31. */
GPU_COLLECTIVE uint32_t gpu_shuffle_u32(uint32_t value, uint32_t lane);
/* A bit for every thread of the warp. */
GPU_COLLECTIVE uint32_t gpu_ballot(_Bool is_true);

/* With one rounding. */
GPU_PURE float gpu_fma(float a, float b, float c);
GPU_PURE double gpu_fma_f64(double a, double b, double c);
/* 2^x within 2^-22, relative; 0 below the smallest normal number. */
GPU_PURE float gpu_exp2(float x);
/* Correctly rounded. */
GPU_PURE float gpu_sqrt(float x);
/* The larger; where one is NaN, the other. */
GPU_PURE float gpu_max(float a, float b);

/* Four numbers from an address that is a multiple of 16, and 64 bits from one that is a multiple of 8: each one load. */
typedef float gpu_f32x4 __attribute__((ext_vector_type(4)));
__attribute__((pure, nothrow)) gpu_f32x4 gpu_load4_f32(const void *address);
__attribute__((pure, nothrow)) uint64_t gpu_load8(const void *address);

/* Adds to a number that others add to, and says what it was. Only for whole numbers: their sum has no order. */
__attribute__((nothrow)) uint32_t gpu_atomic_add_u32(uint32_t *address, uint32_t value);

#pragma clang assume_nonnull end

#endif
