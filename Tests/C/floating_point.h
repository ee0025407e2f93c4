/*
 * The floating-point environment of the calling thread.
 */
#ifndef FLOATING_POINT_H
#define FLOATING_POINT_H

#include <fenv.h>
#include <float.h>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

/* The control word: rounding, what becomes of subnormal numbers, and which exceptions are fatal, without the flags that
 * arithmetic raises (on x86-64 fegetround tells of x87 alone). And the ways to have subnormal numbers taken for 0. */
#if defined(__x86_64__)
static inline unsigned control(void) { return _mm_getcsr() & ~0x3Fu; }
static inline void set_control(unsigned value) { _mm_setcsr((_mm_getcsr() & 0x3Fu) | value); }
/* Flush-to-zero, denormals-are-zero, both. */
#define FLUSH_MODES {0x8000u, 0x0040u, 0x8040u}
#elif defined(__aarch64__)
static inline unsigned control(void) {
  unsigned long value;
  __asm__ volatile("mrs %0, fpcr" : "=r"(value));
  return (unsigned)value;
}
static inline void set_control(unsigned value) { __asm__ volatile("msr fpcr, %0" : : "r"((unsigned long)value)); }
#define FLUSH_MODES {1u << 24}
#endif

/* Whether a subnormal number that the compiler cannot foresee can be made, kept and used. */
static inline int subnormals_work(void) {
  volatile float smallest = FLT_MIN;
  volatile float half = smallest / 2.0F;
  volatile float whole = half * 2.0F;
  volatile double smallest_double = DBL_MIN;
  volatile double half_double = smallest_double / 2.0;
  volatile double whole_double = half_double * 2.0;
  return half > 0.0F && whole == smallest && half_double > 0.0 && whole_double == smallest_double;
}

#endif /* FLOATING_POINT_H */
