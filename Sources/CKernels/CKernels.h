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

#include "ShardStates.h"

#pragma clang assume_nonnull begin

/* Between a 16-bit storage type and float32, in which its rows are computed. */
typedef struct HalfConversion {
  void (*widen)(const void *row, void *numbers, int64_t count);
  /* Rounds to nearest even. */
  void (*narrow)(const void *numbers, void *row, int64_t count);
} HalfConversion;

/* A member of the softmax-margin family, as the rows of a batch have it in common:
 *
 *   u_j = s (d_j z_j + a_j - [j = y] (b_y - lambda b_{j*})),    j* = argmax_{j != y} z_j
 *   l   = hard (1 - p_y)^gamma (lse(u) - u_y) + sum_j q_j (lse(u) - u_j),    p = softmax(u)
 *
 * hard = (1 - eta) w_y, q_j = (eta / C) w_j. A row of soft labels t has no y and no hard: q_j = w_j ((1 - eta) t_j +
 * eta / C), and with margins lse(u) and u_j are those of the label j. Class vectors are of the type of the logits. */
typedef struct SoftmaxMarginFamily {
  int64_t classes;
  const void *_Nullable class_scale; /* d, or NULL for 1 */
  const void *_Nullable offset;      /* a, or NULL for 0; not NULL if class_scale is not */
  double largest_offset;             /* no |a_j| is above it */
  const double *_Nullable margin;    /* b, or NULL for 0 */
  double lambda;                     /* lam of the header */
  double scale;                      /* s */
  double focal_gamma;                /* the hard term is multiplied by (1 - softmax(u)_y)^focal_gamma */
  const void *_Nullable smoothing;   /* (eta / C) w, or NULL where all are equal */
  double smoothing_sum;              /* the sum of that */
  const void *_Nullable target_weight; /* of soft labels: w, or NULL for 1 */
  double target_factor;              /* 1 - eta */
  const void *_Nullable target_margin; /* b, in place of margin; or NULL */
  int64_t next_bytes;                /* of an element of the next row, which may be narrower than the row's */
  const HalfConversion *_Nullable conversion; /* of rows that are stored with 16 bits */
  double *_Nullable pieces;          /* scratch for long rows, 2 SOFTMAX_MARGIN_PIECES numbers, or NULL */
} SoftmaxMarginFamily;

/* Pieces that a long row is worked on in, at the most. */
#define SOFTMAX_MARGIN_PIECES 512

/* What the sweeps over a row leave for one another. */
typedef struct SoftmaxMarginProgress {
  double peak;              /* the largest v_j = d_j z_j + a_j, the label's less its margin; -inf: the row is done */
  double rest;              /* what the scores are above that by their rounding; 0 where it does not matter */
  double label_shifted;     /* u_y less s times both */
  double label_exponential; /* e to the power of that */
  double rivals;            /* the sum of the other classes' */
  double focus;             /* (1 - p_y)^gamma */
  double other_shares;      /* the sum of q_j, without the label */
  double shared_scores;     /* the sum of q_j (u_j - peak), without the label */
  double weight;            /* what turns an exponential into a gradient */
  double label_share;       /* q_y */
  double label_gradient;
  int64_t label_is_masked;  /* whether its logit is -inf */
  int64_t has_masked;       /* whether one of a row with shares is, so that no exponentials are kept */
  int64_t has_rivals;       /* whether `rivals` was found with the peak */
  int64_t is_left;          /* whether the row is coarse, and its transformation leaves such rows */
} SoftmaxMarginProgress;

/* A row of that family. */
typedef struct SoftmaxMarginRow {
  const SoftmaxMarginFamily *family;
  void *logits;             /* only read, but where the family has a conversion */
  void *_Nullable gradient; /* may be the logits; NULL: not wanted */
  const void *_Nullable stored_logits; /* where the family has a conversion: what `logits` is widened from */
  void *_Nullable stored_gradient;     /* and what `gradient` is narrowed into */
  const void *_Nullable targets; /* soft labels; NULL: a label */
  int64_t label;            /* of a row of soft labels the class with the largest score, found by the kernel */
  double hard;
  double gradient_scale;    /* multiplies the gradient */
  const void *next_logits;  /* what to bring into the cache meanwhile; any address */
  const void *_Nullable next_gradient;
  const void *_Nullable next_targets;
  SoftmaxMarginProgress progress; /* the kernel's own */
  double loss;              /* the result; NaN if a logit is NaN or +inf */
} SoftmaxMarginRow;

/* A row of noised top-K:
 *
 *   l = s (m + T - z_y)+,    T = E[ the rank-th largest of z + epsilon Z ]
 *
 * or, without a label, T itself. */
