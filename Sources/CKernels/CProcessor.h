/*
 * What kernels ask of the processor besides arithmetic: cache lines in time, and subnormal numbers as 0.
 */
#ifndef CPROCESSOR_H
#define CPROCESSOR_H

#include <stdint.h>

/* Asks for a cache line to be read, or written, soon. Harmless for any address. */
static inline __attribute__((always_inline)) void lanes_prefetch_read(const void *address) { __builtin_prefetch(address, 0, 3); }
static inline __attribute__((always_inline)) void lanes_prefetch_write(const void *address) { __builtin_prefetch(address, 1, 3); }

/* Makes the processor take subnormal numbers for 0 and give 0 for them: it is many times slower with them. Returns what
 * lanes_restore then needs to leave the floating-point environment as it was. Between the two, call a function that is
 * not inlined: arithmetic beside them may be moved past them. */
static inline __attribute__((always_inline)) uint64_t lanes_flush_subnormals(void) {
#if defined(__x86_64__)
  const unsigned int flush_to_zero = 0x8000, denormals_are_zero = 0x40;
  unsigned int present = __builtin_ia32_stmxcsr();
  __builtin_ia32_ldmxcsr(present | flush_to_zero | denormals_are_zero);
  return present;
#elif defined(__aarch64__)
  const uint64_t flush_to_zero = 1u << 24;
  uint64_t present = __builtin_arm_rsr64("fpcr");
  __builtin_arm_wsr64("fpcr", present | flush_to_zero);
  return present;
#else
  return 0;
#endif
}
static inline __attribute__((always_inline)) void lanes_restore(uint64_t environment) {
#if defined(__x86_64__)
  __builtin_ia32_ldmxcsr((unsigned int)environment);
#elif defined(__aarch64__)
  __builtin_arm_wsr64("fpcr", environment);
#else
  (void)environment;
#endif
}

#endif /* CPROCESSOR_H */
