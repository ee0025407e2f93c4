// Floating point. What PTX leaves open is wrong here by as much as PTX allows, by amounts that depend on the argument alone.
#pragma once
#include "integers.h"
#include <math.h>

// Sums and products without .rn have no function: ptxas may fuse them, and results are to be the same everywhere.
#define FLOATING(kind, T, U, fused, sign) \
  ONE U add_rn_##kind(U a, U b) { return AS(U, (T)(AS(T, a) + AS(T, b))); } \
  ONE U sub_rn_##kind(U a, U b) { return AS(U, (T)(AS(T, a) - AS(T, b))); } \
  ONE U mul_rn_##kind(U a, U b) { return AS(U, (T)(AS(T, a) * AS(T, b))); } \
  ONE U fma_rn_##kind(U a, U b, U c) { return AS(U, (T)fused(AS(T, a), AS(T, b), AS(T, c))); } \
  ONE U neg_##kind(U a) { return a ^ sign; } \
  ONE U abs_##kind(U a) { return a & (U)~sign; } \
  ONE U copysign_##kind(U a, U b) { return (U)((b & (U)~sign) | (a & sign)); } \
  /* NaN gives way to a number, and -0 < +0. */ \
  ONE U min_##kind(U a, U b) { \
    const T x = AS(T, a), y = AS(T, b); \
    return x != x ? b : y != y ? a : x == y ? a | b : x < y ? a : b; \
  } \
  ONE U max_##kind(U a, U b) { \
    const T x = AS(T, a), y = AS(T, b); \
    return x != x ? b : y != y ? a : x == y ? a & b : x > y ? a : b; \
  } \
  ONE bool setp_eq_##kind(U a, U b) { return AS(T, a) == AS(T, b); } \
  ONE bool setp_ne_##kind(U a, U b) { return AS(T, a) < AS(T, b) || AS(T, a) > AS(T, b); } \
  ONE bool setp_lt_##kind(U a, U b) { return AS(T, a) < AS(T, b); } \
  ONE bool setp_le_##kind(U a, U b) { return AS(T, a) <= AS(T, b); } \
  ONE bool setp_gt_##kind(U a, U b) { return AS(T, a) > AS(T, b); } \
  ONE bool setp_ge_##kind(U a, U b) { return AS(T, a) >= AS(T, b); } \
  ONE bool setp_equ_##kind(U a, U b) { return !setp_ne_##kind(a, b); } \
  ONE bool setp_neu_##kind(U a, U b) { return !setp_eq_##kind(a, b); } \
  ONE bool setp_ltu_##kind(U a, U b) { return !setp_ge_##kind(a, b); } \
  ONE bool setp_leu_##kind(U a, U b) { return !setp_gt_##kind(a, b); } \
  ONE bool setp_gtu_##kind(U a, U b) { return !setp_le_##kind(a, b); } \
  ONE bool setp_geu_##kind(U a, U b) { return !setp_lt_##kind(a, b); } \
  ONE bool setp_num_##kind(U a, U b) { return AS(T, a) == AS(T, a) && AS(T, b) == AS(T, b); } \
  ONE bool setp_nan_##kind(U a, U b) { return !setp_num_##kind(a, b); }
FLOATING(f32, float, uint32_t, fmaf, 0x80000000u)
FLOATING(f64, double, uint64_t, fma, 0x8000000000000000ull)
// Sums and products of two float16 are exact enough in float32 for one rounding; fma(a, b, c) is so in float64.
FLOATING(f16, _Float16, uint16_t, fma, (uint16_t)0x8000)

#define ROOTS(kind, T, U, root) \
  ONE U div_rn_##kind(U a, U b) { return AS(U, (T)(AS(T, a) / AS(T, b))); } \
  ONE U rcp_rn_##kind(U a) { return AS(U, (T)(1 / AS(T, a))); } \
  ONE U sqrt_rn_##kind(U a) { return AS(U, (T)root(AS(T, a))); }
