/*
 * Operations on whole vectors that Swift's standard library has only as loops over lanes, which the optimiser does
 * not always put together again: arithmetic, broadcasts, comparisons, selection, shifts, bit operations. Each is one or
 * two instructions.
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
typedef uint16_t lanes_u16x32 __attribute__((ext_vector_type(32)));
typedef float lanes_f32x8 __attribute__((ext_vector_type(8)));
typedef float lanes_f32x4 __attribute__((ext_vector_type(4)));
typedef double lanes_f64x4 __attribute__((ext_vector_type(4)));
typedef double lanes_f64x2 __attribute__((ext_vector_type(2)));

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

/* False where either is NaN. */
LANES_INLINE lanes_i32 lanes_less_f32(lanes_f32 a, lanes_f32 b) { return a < b; }
LANES_INLINE lanes_i64 lanes_less_f64(lanes_f64 a, lanes_f64 b) { return a < b; }
LANES_INLINE lanes_i32 lanes_less_or_equal_f32(lanes_f32 a, lanes_f32 b) { return a <= b; }
LANES_INLINE lanes_i64 lanes_less_or_equal_f64(lanes_f64 a, lanes_f64 b) { return a <= b; }
LANES_INLINE lanes_i32 lanes_equal_f32(lanes_f32 a, lanes_f32 b) { return a == b; }
LANES_INLINE lanes_i64 lanes_equal_f64(lanes_f64 a, lanes_f64 b) { return a == b; }
LANES_INLINE lanes_i32 lanes_less_u32(lanes_u32 a, lanes_u32 b) { return a < b; }
LANES_INLINE lanes_i32 lanes_equal_u32(lanes_u32 a, lanes_u32 b) { return a == b; }

LANES_INLINE lanes_i32 lanes_both_i32(lanes_i32 a, lanes_i32 b) { return a & b; }
LANES_INLINE lanes_i64 lanes_both_i64(lanes_i64 a, lanes_i64 b) { return a & b; }
LANES_INLINE lanes_i32 lanes_either_i32(lanes_i32 a, lanes_i32 b) { return a | b; }
LANES_INLINE lanes_i64 lanes_either_i64(lanes_i64 a, lanes_i64 b) { return a | b; }

/* The bits of a negative number inverted, the sign of any other set: whole numbers in the order of the numbers they
 * are made of, 0 for NaN. Zeros of both signs have the same: -0 + 0 is 0. */
LANES_INLINE lanes_u32 lanes_order_f32(lanes_f32 a) {
  const lanes_u32 bits = (lanes_u32)(a + 0.0f);
  const lanes_u32 sign = (lanes_u32)((lanes_i32)bits >> 31);
  return (bits ^ (sign | 0x80000000u)) & (lanes_u32)(a == a);
}
LANES_INLINE lanes_u64 lanes_order_f64(lanes_f64 a) {
  const lanes_u64 bits = (lanes_u64)(a + 0.0);
  const lanes_u64 sign = (lanes_u64)((lanes_i64)bits >> 63);
  return (bits ^ (sign | 0x8000000000000000u)) & (lanes_u64)(a == a);
}

/* Lanes that have the pattern in the bits of the mask, and are not 0. */
LANES_INLINE lanes_i32 lanes_matches_u32(lanes_u32 a, uint32_t mask, uint32_t pattern) {
  return ((a & mask) == pattern) & (a != 0);
}
LANES_INLINE lanes_i64 lanes_matches_u64(lanes_u64 a, uint64_t mask, uint64_t pattern) {
  return ((a & mask) == pattern) & (a != 0);
}

/* The bits of the mask, from the bit `shift` on. */
LANES_INLINE lanes_u32 lanes_field_u32(lanes_u32 a, uint32_t shift, uint32_t mask) {
  return (a >> shift) & mask;
}
LANES_INLINE lanes_u64 lanes_field_u64(lanes_u64 a, uint32_t shift, uint64_t mask) {
  return (a >> (uint64_t)shift) & mask;
}

/* Lanes from first to end - 1, but for one. */
LANES_INLINE lanes_i32 lanes_range_f32(int32_t first, int32_t end, int32_t except) {
  const lanes_i32 lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  return (lane >= first) & (lane < end) & (lane != except);
}
LANES_INLINE lanes_i64 lanes_range_f64(int64_t first, int64_t end, int64_t except) {
  const lanes_i64 lane = {0, 1, 2, 3, 4, 5, 6, 7};
  return (lane >= first) & (lane < end) & (lane != except);
}

