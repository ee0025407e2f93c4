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

#if defined(__x86_64__)
/* Rounding, flush-to-zero, denormals-are-zero and the masks, without the six flags that arithmetic raises. */
static inline unsigned control(void) { return _mm_getcsr() & ~0x3Fu; }
#else
static inline unsigned control(void) { return (unsigned)fegetround(); }
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