typedef struct NoisedTopKRow {
  const void *logits;
  void *_Nullable gradient; /* may be the logits; NULL: not wanted */
  int64_t classes;
  int64_t label;   /* -1: none */
  int64_t rank;    /* 1 to classes; of a shard, which has a part of the classes, any */
  int64_t samples; /* 0: the expectation itself; epsilon is then above 0 */
  const void *_Nullable noise; /* samples x classes, of the logits' type; NULL: drawn from (seed, step, row) */
  int64_t noise_sample_stride;
  uint64_t seed;
  uint64_t step;
  uint64_t row;
  uint64_t first_class; /* of all classes, by which noise is drawn: a multiple of 32, 0 but for a shard */
  double epsilon;
  double margin;
  double scale;
  double gradient_scale; /* multiplies the gradient */
  void *scratch;         /* noised_topk_scratch_bytes(rank, samples, classes, epsilon), aligned to 64 */
} NoisedTopKRow;

/* A row of the smooth top-K SVM:
 *
 *   l = tau log( e_y sigma_{k-1} + exp(alpha / tau) sigma_k ) - tau log( e_y sigma_{k-1} ) */
typedef struct SmoothTopKSVMRow {
  const void *logits;
  void *_Nullable gradient; /* may be the logits; NULL: not wanted */
  int64_t classes;
  int64_t label;
  int64_t k; /* 1 to classes - 1 */
  double tau;
  double alpha;
  double gradient_scale; /* multiplies the gradient */
  void *scratch;         /* smooth_topk_svm_scratch_bytes(k, classes), aligned to 64 */
} SmoothTopKSVMRow;

/* A row of the top-K cross-entropy:
 *
 *   l = -log sum_{k=1}^{K} P_k q_k,    q_1 = softmax(z)_y,    q_k = P( y is among the k largest of z + epsilon Z ) */
typedef struct TopKCrossEntropyRow {
  const void *logits;
  void *_Nullable gradient; /* may be the logits; NULL: not wanted */
  int64_t classes;
  int64_t label;
  int64_t k;             /* K, 1 to classes - 1 */
  const double *weights; /* P, K of them, of sum 1 */
  double epsilon;        /* above 0 */
  double gradient_scale; /* multiplies the gradient */
  void *scratch;         /* topk_cross_entropy_scratch_bytes(classes), aligned to 64 */
} TopKCrossEntropyRow;

/* A row's scores, by which classes are chosen over a whole batch: (z_j - peak) - log_sum, in the arithmetic type. With
 * the row's log_sum_exp they are its log-probabilities; with 0 and 0 the logits themselves. */
typedef struct ScoreRow {
  const void *logits;
  int64_t classes;
  double peak;
  double log_sum;
} ScoreRow;

/* Part of the whole number that stands for a score when scores are put in order (an order key): `bits` bits from
 * `shift` on. Only keys that have the pattern in the bits of the mask are of interest. */
typedef struct KeyDigit {
  uint64_t mask;
  uint64_t pattern;
  uint32_t shift;
  uint32_t bits;
} KeyDigit;

/* A row of binary cross-entropies from logits, f = sigmoid(z):
 *
 *   l = BCE(z_y, 1) + sum_{j != y} w_j BCE(z_j, [j is a candidate])
 *
 * with w_j candidate_weight for candidates and negative_weight for others. Candidates are the classes whose score is
 * above the cut, and of those that equal it the ones below ties_end. The gradient is that of
 * gradient_scale l + probability_slope sum_j f_j. No logit may be NaN or +inf. */
typedef struct BinaryCrossEntropyRow {
  const void *logits;
  void *_Nullable gradient; /* may be the logits; NULL: not wanted */
  int64_t classes;
  int64_t label;
  double negative_weight;
  double candidate_weight;
  ScoreRow scores;
  double cut; /* a number of the arithmetic type; +inf: no candidates */
  int64_t ties_end;
  double gradient_scale;
  double probability_slope;
} BinaryCrossEntropyRow;

/* A row of the mean squared error with outlying label, l = (1/C) sum_j (z_j - [j = y] t)^2. */
typedef struct OutlyingMSERow {
  const void *logits;
  void *_Nullable gradient; /* may be the logits; NULL: not wanted */
  int64_t classes;
  int64_t label;
  double teacher; /* t */
  double gradient_scale; /* multiplies the gradient */
} OutlyingMSERow;

/* A row of the seesaw loss, before it is one of the softmax-margin family: a_j = min(0, m_j - m_y) + q max(0, z_j - t),
 * t = max(z_y, lse(z) + log 0.01), a_y = 0. */
typedef struct SeesawRow {
  const void *logits;
  const void *mitigation; /* m, p times the logarithms of the counts */
  void *offsets;          /* receives a */
  double compensation;    /* q */
  int64_t classes;
  int64_t label;
} SeesawRow;