/* A bit for every lane, that of lane 0 the lowest. */
LANES_INLINE uint32_t lanes_bits_of_mask_i32(lanes_i32 mask) {
  typedef _Bool lanes_bool __attribute__((ext_vector_type(16)));
  const lanes_bool set = __builtin_convertvector(mask, lanes_bool);
  uint16_t bits;
  __builtin_memcpy(&bits, &set, sizeof bits);
  return bits;
}
LANES_INLINE uint32_t lanes_bits_of_mask_i64(lanes_i64 mask) {
  typedef _Bool lanes_bool __attribute__((ext_vector_type(8)));
  const lanes_bool set = __builtin_convertvector(mask, lanes_bool);
  uint8_t bits;
  __builtin_memcpy(&bits, &set, sizeof bits);
  return bits;
}

/* Loads the lanes where the mask is set; the others are b's. Nothing is read for those: they may lie outside of memory. */
LANES_INLINE lanes_f32 lanes_load_f32(const void *address, lanes_i32 mask, lanes_f32 b) {
#if defined(__AVX512F__)
  return __builtin_ia32_loadups512_mask(address, b, lanes_bits_of_mask_i32(mask));
#elif defined(__AVX2__)
  lanes_f32 a;
  a.lo = __builtin_ia32_maskloadps256((const lanes_f32x8 *)address, mask.lo);
  a.hi = __builtin_ia32_maskloadps256((const lanes_f32x8 *)address + 1, mask.hi);
  return mask ? a : b;
#else
  for (int lane = 0; lane < 16; lane++) {
    if (mask[lane]) {
      float a;
      __builtin_memcpy(&a, (const char *)address + 4 * lane, sizeof a);
      b[lane] = a;
    }
  }
  return b;
#endif
}
LANES_INLINE lanes_f64 lanes_load_f64(const void *address, lanes_i64 mask, lanes_f64 b) {
#if defined(__AVX512F__)
  return __builtin_ia32_loadupd512_mask(address, b, lanes_bits_of_mask_i64(mask));
#elif defined(__AVX2__)
  lanes_f64 a;
  a.lo = __builtin_ia32_maskloadpd256((const lanes_f64x4 *)address, mask.lo);
  a.hi = __builtin_ia32_maskloadpd256((const lanes_f64x4 *)address + 1, mask.hi);
  return mask ? a : b;
#else
  for (int lane = 0; lane < 8; lane++) {
    if (mask[lane]) {
      double a;
      __builtin_memcpy(&a, (const char *)address + 8 * lane, sizeof a);
      b[lane] = a;
    }
  }
  return b;
#endif
}

