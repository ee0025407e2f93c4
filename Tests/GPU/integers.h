// Integers, bits, and comparisons of both.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define ONE static inline __attribute__((always_inline, unused))
#define AS(T, value) ({ __typeof__(value) from_ = (value); T to_; memcpy(&to_, &from_, sizeof to_); to_; })

#define INTEGER(kind, T, U, bits) \
  ONE U add_##kind(U a, U b) { return (U)(a + b); } \
  ONE U sub_##kind(U a, U b) { return (U)(a - b); } \
  ONE U mul_lo_##kind(U a, U b) { return (U)(a * (bits == 16 ? 1u : (U)1) * b); } \
  ONE U mad_lo_##kind(U a, U b, U c) { return (U)(mul_lo_##kind(a, b) + c); } \
  /* By zero: whatever, but no end of the program. */ \
  ONE U div_##kind(U a, U b) { return b == 0 ? (U)-1 : b == (U)-1 && (T)-1 < 0 ? (U)(0 - a) : (U)((T)a / (T)b); } \
  ONE U rem_##kind(U a, U b) { return b == 0 ? a : b == (U)-1 && (T)-1 < 0 ? 0 : (U)((T)a % (T)b); } \
  ONE U min_##kind(U a, U b) { return (T)a < (T)b ? a : b; } \
  ONE U max_##kind(U a, U b) { return (T)a > (T)b ? a : b; } \
  /* A longer shift than the register leaves nothing, or signs. */ \
  ONE U shr_##kind(U a, uint32_t n) { return (U)((T)a >> (n < bits ? n : bits - 1) >> (n < bits || (T)-1 < 0 ? 0 : 1)); } \
  ONE bool setp_eq_##kind(U a, U b) { return a == b; } \
  ONE bool setp_ne_##kind(U a, U b) { return a != b; } \
  ONE bool setp_lt_##kind(U a, U b) { return (T)a < (T)b; } \
  ONE bool setp_le_##kind(U a, U b) { return (T)a <= (T)b; } \
  ONE bool setp_gt_##kind(U a, U b) { return (T)a > (T)b; } \
  ONE bool setp_ge_##kind(U a, U b) { return (T)a >= (T)b; }
INTEGER(u16, uint16_t, uint16_t, 16) INTEGER(s16, int16_t, uint16_t, 16)
INTEGER(u32, uint32_t, uint32_t, 32) INTEGER(s32, int32_t, uint32_t, 32)
INTEGER(u64, uint64_t, uint64_t, 64) INTEGER(s64, int64_t, uint64_t, 64)

#define WIDE(kind, wider, T, U, W, V, bits) \
  ONE V mul_wide_##kind(U a, U b) { return (V)((W)(T)a * (W)(T)b); } \
  ONE U mul_hi_##kind(U a, U b) { return (U)((W)(T)a * (W)(T)b >> bits); } \
  ONE V mad_wide_##kind(U a, U b, V c) { return mul_wide_##kind(a, b) + c; } \
  ONE U mad_hi_##kind(U a, U b, U c) { return (U)(mul_hi_##kind(a, b) + c); }
WIDE(u16, u32, uint16_t, uint16_t, uint32_t, uint32_t, 16) WIDE(s16, s32, int16_t, uint16_t, int32_t, uint32_t, 16)
WIDE(u32, u64, uint32_t, uint32_t, uint64_t, uint64_t, 32) WIDE(s32, s64, int32_t, uint32_t, int64_t, uint64_t, 32)
ONE uint64_t mul_hi_u64(uint64_t a, uint64_t b) { return (uint64_t)((unsigned __int128)a * b >> 64); }
ONE uint64_t mul_hi_s64(uint64_t a, uint64_t b) { return (uint64_t)((__int128)(int64_t)a * (int64_t)b >> 64); }

#define SIGNED(kind, T, U) \
  ONE U neg_##kind(U a) { return (U)(0 - a); } \
  ONE U abs_##kind(U a) { return (T)a < 0 ? (U)(0 - a) : a; }
SIGNED(s16, int16_t, uint16_t) SIGNED(s32, int32_t, uint32_t) SIGNED(s64, int64_t, uint64_t)

#define LOGIC(kind, U, bits) \
  ONE U and_##kind(U a, U b) { return a & b; } \
  ONE U or_##kind(U a, U b) { return a | b; } \
  ONE U xor_##kind(U a, U b) { return a ^ b; } \
  ONE U not_##kind(U a) { return (U)~a; } \
  ONE U shl_##kind(U a, uint32_t n) { return n < bits ? (U)(a << n) : 0; } \
  ONE U shr_##kind(U a, uint32_t n) { return n < bits ? (U)(a >> n) : 0; } \
  ONE bool setp_eq_##kind(U a, U b) { return a == b; } \
  ONE bool setp_ne_##kind(U a, U b) { return a != b; }
LOGIC(b16, uint16_t, 16) LOGIC(b32, uint32_t, 32) LOGIC(b64, uint64_t, 64)
ONE bool and_pred(bool a, bool b) { return a && b; }
ONE bool or_pred(bool a, bool b) { return a || b; }
ONE bool xor_pred(bool a, bool b) { return a != b; }
ONE bool not_pred(bool a) { return !a; }

