/*
 * Operations on whole vectors that Swift's standard library has only as loops over lanes, which the optimiser does
 * not always put together again: broadcasts, comparisons, selection, shifts, bit operations. Each is one or two
 * instructions. (Swift's arithmetic operators on vectors are single instructions already.)
 *
 * A mask has all bits of a lane set or none.
 */
#ifndef CLANES_H
#define CLANES_H

#include <stdint.h>

typedef float lanes_f32 __attribute__((ext_vector_type(16)));
typedef double lanes_f64 __attribute__((ext_vector_type(8)));
typedef uint32_t lanes_u32 __attribute__((ext_vector_type(16)));
typedef int32_t lanes_i32 __attribute__((ext_vector_type(16)));
typedef uint64_t lanes_u64 __attribute__((ext_vector_type(8)));
typedef int64_t lanes_i64 __attribute__((ext_vector_type(8)));
typedef uint16_t lanes_u16 __attribute__((ext_vector_type(16)));
typedef float lanes_f32x8 __attribute__((ext_vector_type(8)));

#define LANES_INLINE static inline __attribute__((always_inline))

/* The bits of a float vector, and back. */
LANES_INLINE lanes_u32 lanes_bits_f32(lanes_f32 a) { return (lanes_u32)a; }
LANES_INLINE lanes_f32 lanes_from_bits_f32(lanes_u32 a) { return (lanes_f32)a; }
LANES_INLINE lanes_u64 lanes_bits_f64(lanes_f64 a) { return (lanes_u64)a; }
LANES_INLINE lanes_f64 lanes_from_bits_f64(lanes_u64 a) { return (lanes_f64)a; }

LANES_INLINE lanes_u32 lanes_and(lanes_u32 a, lanes_u32 b) { return a & b; }
LANES_INLINE lanes_u32 lanes_or(lanes_u32 a, lanes_u32 b) { return a | b; }
LANES_INLINE lanes_u32 lanes_xor(lanes_u32 a, lanes_u32 b) { return a ^ b; }

/* Shifts by 0 to 31 (63) bits, filling with zeros; arithmetic: filling with the sign. */
LANES_INLINE lanes_u32 lanes_shift_left(lanes_u32 a, uint32_t n) { return a << n; }
LANES_INLINE lanes_u32 lanes_shift_right(lanes_u32 a, uint32_t n) { return a >> n; }
LANES_INLINE lanes_u32 lanes_shift_right_arithmetic(lanes_u32 a, uint32_t n) {
  return (lanes_u32)((lanes_i32)a >> (int32_t)n);
}
LANES_INLINE lanes_u64 lanes_shift_left_u64(lanes_u64 a, uint64_t n) { return a << n; }

LANES_INLINE lanes_f32 lanes_splat_f32(float a) { return (lanes_f32)a; }
LANES_INLINE lanes_f64 lanes_splat_f64(double a) { return (lanes_f64)a; }
LANES_INLINE lanes_u32 lanes_splat_u32(uint32_t a) { return (lanes_u32)a; }
LANES_INLINE lanes_u64 lanes_splat_u64(uint64_t a) { return (lanes_u64)a; }

/* False where either is NaN. */
LANES_INLINE lanes_i32 lanes_less_f32(lanes_f32 a, lanes_f32 b) { return a < b; }
LANES_INLINE lanes_i64 lanes_less_f64(lanes_f64 a, lanes_f64 b) { return a < b; }
LANES_INLINE lanes_i32 lanes_less_or_equal_f32(lanes_f32 a, lanes_f32 b) { return a <= b; }
LANES_INLINE lanes_i64 lanes_less_or_equal_f64(lanes_f64 a, lanes_f64 b) { return a <= b; }
LANES_INLINE lanes_i32 lanes_equal_f32(lanes_f32 a, lanes_f32 b) { return a == b; }
LANES_INLINE lanes_i64 lanes_equal_f64(lanes_f64 a, lanes_f64 b) { return a == b; }
LANES_INLINE lanes_i32 lanes_less_u32(lanes_u32 a, lanes_u32 b) { return a < b; }
LANES_INLINE lanes_i32 lanes_equal_u32(lanes_u32 a, lanes_u32 b) { return a == b; }

/* Lanes from first to end - 1, but for one. */
LANES_INLINE lanes_i32 lanes_range_f32(int32_t first, int32_t end, int32_t except) {
  const lanes_i32 lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  return (lane >= first) & (lane < end) & (lane != except);
}
LANES_INLINE lanes_i64 lanes_range_f64(int64_t first, int64_t end, int64_t except) {
  const lanes_i64 lane = {0, 1, 2, 3, 4, 5, 6, 7};
  return (lane >= first) & (lane < end) & (lane != except);
}

LANES_INLINE _Bool lanes_any_i32(lanes_i32 mask) { return __builtin_reduce_or(mask) != 0; }
LANES_INLINE _Bool lanes_any_i64(lanes_i64 mask) { return __builtin_reduce_or(mask) != 0; }
LANES_INLINE _Bool lanes_all_i32(lanes_i32 mask) { return __builtin_reduce_and(mask) != 0; }
LANES_INLINE _Bool lanes_all_i64(lanes_i64 mask) { return __builtin_reduce_and(mask) != 0; }

/* b where the mask is set, else a. */
LANES_INLINE lanes_f32 lanes_select_f32(lanes_i32 mask, lanes_f32 a, lanes_f32 b) {
  return mask ? b : a;
}
LANES_INLINE lanes_u32 lanes_select_u32(lanes_i32 mask, lanes_u32 a, lanes_u32 b) {
  return mask ? b : a;
}
LANES_INLINE lanes_f64 lanes_select_f64(lanes_i64 mask, lanes_f64 a, lanes_f64 b) {
  return mask ? b : a;
}

LANES_INLINE lanes_u32 lanes_widen_u16(lanes_u16 a) {
  return __builtin_convertvector(a, lanes_u32);
}
LANES_INLINE lanes_u16 lanes_narrow_u32(lanes_u32 a) {
  return __builtin_convertvector(a, lanes_u16);
}
LANES_INLINE lanes_f64 lanes_widen_f32(lanes_f32x8 a) {
  return __builtin_convertvector(a, lanes_f64);
}

/* Asks for a cache line to be read, or written, soon. Harmless for any address. */
LANES_INLINE void lanes_prefetch_read(const void *address) { __builtin_prefetch(address, 0, 3); }
LANES_INLINE void lanes_prefetch_write(const void *address) { __builtin_prefetch(address, 1, 3); }

/* Correctly rounded. */
LANES_INLINE lanes_f32 lanes_square_root(lanes_f32 a) { return __builtin_elementwise_sqrt(a); }

#endif /* CLANES_H */