/* Stores the lanes where the mask is set. Nothing is written for the others. */
LANES_INLINE void lanes_store_f32(void *address, lanes_i32 mask, lanes_f32 a) {
#if defined(__AVX512F__)
  __builtin_ia32_storeups512_mask(address, a, lanes_bits_of_mask_i32(mask));
#elif defined(__AVX2__)
  __builtin_ia32_maskstoreps256((lanes_f32x8 *)address, mask.lo, a.lo);
  __builtin_ia32_maskstoreps256((lanes_f32x8 *)address + 1, mask.hi, a.hi);
#else
  for (int lane = 0; lane < 16; lane++) {
    const float b = a[lane];
    if (mask[lane]) __builtin_memcpy((char *)address + 4 * lane, &b, sizeof b);
  }
#endif
}
LANES_INLINE void lanes_store_f64(void *address, lanes_i64 mask, lanes_f64 a) {
#if defined(__AVX512F__)
  __builtin_ia32_storeupd512_mask(address, a, lanes_bits_of_mask_i64(mask));
#elif defined(__AVX2__)
  __builtin_ia32_maskstorepd256((lanes_f64x4 *)address, mask.lo, a.lo);
  __builtin_ia32_maskstorepd256((lanes_f64x4 *)address + 1, mask.hi, a.hi);
#else
  for (int lane = 0; lane < 8; lane++) {
    const double b = a[lane];
    if (mask[lane]) __builtin_memcpy((char *)address + 8 * lane, &b, sizeof b);
  }
#endif
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
/* To the nearest float32. */
LANES_INLINE lanes_f32 lanes_number_u32(lanes_u32 a) {
  return __builtin_convertvector(a, lanes_f32);
}
/* The upper halves of a's lanes, then of b's. */
LANES_INLINE lanes_u16x32 lanes_upper_halves(lanes_u32 a, lanes_u32 b) {
  return __builtin_shufflevector((lanes_u16x32)a, (lanes_u16x32)b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19,
                                 21, 23, 25, 27, 29, 31, 33, 35, 37, 39, 41, 43, 45, 47, 49, 51, 53,
                                 55, 57, 59, 61, 63);
}
LANES_INLINE lanes_f64 lanes_widen_f32(lanes_f32x8 a) {
  return __builtin_convertvector(a, lanes_f64);
}

/* The largest lane; none may be NaN. */
LANES_INLINE float lanes_largest_f32(lanes_f32 a) {
  const lanes_f32x8 b = a.lo > a.hi ? a.lo : a.hi;
  const lanes_f32x4 c = b.lo > b.hi ? b.lo : b.hi;
  const lanes_f32x4 d = __builtin_shufflevector(c, c, 2, 3, 0, 1);
  const lanes_f32x4 e = c > d ? c : d;
  return e[0] > e[1] ? e[0] : e[1];
}
LANES_INLINE double lanes_largest_f64(lanes_f64 a) {
  const lanes_f64x4 b = a.lo > a.hi ? a.lo : a.hi;
  const lanes_f64x2 c = b.lo > b.hi ? b.lo : b.hi;
  return c[0] > c[1] ? c[0] : c[1];
}

/* Of every sixteen of 256 numbers the largest; none may be NaN. By halves of pairs: lanes of two vectors are put side by
 * side until each of one has the numbers of one sixteen. */
LANES_INLINE lanes_f32 lanes_larger_f32(lanes_f32 a, lanes_f32 b) { return a > b ? a : b; }
LANES_INLINE lanes_f32 lanes_peaks_f32(const void *numbers) {
  lanes_f32 a[16];
  __builtin_memcpy(a, numbers, sizeof a);
  for (int i = 0; i < 8; i++) {
    a[i] = lanes_larger_f32(
        __builtin_shufflevector(a[i], a[i + 8], 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23),
        __builtin_shufflevector(a[i], a[i + 8], 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30,
                                31));
  }
  for (int i = 0; i < 4; i++) {
    a[i] = lanes_larger_f32(
        __builtin_shufflevector(a[i], a[i + 4], 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27),
        __builtin_shufflevector(a[i], a[i + 4], 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30,
                                31));
  }
  for (int i = 0; i < 2; i++) {
    a[i] = lanes_larger_f32(
        __builtin_shufflevector(a[i], a[i + 2], 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29),
        __builtin_shufflevector(a[i], a[i + 2], 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30,
                                31));
  }
  return lanes_larger_f32(
      __builtin_shufflevector(a[0], a[1], 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30),
      __builtin_shufflevector(a[0], a[1], 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31));
}

/* Each rounded by itself: two of them are not fused, since they are two functions. */
LANES_INLINE lanes_f32 lanes_add_f32(lanes_f32 a, lanes_f32 b) { return a + b; }
LANES_INLINE lanes_f64 lanes_add_f64(lanes_f64 a, lanes_f64 b) { return a + b; }
LANES_INLINE lanes_f32 lanes_subtract_f32(lanes_f32 a, lanes_f32 b) { return a - b; }
LANES_INLINE lanes_f64 lanes_subtract_f64(lanes_f64 a, lanes_f64 b) { return a - b; }
LANES_INLINE lanes_f32 lanes_multiply_f32(lanes_f32 a, lanes_f32 b) { return a * b; }
LANES_INLINE lanes_f64 lanes_multiply_f64(lanes_f64 a, lanes_f64 b) { return a * b; }

/* Correctly rounded. */
LANES_INLINE lanes_f32 lanes_divide_f32(lanes_f32 a, lanes_f32 b) { return a / b; }
LANES_INLINE lanes_f64 lanes_divide_f64(lanes_f64 a, lanes_f64 b) { return a / b; }
#if defined(__AVX512F__)
/* a 2^n for a whole number n where x is above the least, or NaN; else 0. In one instruction, which is many times slower
 * where the result would be too small for a number. */
LANES_INLINE lanes_f32 lanes_scale_f32(lanes_f32 a, lanes_f32 n, lanes_f32 x, lanes_f32 least) {
  const lanes_f32 zero = 0.0f;
  return __builtin_ia32_scalefps512_mask(a, n, zero, lanes_bits_of_mask_i32(~(x <= least)), 4);
}
#endif
/* a b - c, with one rounding. */
LANES_INLINE lanes_f32 lanes_multiply_subtract(lanes_f32 a, lanes_f32 b, lanes_f32 c) {
  return __builtin_elementwise_fma(a, b, -c);
}
LANES_INLINE lanes_f32 lanes_square_root(lanes_f32 a) { return __builtin_elementwise_sqrt(a); }

#endif /* CLANES_H */