#define CARRY(bits) \
  ONE uint##bits##_t add_carry_##bits(uint##bits##_t a, uint##bits##_t b, bool carry, bool *out) { \
    uint##bits##_t sum, all; \
    const bool first = __builtin_add_overflow(a, b, &sum), second = __builtin_add_overflow(sum, carry, &all); \
    *out = first || second; \
    return all; \
  } \
  ONE uint##bits##_t sub_carry_##bits(uint##bits##_t a, uint##bits##_t b, bool borrow, bool *out) { \
    uint##bits##_t rest, all; \
    const bool first = __builtin_sub_overflow(a, b, &rest), second = __builtin_sub_overflow(rest, borrow, &all); \
    *out = first || second; \
    return all; \
  }
CARRY(32) CARRY(64)

// Fields of bits: positions and lengths are bytes, and what lies beyond the register is its sign, or 0.
#define FIELDS(bits) \
  ONE uint##bits##_t bfe_u##bits(uint##bits##_t a, uint32_t position, uint32_t length) { \
    position &= 255; length &= 255; \
    const uint##bits##_t rest = position < bits ? a >> position : 0; \
    return length < bits ? rest & (((uint##bits##_t)1 << length) - 1) : rest; \
  } \
  ONE uint##bits##_t bfe_s##bits(uint##bits##_t a, uint32_t position, uint32_t length) { \
    position &= 255; length &= 255; \
    if (length == 0) return 0; \
    const uint##bits##_t rest = (uint##bits##_t)((int##bits##_t)a >> (position < bits ? position : bits - 1)); \
    if (length >= bits || position + length >= bits) return rest; \
    return (uint##bits##_t)((int##bits##_t)(rest << (bits - length)) >> (bits - length)); \
  } \
  ONE uint##bits##_t bfi_b##bits(uint##bits##_t a, uint##bits##_t b, uint32_t position, uint32_t length) { \
    position &= 255; length &= 255; \
    if (position >= bits || length == 0) return b; \
    const uint##bits##_t ones = length < bits ? ((uint##bits##_t)1 << length) - 1 : (uint##bits##_t)-1, field = ones << position; \
    return (b & ~field) | (a << position & field); \
  } \
  ONE uint##bits##_t brev_b##bits(uint##bits##_t a) { return __builtin_bitreverse##bits(a); } \
  ONE uint32_t popc_b##bits(uint##bits##_t a) { return (uint32_t)__builtin_popcountll(a); } \
  ONE uint32_t clz_b##bits(uint##bits##_t a) { return a == 0 ? bits : (uint32_t)__builtin_clzll(a) - (64 - bits); } \
  ONE uint32_t bfind_u##bits(uint##bits##_t a) { return bits - 1 - clz_b##bits(a); } \
  ONE uint32_t bfind_s##bits(uint##bits##_t a) { return bfind_u##bits((int##bits##_t)a < 0 ? ~a : a); } \
  ONE uint32_t bfind_shiftamt_u##bits(uint##bits##_t a) { return a == 0 ? (uint32_t)-1 : clz_b##bits(a); } \
  ONE uint32_t bfind_shiftamt_s##bits(uint##bits##_t a) { return bfind_shiftamt_u##bits((int##bits##_t)a < 0 ? ~a : a); }
FIELDS(32) FIELDS(64)

ONE uint64_t both_b32(uint32_t low, uint32_t high) { return (uint64_t)high << 32 | low; }
ONE uint32_t shf_l_wrap_b32(uint32_t a, uint32_t b, uint32_t n) { return (uint32_t)(both_b32(a, b) << (n & 31) >> 32); }
ONE uint32_t shf_r_wrap_b32(uint32_t a, uint32_t b, uint32_t n) { return (uint32_t)(both_b32(a, b) >> (n & 31)); }
ONE uint32_t shf_l_clamp_b32(uint32_t a, uint32_t b, uint32_t n) { return (uint32_t)(both_b32(a, b) << (n < 32 ? n : 32) >> 32); }
ONE uint32_t shf_r_clamp_b32(uint32_t a, uint32_t b, uint32_t n) { return (uint32_t)(both_b32(a, b) >> (n < 32 ? n : 32)); }

ONE uint32_t lop3_b32(uint32_t a, uint32_t b, uint32_t c, uint32_t table) {
  uint32_t out = 0;
  for (uint32_t i = 0; i < 8; i++)
    if (table >> i & 1) out |= (i & 4 ? a : ~a) & (i & 2 ? b : ~b) & (i & 1 ? c : ~c);
  return out;
}
// A byte of eight for each, or its sign.
ONE uint32_t prmt_b32(uint32_t a, uint32_t b, uint32_t choice) {
  uint32_t out = 0;
  for (int i = 0; i < 4; i++) {
    const uint32_t which = choice >> 4 * i & 15, byte = (uint32_t)(both_b32(a, b) >> 8 * (which & 7)) & 255;
    out |= (which & 8 ? (byte & 128 ? 255u : 0) : byte) << 8 * i;
  }
  return out;
}
// The place of the n-th set bit from `base` on, upwards or downwards.
ONE uint32_t fns_b32(uint32_t mask, uint32_t base, uint32_t n) {
  int32_t left = (int32_t)n;
  if (left == 0) return mask >> (base & 31) & 1 ? base : (uint32_t)-1;
  for (int32_t at = (int32_t)base, step = left > 0 ? 1 : -1; at >= 0 && at < 32; at += step)
    if ((mask >> at & 1) && (left -= step) == 0) return (uint32_t)at;
  return (uint32_t)-1;
}
