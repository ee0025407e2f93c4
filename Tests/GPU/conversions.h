// cvt: a result is as wide as its register, with the sign or zeros above the type.
#pragma once
#include "floating_point.h"

#define KINDS(X, ...) \
  X(u8, uint8_t, __VA_ARGS__) X(s8, int8_t, __VA_ARGS__) X(u16, uint16_t, __VA_ARGS__) X(s16, int16_t, __VA_ARGS__) \
  X(u32, uint32_t, __VA_ARGS__) X(s32, int32_t, __VA_ARGS__) X(u64, uint64_t, __VA_ARGS__) X(s64, int64_t, __VA_ARGS__)
// Twice, as a macro has no second turn within itself.
#define SOURCES(X, ...) \
  X(u8, uint8_t, __VA_ARGS__) X(s8, int8_t, __VA_ARGS__) X(u16, uint16_t, __VA_ARGS__) X(s16, int16_t, __VA_ARGS__) \
  X(u32, uint32_t, __VA_ARGS__) X(s32, int32_t, __VA_ARGS__) X(u64, uint64_t, __VA_ARGS__) X(s64, int64_t, __VA_ARGS__)
#define LEAST(T) ((T)-1 < 0 ? (T)((uint64_t)1 << (sizeof(T) * 8 - 1)) : 0)
#define MOST(T) ((T)~LEAST(T))

#define BETWEEN(to, T, from, S, _) ONE uint64_t cvt_##to##_##from(uint64_t a) { return (uint64_t)(T)(S)a; } \
  ONE uint64_t cvt_sat_##to##_##from(uint64_t a) { \
    const __int128 value = (S)a; \
    return (uint64_t)(value < LEAST(T) ? LEAST(T) : value > MOST(T) ? MOST(T) : (T)value); \
  }
#define BETWEEN_(from, S, to, T, _) BETWEEN(to, T, from, S, _)
#define FROM_ALL(to, T, _) SOURCES(BETWEEN_, to, T, _)
KINDS(FROM_ALL, _)

/// Rounded to odd, so that rounding once more, to a much shorter type, is as if it had been once.
ONE float odd_rounded(double x) {
  float near = (float)x;
  if ((double)near == x || x != x || isinf(near)) return near;
  uint32_t bits = AS(uint32_t, near);
  if (fabs((double)near) > fabs(x)) bits--; // towards zero
  bits |= 1;
  return AS(float, bits);
}
ONE uint16_t half_of(float x) { return AS(uint16_t, (_Float16)x); }
#define FROM_INTEGER(from, S, _) \
  ONE uint32_t cvt_rn_f32_##from(uint64_t a) { return AS(uint32_t, (float)(S)a); } \
  ONE uint64_t cvt_rn_f64_##from(uint64_t a) { return AS(uint64_t, (double)(S)a); } \
  ONE uint16_t cvt_rn_f16_##from(uint64_t a) { return half_of(odd_rounded((double)(S)a)); }
KINDS(FROM_INTEGER, _)

// Out of range is the nearest there is. NaN is 0, and the sign's bit alone where float64 or an integer of 64 bits has part.
#define TO_INTEGER(name, round, to, T, from, F, U) \
  ONE uint64_t cvt_##name##_##to##_##from(U a) { \
    const double x = round((double)AS(F, a)); \
    const bool long_ = sizeof(T) == 8 || sizeof(F) == 8; \
    if (x != x) return long_ ? (uint64_t)(T)((uint64_t)1 << (sizeof(T) * 8 - 1)) : 0; \
    if (x <= (double)LEAST(T)) return (uint64_t)LEAST(T); \
    return (uint64_t)(x >= ldexp(1, sizeof(T) * 8 - ((T)-1 < 0)) ? MOST(T) : (T)x); \
  } \
  ONE uint64_t cvt_##name##_sat_##to##_##from(U a) { return cvt_##name##_##to##_##from(a); }
#define TO_ONE(to, T, from, F, U, _) \
  TO_INTEGER(rni, rint, to, T, from, F, U) TO_INTEGER(rzi, trunc, to, T, from, F, U) \
  TO_INTEGER(rmi, floor, to, T, from, F, U) TO_INTEGER(rpi, ceil, to, T, from, F, U)
KINDS(TO_ONE, f32, float, uint32_t, _) KINDS(TO_ONE, f64, double, uint64_t, _) KINDS(TO_ONE, f16, _Float16, uint16_t, _)

ONE uint32_t cvt_f32_f16(uint16_t a) { return AS(uint32_t, (float)AS(_Float16, a)); }
ONE uint64_t cvt_f64_f16(uint16_t a) { return AS(uint64_t, (double)(float)AS(_Float16, a)); }
ONE uint64_t cvt_f64_f32(uint32_t a) { return AS(uint64_t, (double)AS(float, a)); }
ONE uint16_t cvt_rn_f16_f32(uint32_t a) { return half_of(AS(float, a)); }
ONE uint16_t cvt_rn_f16_f64(uint64_t a) { return half_of(odd_rounded(AS(double, a))); }
ONE uint32_t cvt_rn_f32_f64(uint64_t a) { return AS(uint32_t, (float)AS(double, a)); }
// One step back where rounding to nearest went too far.
#define DIRECTED(name, too_far) \
  ONE uint32_t cvt_##name##_f32_f64(uint64_t a) { \
    const double x = AS(double, a); \
    const float near = (float)x; \
    return AS(uint32_t, x == x && (too_far) ? nextafterf(near, towards) : near); \
  }
#define towards 0
DIRECTED(rz, fabs((double)near) > fabs(x))
#undef towards
#define towards -INFINITY
DIRECTED(rm, (double)near > x)
#undef towards
#define towards INFINITY
DIRECTED(rp, (double)near < x)
#undef towards

#define INTEGRAL(kind, T, U) \
  ONE U cvt_rni_##kind##_##kind(U a) { return AS(U, (T)rint((double)AS(T, a))); } \
  ONE U cvt_rzi_##kind##_##kind(U a) { return AS(U, (T)trunc((double)AS(T, a))); } \
  ONE U cvt_rmi_##kind##_##kind(U a) { return AS(U, (T)floor((double)AS(T, a))); } \
  ONE U cvt_rpi_##kind##_##kind(U a) { return AS(U, (T)ceil((double)AS(T, a))); }
INTEGRAL(f32, float, uint32_t) INTEGRAL(f64, double, uint64_t)
ONE uint32_t cvt_sat_f32_f32(uint32_t a) { const float x = AS(float, a); return AS(uint32_t, !(x > 0) ? 0.0f : x > 1 ? 1.0f : x); }
ONE uint64_t cvt_sat_f64_f64(uint64_t a) { const double x = AS(double, a); return AS(uint64_t, !(x > 0) ? 0.0 : x > 1 ? 1.0 : x); }
