// What PTX's instructions do, each as a function with its name: operands and results are bits. PTX ISA, chapter 9.
#pragma once
#include "conversions.h"
#include "floating_point.h"
#include "integers.h"
#include "state.h"

// What a register is before anything is written to it.
#define POISON(T) ((T)0x7fc5a5a5ffc5a5a5u)

// Atomic to the threads, who take turns only where they wait. emulator_atomic is the address, looked at.
HIDDEN void *emulator_atomic(uint64_t address, uint32_t bytes, uint32_t line);
#define ATOMIC(name, T, bits, expression) \
  ONE uint##bits##_t atom_##name(uint64_t address, uint##bits##_t bits_, uint32_t line) { \
    T *place = emulator_atomic(address, sizeof(T), line), value = AS(T, bits_), old = *place; \
    *place = (expression); \
    return AS(uint##bits##_t, old); \
  }
#define ATOMICS(kind, T, bits) \
  ATOMIC(add_##kind, T, bits, (T)(old + value)) \
  ATOMIC(min_##kind, T, bits, old < value ? old : value) \
  ATOMIC(max_##kind, T, bits, old > value ? old : value)
ATOMICS(u32, uint32_t, 32) ATOMICS(s32, int32_t, 32) ATOMICS(u64, uint64_t, 64) ATOMICS(s64, int64_t, 64)
ATOMIC(add_f32, float, 32, old + value)
ATOMIC(add_f64, double, 64, old + value)
ATOMIC(inc_u32, uint32_t, 32, old >= value ? 0 : old + 1)
ATOMIC(dec_u32, uint32_t, 32, old == 0 || old > value ? value : old - 1)
#define ATOMIC_BITS(bits) \
  ATOMIC(exch_b##bits, uint##bits##_t, bits, value) \
  ATOMIC(and_b##bits, uint##bits##_t, bits, old & value) \
  ATOMIC(or_b##bits, uint##bits##_t, bits, old | value) \
  ATOMIC(xor_b##bits, uint##bits##_t, bits, old ^ value) \
  ONE uint##bits##_t atom_cas_b##bits(uint64_t address, uint##bits##_t expected, uint##bits##_t value, uint32_t line) { \
    uint##bits##_t *place = emulator_atomic(address, sizeof *place, line), old = *place; \
    if (old == expected) *place = value; \
    return old; \
  }
ATOMIC_BITS(32) ATOMIC_BITS(64)