/* The kernels for one arithmetic type: rows of float32 or of float64. */
typedef struct ArithmeticKernels {
  /* Some rows of one family together, so that what one has to wait for is hidden behind the others. */
  void (*softmax_margin)(SoftmaxMarginRow *rows, int64_t count);
  /* A row of a shard, whose label is -1 if it is in another: sets all of the state but for its beginning, the strongest
   * rival by its place in the shard. The family's classes and vectors, and the sum of its smoothing, are the shard's. */
  void (*softmax_shard)(SoftmaxMarginRow *row, SoftmaxShardState *state);
  /* Sets the loss of such a row, and writes the gradient if it is wanted, from `progress`: peak and rest of the shard;
   * label_shifted, rivals, other_shares, shared_scores, label_share and label_is_masked of all classes, less what
   * multiplies the shard's exponentials by `factor`. */
  void (*softmax_complete)(SoftmaxMarginRow *row, double factor);
  void (*seesaw_offsets)(const SeesawRow *row);
  /* Sets all of a shard's state of a row but for its beginning: a TopKShardState of any alignment, and its choices. No logit
   * is NaN or +inf. */
  void (*noised_topk_shard)(const NoisedTopKRow *row, void *state);
  double (*noised_topk)(const NoisedTopKRow *row);
  double (*smooth_topk_svm)(const SmoothTopKSVMRow *row);
  double (*topk_cross_entropy)(const TopKCrossEntropyRow *row);
  /* Index of the first NaN or +inf, or -1. */
  int64_t (*first_not_finite)(const void *logits, int64_t classes);
  /* How many classes rank before the label: strictly above it, or tied with a lower index. */
  int64_t (*classes_before)(const void *scores, int64_t classes, int64_t label);
  /* sums = scores + offset, elementwise. May be in place. */
  void (*add_offset)(const void *scores, const void *offset, void *sums, int64_t classes);
  /* The row's loss; NaN if a logit is NaN or +inf. */
  double (*outlying_mse)(const OutlyingMSERow *row);
  double (*binary_cross_entropy)(const BinaryCrossEntropyRow *row);
  /* sum_j sigmoid(z_j); NaN if a logit is NaN or +inf. */
  double (*sigmoid_sum)(const void *logits, int64_t classes);
  /* log sum_j e^(z_j - peak) and the peak, the largest logit. 0 and 0 where every logit is -inf; NaN if one is NaN or
   * +inf. */
  double (*log_sum_exp)(const void *logits, int64_t classes, double *peak);
  /* The class with the highest t_j (2 z_j - t_j), without a teacher t the highest z_j; the lowest index among equals,
   * -1 if all are NaN. */
  int64_t (*best_class)(const void *scores, const void *_Nullable teacher, int64_t classes);
  /* The same number in every element. */
  void (*fill)(void *row, double number, int64_t classes);
  /* Adds to two tables in counts, one behind the other, how many scores of interest have each value of the digit: the
   * sum of both. NaN is not counted. */
  void (*count_digits)(const ScoreRow *row, KeyDigit digit, int64_t *counts);
  /* The score that has a key. */
  double (*score_of_key)(uint64_t key);
  /* How many scores equal one; raises *below to the highest score below it. */
  int64_t (*count_ties)(const ScoreRow *row, double score, double *below);
  /* Chooses the classes above a threshold, and of those that equal it the first *ties, which is lowered by as many.
   * Puts them in order into chosen, the first `room` of them, and returns how many they are. Any number of float64 can
   * be the threshold, but for NaN. */
  int64_t (*choose)(const void *scores, int64_t classes, double threshold, int64_t *ties,
                    int64_t *_Nullable chosen, int64_t room);
} ArithmeticKernels;

/* Everything compiled for one instruction set. */
typedef struct KernelTable {
  ArithmeticKernels float32;
  ArithmeticKernels float64;
  HalfConversion float16;
  HalfConversion bfloat16;
  /* to_j[i] = from_i[j] for so many lines i of so many elements j each; strides, in elements, lead from line to line. */
  void (*turn)(const void *from, int64_t from_stride, void *to, int64_t to_stride, int64_t lines,
               int64_t length, int64_t element_bytes);
  /* Writes one sample's noise for one row. */
  void (*standard_normal)(uint64_t seed, uint64_t step, uint64_t row, int64_t sample, int64_t classes,
                          float *noise);
  /* Bytes of scratch that noised_topk needs, or -1 if that overflows. */
  int64_t (*noised_topk_scratch_bytes)(int64_t rank, int64_t samples, int64_t classes, double epsilon);
  /* Bytes of scratch that smooth_topk_svm needs, or -1 if that overflows. */
  int64_t (*smooth_topk_svm_scratch_bytes)(int64_t k, int64_t classes);
  /* Bytes of scratch that topk_cross_entropy needs, or -1 if that overflows. */
  int64_t (*topk_cross_entropy_scratch_bytes)(int64_t classes);
} KernelTable;

/* For every processor of the kind: without instructions that were added to it later. */
KernelTable topk_kernels_baseline(void);
#if defined(__x86_64__)
KernelTable topk_kernels_avx2(void);
KernelTable topk_kernels_avx512(void);
#endif

#pragma clang assume_nonnull end

#endif /* CKERNELS_H */
