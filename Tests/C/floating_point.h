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

/* Rounding, what becomes of subnormal numbers, and which exceptions are fatal: all but the flags that arithmetic raises.
 * Ways to have subnormal numbers taken for 0: one of them, or several together. */
#if defined(__x86_64__)
static unsigned control(void) { return _mm_getcsr() & ~0x3Fu; }
static void set_control(unsigned value) { _mm_setcsr((_mm_getcsr() & 0x3Fu) | value); }
/* Flush-to-zero, denormals-are-zero, both. */
static const unsigned flush_modes[] = {0x8000u, 0x0040u, 0x8040u};
#elif defined(__aarch64__)
static unsigned control(void) {
  unsigned long value;
  __asm__ volatile("mrs %0, fpcr" : "=r"(value));
  return (unsigned)value;
}
static void set_control(unsigned value) { __asm__ volatile("msr fpcr, %0" : : "r"((unsigned long)value)); }
static const unsigned flush_modes[] = {1u << 24};
#endif
enum { FLUSH_MODES = sizeof flush_modes / sizeof *flush_modes };

/* Whether a subnormal number that the compiler cannot foresee can be made, kept and used. */
static int subnormals_work(void) {
  volatile float smallest = FLT_MIN;
  volatile float half = smallest / 2.0F;
  volatile float whole = half * 2.0F;
  volatile double smallest_double = DBL_MIN;
  volatile double half_double = smallest_double / 2.0;
  volatile double whole_double = half_double * 2.0;
  return half > 0.0F && whole == smallest && half_double > 0.0 && whole_double == smallest_double;
}

#endif /* FLOATING_POINT_H */
