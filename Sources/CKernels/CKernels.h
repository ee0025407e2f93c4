/*
 * The border between the library and its row kernels.
 *
 * Kernels are compiled once for each instruction set and reached through tables of C function pointers: a
 * Swift function called directly across modules would be compiled again in the caller's module, for the
 * caller's processor. A kernel works on one row, allocates nothing, and knows nothing of handles or options.
 */
#ifndef CKERNELS_H
#define CKERNELS_H

#include <stdint.h>

#pragma clang assume_nonnull begin

/* A row of the softmax-margin family:
 *
 *   u_j = s (d_j z_j + a_j - [j = y] (b_y - lam b_{j*})),    j* = argmax_{j != y} z_j
 *   l   = hard (lse(u) - u_y) + sum_j q_j (lse(u) - u_j)
 *
 * hard = (1 - eta) w_y, q_j = (eta / C) w_j. Class vectors are of the arithmetic type: double for float64
 * logits, float for all others. */
typedef struct SoftmaxMarginRow {
  const void *logits;
  void *_Nullable gradient; /* may be the logits; NULL: not wanted */
  int64_t classes;
  int64_t label;
  const void *_Nullable class_scale; /* d, or NULL for 1 */
  const void *_Nullable offset;      /* a, or NULL for 0; not NULL if class_scale is not */
  const double *_Nullable margin;    /* b, or NULL for 0 */
  double rival_share;                /* lam */
  double scale;                      /* s */
  double hard;
  const void *_Nullable smoothing;   /* q, or NULL where all are equal */
  double smoothing_sum;              /* sum_j q_j */
  double gradient_scale;             /* multiplies the gradient */
  const void *next_logits;           /* what to bring into the cache meanwhile; any address */
  const void *_Nullable next_gradient;
} SoftmaxMarginRow;

/* A row of noised top-K, Monte Carlo:
 *
 *   l = s (m + T - z_y)+,    T = mean over the samples of the rank-th largest of z + epsilon Z */
typedef struct NoisedTopKRow {
  const void *logits;
  void *_Nullable gradient; /* may be the logits; NULL: not wanted */
  int64_t classes;
  int64_t label;
  int64_t rank; /* K + 1, 1 to classes */
  int64_t samples;
  const void *_Nullable noise; /* samples x classes, of the arithmetic type; NULL: drawn from (seed, step, row) */
  int64_t noise_sample_stride;
  uint64_t seed;
  uint64_t step;
  uint64_t row;
  double epsilon;
  double margin;
  double scale;
  double gradient_scale; /* multiplies the gradient */
  void *scratch;         /* noised_topk_scratch_bytes(rank, samples), aligned to 64 */
} NoisedTopKRow;

/* The kernels for one element type. */
typedef struct ElementKernels {
  /* The row's loss; NaN if a logit is NaN or +inf. */
  double (*softmax_margin)(const SoftmaxMarginRow *row);
  double (*noised_topk)(const NoisedTopKRow *row);
  /* Index of the first NaN or +inf, or -1. */
  int64_t (*first_not_finite)(const void *logits, int64_t classes);
  /* How many classes rank before the label: strictly above it, or tied with a lower index. */
  int64_t (*classes_before)(const void *scores, int64_t classes, int64_t label);
  /* sums = scores + offset, elementwise; offset is of the arithmetic type. May be in place. */
  void (*add_offset)(const void *scores, const void *offset, void *sums, int64_t classes);
  /* Rounds numbers into elements. */
  void (*store)(const double *numbers, void *elements, int64_t count);
} ElementKernels;

/* Everything compiled for one instruction set. */
typedef struct KernelTable {
  ElementKernels float32;
  ElementKernels float64;
  ElementKernels float16;
  ElementKernels bfloat16;
  /* Writes one sample's noise for one row. */
  void (*standard_normal)(uint64_t seed, uint64_t step, uint64_t row, int64_t sample, int64_t classes,
                          float *noise);
  /* Bytes of scratch that noised_topk needs, or -1 if that overflows. */
  int64_t (*noised_topk_scratch_bytes)(int64_t rank, int64_t samples);
} KernelTable;

KernelTable topk_kernels_portable(void);
#if defined(__x86_64__)
KernelTable topk_kernels_avx2(void);
KernelTable topk_kernels_avx512(void);
#endif

#pragma clang assume_nonnull end

#endif /* CKERNELS_H */