ROOTS(f32, float, uint32_t, sqrtf) ROOTS(f64, double, uint64_t, sqrt)

// ---- approximations

/// From -1 to 1, by the argument's bits.
ONE double error_by(uint32_t bits) {
  bits = (bits ^ bits >> 16) * 0x85ebca6bu; bits = (bits ^ bits >> 13) * 0xc2b2ae35u; bits ^= bits >> 16;
  return (double)(int32_t)bits * 0x1p-31;
}
ONE float flushed(float x) { return fabsf(x) < 0x1p-126f ? copysignf(0, x) : x; }
/// `exact`, wrong by up to `ulps` units of the last place.
ONE uint32_t nearly(double exact, uint32_t argument, double ulps) {
  float near = (float)exact;
  if (exact != 0 && isfinite(near)) {
    const double unit = ldexp(1, (fabs(exact) < 0x1p-126 ? -126 : ilogb(exact)) - 23);
    near = (float)(exact + error_by(argument) * (ulps - 0.5) * unit);
  }
  return AS(uint32_t, near);
}
// An argument of 0 has the result of the table of special values; else within 2^-22, relative.
static __attribute__((unused)) uint32_t ex2_approx_ftz_f32(uint32_t a) {
  const float x = flushed(AS(float, a));
  return AS(uint32_t, flushed(AS(float, nearly(exp2((double)x), x == 0 ? 0 : a, x == 0 ? 0.5 : 2))));
}
static __attribute__((unused)) uint32_t ex2_approx_f32(uint32_t a) {
  const float x = AS(float, a);
  return nearly(exp2((double)x), a, x == 0 ? 0.5 : 2);
}
// Within 2^-22: absolute from 1/2 to 2, else relative.
static __attribute__((unused)) uint32_t lg2_approx_f32(uint32_t a) {
  const double x = (double)AS(float, a), exact = log2(x);
  if (!(x > 0) || isinf(x)) return AS(uint32_t, (float)exact);
  const double scale = x > 0.5 && x < 2 ? 1 : fabs(exact);
  return AS(uint32_t, (float)(exact + error_by(a) * scale * 0x1p-23));
}
static __attribute__((unused)) uint32_t lg2_approx_ftz_f32(uint32_t a) { return lg2_approx_f32(AS(uint32_t, flushed(AS(float, a)))); }
static __attribute__((unused)) uint32_t tanh_approx_f32(uint32_t a) {
  const double x = (double)AS(float, a);
  return AS(uint32_t, (float)(tanh(x) * (1 + error_by(a) * 0x1p-11)));
}
static __attribute__((unused)) uint32_t rcp_approx_f32(uint32_t a) { return nearly(1 / (double)AS(float, a), a, 1); }
static __attribute__((unused)) uint32_t rcp_approx_ftz_f32(uint32_t a) {
  return AS(uint32_t, flushed(AS(float, nearly(1 / (double)flushed(AS(float, a)), a, 1))));
}
static __attribute__((unused)) uint32_t sqrt_approx_f32(uint32_t a) { return nearly(sqrt((double)AS(float, a)), a, 1); }
static __attribute__((unused)) uint32_t sqrt_approx_ftz_f32(uint32_t a) { return nearly(sqrt((double)flushed(AS(float, a))), a, 1); }
static __attribute__((unused)) uint32_t rsqrt_approx_f32(uint32_t a) { return nearly(1 / sqrt((double)AS(float, a)), a, 1); }
static __attribute__((unused)) uint32_t rsqrt_approx_ftz_f32(uint32_t a) { return nearly(1 / sqrt((double)flushed(AS(float, a))), a, 1); }
// Divisors above 2^126 may give 0 in the approximate one alone; kernels have no such.
static __attribute__((unused)) uint32_t div_full_f32(uint32_t a, uint32_t b) {
  return nearly((double)AS(float, a) / (double)AS(float, b), a ^ b * 31, 2);
}
static __attribute__((unused)) uint32_t div_approx_f32(uint32_t a, uint32_t b) { return div_full_f32(a, b); }
