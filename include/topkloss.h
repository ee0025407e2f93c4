/*
 * topkloss: losses for long-tailed and ambiguous classification, value and gradient in one call.
 *
 * This header is the library's whole interface. How it is used, in any language:
 *
 *   1. fill the options of a loss (topkloss_<loss>_options_init, then set members) and create it
 *      (topkloss_<loss>_create). The handle is immutable: any number of threads may use it at once.
 *   2. describe a batch (topkloss_batch) and where the answer goes (topkloss_result), both owned by
 *      the caller, and call topkloss_evaluate as often as needed.
 *   3. topkloss_loss_destroy.
 *
 * Conventions that hold for every function:
 *
 *   - Functions that can fail return topkloss_status. TOPKLOSS_OK is 0; after anything else
 *     topkloss_last_error() says in words which argument, row and value was wrong and what was allowed.
 *     A call that fails on a check has written nothing.
 *   - No call ends the process, prints, throws, installs a signal handler or leaves the floating-point
 *     environment changed. Pointers are trusted to be NULL or valid for the sizes given with them. Memory
 *     whose size depends on the arguments may be refused (OUT_OF_MEMORY); the few hundred bytes of a handle
 *     or of a message are taken for granted.
 *   - Every struct begins with struct_size, which the *_init functions set. It tells the library which
 *     version of the struct the caller was compiled with, so that structs can grow at their end. A larger
 *     struct than the library knows is accepted, up to 4096 bytes, if what it does not know is zero.
 *   - The *_init functions return NULL_POINTER or STRUCT_SIZE if an argument is wrong. The *_create
 *     functions return NULL_POINTER, STRUCT_SIZE, SIZE, ENUMERATOR, OPTION, CLASS_COUNT or OUT_OF_MEMORY.
 *   - Matrices are row-major with unit stride along classes and any stride, in elements, between rows
 *     (negative too). A stride of 0 means contiguous. Pointers need no particular alignment.
 *   - Vectors indexed by class or by row (counts, weights, upstream) are float64.
 *
 * Notation in the comments: B rows, C classes, z a row of logits, y its label, n_c the number of training
 * examples of class c, pi_c = n_c / sum n, [A] 1 if A else 0, (x)+ = max(0, x).
 */
#ifndef TOPKLOSS_H
#define TOPKLOSS_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__) || defined(__clang__)
#define TOPKLOSS_API __attribute__((visibility("default")))
#else
#define TOPKLOSS_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/** Version of this header as text, "major.minor.patch"; topkloss_version() gives the library's. */
#define TOPKLOSS_VERSION "0.1.0"

/** Grows when a program compiled against an older header can no longer use a newer library. */
#define TOPKLOSS_ABI_VERSION 1

/* ------------------------------------------------------------------------------------------------
 * Status
 * --------------------------------------------------------------------------------------------- */

/** What a call came to: 0 for success, one of the TOPKLOSS_ERROR_ values below otherwise. */
typedef int32_t topkloss_status;

enum {
  /** The call did what it was asked. */
  TOPKLOSS_OK = 0,
  /** A pointer that the call needs is NULL. */
  TOPKLOSS_ERROR_NULL_POINTER = 1,
  /** A struct_size matches no version of its struct, or names members that this library lacks. */
  TOPKLOSS_ERROR_STRUCT_SIZE = 2,
  /** A number of rows, classes or samples, or a stride, is negative, too small, or overflows. */
  TOPKLOSS_ERROR_SIZE = 3,
  /** A dtype, label type, reduction or other enumerator has no meaning. */
  TOPKLOSS_ERROR_ENUMERATOR = 4,
  /** An option is not finite or outside its range. */
  TOPKLOSS_ERROR_OPTION = 5,
  /** A class count is zero, negative or not finite. */
  TOPKLOSS_ERROR_CLASS_COUNT = 6,
  /** A label is neither in [0, C) nor the ignored one. */
  TOPKLOSS_ERROR_LABEL = 7,
  /** A logit is NaN or +infinity and check_finite is on, or a weight or upstream value is not finite. */
  TOPKLOSS_ERROR_NOT_FINITE = 8,
  /** Output overlaps input, or itself, other than by being exactly in place. */
  TOPKLOSS_ERROR_ALIASING = 9,
  /** The system gave no memory. */
  TOPKLOSS_ERROR_OUT_OF_MEMORY = 10,
  /** The caller's executor returned before it had run every task. Outputs are then undefined. */
  TOPKLOSS_ERROR_EXECUTOR = 11
};

/** The name of a status ("TOPKLOSS_ERROR_LABEL"), or "unknown status". Static; never NULL. */
TOPKLOSS_API const char *topkloss_status_name(topkloss_status status);

/**
 * What was wrong with this thread's last failed call, as UTF-8 text.
 *
 * The text belongs to the library and stays valid until the next failing call on the same thread.
 * Empty if none has failed. Successful calls leave it alone. Never NULL.
 */
TOPKLOSS_API const char *topkloss_last_error(void);

/* ------------------------------------------------------------------------------------------------
 * The library
 * --------------------------------------------------------------------------------------------- */

/** Version of the library, "major.minor.patch". Static. */
TOPKLOSS_API const char *topkloss_version(void);

/** TOPKLOSS_ABI_VERSION of the library. */
TOPKLOSS_API int32_t topkloss_abi_version(void);

/**
 * The instruction set whose row kernels are in use: "avx512", "avx2" or "portable". Static.
 *
 * Chosen at first use from what the processor has. The environment variable TOPKLOSS_SIMD, holding
 * one of these names, asks for a lower one; it cannot ask for one that the processor lacks.
 */
TOPKLOSS_API const char *topkloss_simd(void);

/**
 * Sets how many threads one call may use, the calling thread included.
 *
 * The default is TOPKLOSS_NUM_THREADS, else OMP_NUM_THREADS, from the environment, else the number of
 * processors this process may run on. Threads start when a call first has work enough for them, and a
 * call with little work uses fewer. Results do not depend on the number.
 *
 * Where the process has GNU OpenMP among its global symbols (a program built with it, or PyTorch), a call on
 * the process's first thread borrows OpenMP's threads, omp_get_max_threads() of them, rather than add to
 * them, unless fewer are allowed here. Not in the child of a fork.
 *
 * @param count 1 to 1024, or 0 to return to the default.
 * @return TOPKLOSS_ERROR_OPTION if count is outside its range.
 */
TOPKLOSS_API topkloss_status topkloss_set_num_threads(int32_t count);

/** How many threads one call may use, the calling thread included. */
TOPKLOSS_API int32_t topkloss_get_num_threads(void);

/** One piece of a call's work; indices run from 0 to count - 1. */
typedef void (*topkloss_task)(void *task_context, int64_t index);

/**
 * Runs task(task_context, index) exactly once for every index in [0, count), on whichever threads it likes
 * and in any order, and returns when all have ended. It may run them all on the calling thread. It must
 * return: no C++ exception and no longjmp may leave it.
 */
typedef void (*topkloss_parallel_for)(void *executor_context, int64_t count, topkloss_task task,
                                      void *task_context);

/** The host's own threads, for hosts that want no threads but theirs. Read during the call only. */
typedef struct topkloss_executor {
  /** sizeof(topkloss_executor). */
  size_t struct_size;
  /** Called at most once per pass over the rows, from the thread that called the library. */
  topkloss_parallel_for parallel_for;
  /** Handed to parallel_for as it is. */
  void *context;
  /** How many tasks the host can run at once, 1 to 1024: the work is split for this many. */
  int32_t concurrency;
} topkloss_executor;

/* ------------------------------------------------------------------------------------------------
 * A batch and its result
 * --------------------------------------------------------------------------------------------- */

/** Element type of logits, gradient and row_values. */
typedef int32_t topkloss_dtype;

enum {
  /** IEEE binary32; the arithmetic is float32, reductions over rows are float64. */
  TOPKLOSS_FLOAT32 = 0,
  /** IEEE binary64; all arithmetic is float64. */
  TOPKLOSS_FLOAT64 = 1,
  /** IEEE binary16; widened to float32, results rounded to nearest even. */
  TOPKLOSS_FLOAT16 = 2,
  /** bfloat16, the upper half of a binary32; widened to float32, results rounded to nearest even. */
  TOPKLOSS_BFLOAT16 = 3
};

/** Element type of labels. */
typedef int32_t topkloss_label_type;

enum {
  /** int64_t labels. */
  TOPKLOSS_INT64 = 0,
  /** int32_t labels. */
  TOPKLOSS_INT32 = 1
};

/** A batch of rows. Everything is read during the call only and stays the caller's. */
typedef struct topkloss_batch {
  /** sizeof(topkloss_batch). */
  size_t struct_size;
  /** B, 0 or more. */
  int64_t rows;
  /** C, 1 or more, and equal to the loss's number of classes where that is fixed (by counts, say). */
  int64_t classes;
  /** Element type of logits, and of gradient and row_values in the result. */
  topkloss_dtype dtype;
  /** Element type of labels. */
  topkloss_label_type label_type;
  /** B x C scores. NaN or +inf makes its own row's value and gradient NaN; -inf masks a class out. */
  const void *logits;
  /** Elements from one row of logits to the next; 0: C. */
  int64_t logits_row_stride;
  /** B labels in [0, C), or the loss's ignore_index. */
  const void *labels;
  /** B finite weights v that multiply each row's loss, or NULL for 1. */
  const double *sample_weight;
  /**
   * Finite factor from further up the chain rule, that multiplies the gradient (not the value), or NULL
   * for 1. One number for the reductions mean and sum, B numbers for none.
   */
  const double *upstream;
  /**
   * Noised top-K only: B x S x C noise to use in place of the library's own, or NULL. float64 for
   * float64 logits, float32 for all others. A NaN in it makes its row NaN.
   */
  const void *noise;
  /** Elements from one row's noise to the next; 0: S * C. */
  int64_t noise_row_stride;
  /** Elements from one sample's noise to the next of the same row; 0: C. */
  int64_t noise_sample_stride;
  /** Noised top-K only: the library's own noise is a function of (seed, step, row). Advance it a call. */
  uint64_t step;
  /**
   * Noised top-K only: number of the batch's first row, 0 or more. Set it when one batch is evaluated in
   * several calls, and each row's noise is the same as in one call.
   */
  int64_t first_row;
  /** The host's threads, or NULL for the library's choice. Used by topkloss_evaluate alone. */
  const topkloss_executor *executor;
} topkloss_batch;

/** Where an evaluation goes. The buffers are the caller's; the struct's numbers are written. */
typedef struct topkloss_result {
  /** sizeof(topkloss_result). */
  size_t struct_size;
  /**
   * Written: for the reduction mean, sum_i v_i l_i / sum_i v_i w_{y_i}, where l_i, the loss of a row,
   * contains the class weight w_{y_i} already; 0 where the denominator is 0 (every row ignored, or none
   * given). For sum and none, sum_i v_i l_i.
   */
  double value;
  /** Written: sum_i v_i w_{y_i} over the rows that count, so that split batches can be put together. */
  double total_weight;
  /** B row losses v_i l_i (0 for ignored rows) of the batch's dtype, or NULL if not wanted. */
  void *row_values;
  /**
   * B x C gradient of the reduced value (of each row's own value for the reduction none) with respect
   * to the logits, of the batch's dtype, or NULL if not wanted. It may be the logits themselves (same
   * pointer and stride), which are then replaced. Rows that are ignored get zeros.
   */
  void *gradient;
  /** Elements from one row of gradient to the next; 0: C. At least C in absolute value. */
  int64_t gradient_row_stride;
} topkloss_result;

/** Sets every member to zero and struct_size to its argument, sizeof(topkloss_batch). */
TOPKLOSS_API topkloss_status topkloss_batch_init(topkloss_batch *batch, size_t struct_size);

/** Sets every member to zero and struct_size to its argument, sizeof(topkloss_result). */
TOPKLOSS_API topkloss_status topkloss_result_init(topkloss_result *result, size_t struct_size);

/* ------------------------------------------------------------------------------------------------
 * Losses: what all have in common
 * --------------------------------------------------------------------------------------------- */

/** How row losses become one value. */
typedef int32_t topkloss_reduction;

enum {
  /** Weighted mean: divided by the sum of the weights of the rows that count. The default. */
  TOPKLOSS_MEAN = 0,
  /** Weighted sum. */
  TOPKLOSS_SUM = 1,
  /** One value a row; value is their sum. */
  TOPKLOSS_NONE = 2
};

/** ignore_index of new options: rows with this label have value 0 and gradient 0 and leave both sums. */
#define TOPKLOSS_IGNORE_INDEX (-100)

/** A loss, ready to be evaluated. Immutable; may be used by many threads at once. */
typedef struct topkloss_loss topkloss_loss;

/**
 * Evaluates a loss: the reduced value, and if wanted the row values and the gradient.
 *
 * Every label, size, stride, weight and overlap is checked before anything is written.
 *
 * @param loss   A handle from one of the create functions.
 * @param batch  The rows.
 * @param result Where the answer goes; set struct_size, row_values and gradient before the call.
 * @return TOPKLOSS_OK, or what is wrong: NULL_POINTER, STRUCT_SIZE, SIZE, ENUMERATOR, OPTION, LABEL,
 *         NOT_FINITE, ALIASING, OUT_OF_MEMORY or EXECUTOR.
 */
TOPKLOSS_API topkloss_status topkloss_evaluate(const topkloss_loss *loss, const topkloss_batch *batch,
                                               topkloss_result *result);

/** Frees a handle that no call is using any more. NULL is allowed and does nothing. */
TOPKLOSS_API void topkloss_loss_destroy(topkloss_loss *loss);

/* ------------------------------------------------------------------------------------------------
 * The softmax-margin family
 *
 * Every member is cross-entropy on a transformed row:
 *
 *   u_j = s (d_j z_j + a_j - [j = y] (b_y - lam b_{j*})),    j* = argmax_{j != y} z_j
 *   l   = w_y (1 - eta) (lse(u) - u_y) + (eta / C) sum_j w_j (lse(u) - u_j)
 *
 * with eta the label smoothing and w the class weights, following torch.nn.CrossEntropyLoss. A logit of
 * -inf masks its class out: probability 0 and gradient 0. A row whose own label is masked has value +inf,
 * and so has, with label smoothing, a row in which a class of weight above 0 is.
 * --------------------------------------------------------------------------------------------- */

/** Cross-entropy: s = 1, d = 1, a = 0, b = 0. */
typedef struct topkloss_cross_entropy_options {
  /** sizeof(topkloss_cross_entropy_options). */
  size_t struct_size;
  /** How row losses become one value. Default TOPKLOSS_MEAN. */
  topkloss_reduction reduction;
  /** Not 0: a NaN or +inf in any row, ignored or not, is an error that names the first. Default 0. */
  int32_t check_finite;
  /** Label of rows to leave out. Default TOPKLOSS_IGNORE_INDEX. */
  int64_t ignore_index;
  /** Length of class_weight; 0 (default) if there is none, and any number of classes is then accepted. */
  int64_t classes;
  /** Weight w of each class, finite and 0 or more, or NULL (default) for 1. Copied. */
  const double *class_weight;
  /** eta, in [0, 1]. Default 0. */
  double label_smoothing;
} topkloss_cross_entropy_options;

/** Fills in the defaults. struct_size: sizeof(topkloss_cross_entropy_options). */
TOPKLOSS_API topkloss_status topkloss_cross_entropy_options_init(
    topkloss_cross_entropy_options *options, size_t struct_size);

/**
 * Creates a cross-entropy loss.
 *
 * @param options Read during the call only. NULL: the defaults.
 * @param out     Receives the handle, to be freed with topkloss_loss_destroy; NULL on failure.
 */
TOPKLOSS_API topkloss_status topkloss_cross_entropy_create(
    const topkloss_cross_entropy_options *options, topkloss_loss **out);

/**
 * Logit-adjusted cross-entropy: s = 1, d = 1, a_j = tau log pi_j, b = 0. Training with it makes plain
 * argmax the Bayes rule for the class-balanced error; tau = 1 is balanced softmax.
 *
 * Menon et al., "Long-tail learning via logit adjustment", ICLR 2021; Ren et al., "Balanced
 * meta-softmax for long-tailed visual recognition", NeurIPS 2020.
 */
typedef struct topkloss_logit_adjusted_options {
  /** sizeof(topkloss_logit_adjusted_options). */
  size_t struct_size;
  /** How row losses become one value. Default TOPKLOSS_MEAN. */
  topkloss_reduction reduction;
  /** Not 0: a NaN or +inf in any row, ignored or not, is an error that names the first. Default 0. */
  int32_t check_finite;
  /** Label of rows to leave out. Default TOPKLOSS_IGNORE_INDEX. */
  int64_t ignore_index;
  /** C, the length of class_counts and class_weight. No default. */
  int64_t classes;
  /** Training examples of each class, finite and above 0 once smoothed. No default. Copied. */
  const double *class_counts;
  /** Added to every count, 0 to 1e15. Default 0. */
  double count_smoothing;
  /** Weight w of each class, finite and 0 or more, or NULL (default) for 1. Copied. */
  const double *class_weight;
  /** eta, in [0, 1]. Default 0. */
  double label_smoothing;
  /** tau, at most 1e15 in size. Default 1. */
  double tau;
} topkloss_logit_adjusted_options;

/** Fills in the defaults. struct_size: sizeof(topkloss_logit_adjusted_options). */
TOPKLOSS_API topkloss_status topkloss_logit_adjusted_options_init(
    topkloss_logit_adjusted_options *options, size_t struct_size);

/**
 * Creates a logit-adjusted loss.
 *
 * @param options Read during the call only.
 * @param out     Receives the handle, to be freed with topkloss_loss_destroy; NULL on failure.
 */
TOPKLOSS_API topkloss_status topkloss_logit_adjusted_create(
    const topkloss_logit_adjusted_options *options, topkloss_loss **out);

/**
 * LDAM, the label-distribution-aware margin loss: s = 30, d = 1, a = 0,
 * b_c = max_margin n_c^(-1/4) / max_k n_k^(-1/4), lam = 0. It expects the outputs of a normalised last
 * layer (cosines); on unbounded logits it diverges.
 *
 * Cao et al., "Learning imbalanced datasets with label-distribution-aware margin loss", NeurIPS 2019.
 */
typedef struct topkloss_ldam_options {
  /** sizeof(topkloss_ldam_options). */
  size_t struct_size;
  /** How row losses become one value. Default TOPKLOSS_MEAN. */
  topkloss_reduction reduction;
  /** Not 0: a NaN or +inf in any row, ignored or not, is an error that names the first. Default 0. */
  int32_t check_finite;
  /** Label of rows to leave out. Default TOPKLOSS_IGNORE_INDEX. */
  int64_t ignore_index;
  /** C, the length of class_counts and class_weight. No default. */
  int64_t classes;
  /** Training examples of each class, finite and above 0 once smoothed. No default. Copied. */
  const double *class_counts;
  /** Added to every count, 0 to 1e15. Default 0. */
  double count_smoothing;
  /** Weight w of each class, finite and 0 or more, or NULL (default) for 1. Copied. */
  const double *class_weight;
  /** eta, in [0, 1]. Default 0. */
  double label_smoothing;
  /** Margin of the rarest class, in units of a logit; 0 to 1e15. Default 0.5. */
  double max_margin;
  /** s, 1e-15 to 1e15. Default 30. */
  double scale;
} topkloss_ldam_options;

/** Fills in the defaults. struct_size: sizeof(topkloss_ldam_options). */
TOPKLOSS_API topkloss_status topkloss_ldam_options_init(topkloss_ldam_options *options,
                                                        size_t struct_size);

/**
 * Creates an LDAM loss.
 *
 * @param options Read during the call only.
 * @param out     Receives the handle, to be freed with topkloss_loss_destroy; NULL on failure.
 */
TOPKLOSS_API topkloss_status topkloss_ldam_create(const topkloss_ldam_options *options,
                                                  topkloss_loss **out);

/**
 * ELM, the enlarged-margin loss: LDAM whose margin also takes in the strongest rival's, b_y - lam b_{j*}
 * with j* = argmax_{j != y} z_j (the lowest index among equals), a constant in the gradient. Like LDAM it
 * expects a normalised last layer.
 *
 * Kato and Hotta, "Enlarged large margin loss for imbalanced classification", SMC 2023.
 */
typedef struct topkloss_elm_options {
  /** sizeof(topkloss_elm_options). */
  size_t struct_size;
  /** How row losses become one value. Default TOPKLOSS_MEAN. */
  topkloss_reduction reduction;
  /** Not 0: a NaN or +inf in any row, ignored or not, is an error that names the first. Default 0. */
  int32_t check_finite;
  /** Label of rows to leave out. Default TOPKLOSS_IGNORE_INDEX. */
  int64_t ignore_index;
  /** C, the length of class_counts and class_weight. No default. */
  int64_t classes;
  /** Training examples of each class, finite and above 0 once smoothed. No default. Copied. */
  const double *class_counts;
  /** Added to every count, 0 to 1e15. Default 0. */
  double count_smoothing;
  /** Weight w of each class, finite and 0 or more, or NULL (default) for 1. Copied. */
  const double *class_weight;
  /** eta, in [0, 1]. Default 0. */
  double label_smoothing;
  /** Margin of the rarest class, in units of a logit; 0 to 1e15. Default 0.5. */
  double max_margin;
  /** s, 1e-15 to 1e15. Default 30. */
  double scale;
  /** lambda: how much of the rival's margin is taken in; at most 1e15 in size. Default 1; 0: LDAM. */
  double lam;
} topkloss_elm_options;

/** Fills in the defaults. struct_size: sizeof(topkloss_elm_options). */
TOPKLOSS_API topkloss_status topkloss_elm_options_init(topkloss_elm_options *options,
                                                       size_t struct_size);

/**
 * Creates an ELM loss.
 *
 * @param options Read during the call only.
 * @param out     Receives the handle, to be freed with topkloss_loss_destroy; NULL on failure.
 */
TOPKLOSS_API topkloss_status topkloss_elm_create(const topkloss_elm_options *options,
                                                 topkloss_loss **out);

/* ------------------------------------------------------------------------------------------------
 * The top-K family
 * --------------------------------------------------------------------------------------------- */

/** How the expectation over the noise is taken. */
typedef int32_t topkloss_estimator;

enum {
  /** The mean of n_samples draws, as in the paper. */
  TOPKLOSS_MONTE_CARLO = 0
};

/**
 * Noised top-K: the top-K calibrated hinge on a smoothed order statistic,
 *
 *   l = s (m_y + T - z_y)+,   T = mean over S samples of the (K+1)-th largest entry of z + epsilon Z,
 *
 * Z standard normal. The gradient of T is the share of samples in which a class held rank K+1 (of several
 * classes with that very score, the lowest index). Balanced: m_y = margin, s = scale. With class_counts, the
 * imbalanced loss: m_y = max_margin n_y^(-1/4) / max_c n_c^(-1/4); use a scale of 30 to 50 and a normalised
 * last layer, or scale 1 without. epsilon = 0 gives the plain top-K hinge. A logit of -inf ranks last.
 *
 * Noise is counter-based (Threefry-2x32-20, Salmon et al., SC 2011, then Box-Muller), keyed by (seed, step,
 * row): a result depends neither on threads nor, given first_row, on how a batch is split.
 *
 * Garcin, Servajean, Joly and Salmon, "Stochastic smoothing of the top-K calibrated hinge loss for deep
 * imbalanced classification", ICML 2022.
 */
typedef struct topkloss_noised_topk_options {
  /** sizeof(topkloss_noised_topk_options). */
  size_t struct_size;
  /** How row losses become one value. Default TOPKLOSS_MEAN. */
  topkloss_reduction reduction;
  /** Not 0: a NaN or +inf in any row, ignored or not, is an error that names the first. Default 0. */
  int32_t check_finite;
  /** Label of rows to leave out. Default TOPKLOSS_IGNORE_INDEX. */
  int64_t ignore_index;
  /** K, 1 to C - 1. No default. */
  int64_t k;
  /** S, the number of noise samples a row, 1 to 1,000,000. Default 5. */
  int64_t n_samples;
  /** Key of the library's own noise. Default 0. */
  uint64_t seed;
  /** Standard deviation of the noise, in units of a logit; 0 to 1e15. Default 1. */
  double epsilon;
  /** m of the balanced loss (no class_counts), in units of a logit; at most 1e15 in size. Default 1. */
  double margin;
  /** s, 1e-15 to 1e15. Default 1. */
  double scale;
  /** Length of class_counts; 0 (default) without. */
  int64_t classes;
  /** Training examples of each class, finite and above 0 once smoothed, or NULL (default). Copied. */
  const double *class_counts;
  /** Added to every count, 0 to 1e15. Default 0. */
  double count_smoothing;
  /** Margin of the rarest class, with class_counts only; 0 to 1e15. Default 0.5. */
  double max_margin;
  /** How the expectation is taken. Default TOPKLOSS_MONTE_CARLO. */
  topkloss_estimator estimator;
} topkloss_noised_topk_options;

/** Fills in the defaults. struct_size: sizeof(topkloss_noised_topk_options). */
TOPKLOSS_API topkloss_status topkloss_noised_topk_options_init(topkloss_noised_topk_options *options,
                                                               size_t struct_size);

/**
 * Creates a noised top-K loss.
 *
 * @param options Read during the call only.
 * @param out     Receives the handle, to be freed with topkloss_loss_destroy; NULL on failure.
 */
TOPKLOSS_API topkloss_status topkloss_noised_topk_create(const topkloss_noised_topk_options *options,
                                                         topkloss_loss **out);

/**
 * Writes the standard normal noise that a noised top-K loss draws for itself when given none, to look at
 * it, to test it, or to repeat a run elsewhere.
 *
 * @param seed      The loss's seed.
 * @param step      The batch's step.
 * @param first_row The batch's first_row, 0 or more.
 * @param rows      B, 0 or more.
 * @param n_samples S, 1 to 1,000,000.
 * @param classes   C, 1 or more.
 * @param noise     Receives B x S x C float32 values, contiguous.
 * @return NULL_POINTER or SIZE if an argument is wrong.
 */
TOPKLOSS_API topkloss_status topkloss_standard_normal(uint64_t seed, uint64_t step, int64_t first_row,
                                                      int64_t rows, int64_t n_samples,
                                                      int64_t classes, float *noise);

/* ------------------------------------------------------------------------------------------------
 * After training
 * --------------------------------------------------------------------------------------------- */

/**
 * Post-hoc logit adjustment: z_j - tau log pi_j for every row. Train with plain cross-entropy, then
 * predict from the adjusted scores.
 *
 * Menon et al., "Long-tail learning via logit adjustment", ICLR 2021.
 */
typedef struct topkloss_logit_adjust_options {
  /** sizeof(topkloss_logit_adjust_options). */
  size_t struct_size;
  /** C, the length of class_counts. No default. */
  int64_t classes;
  /** Training examples of each class, finite and above 0 once smoothed. No default. */
  const double *class_counts;
  /** Added to every count, 0 to 1e15. Default 0. */
  double count_smoothing;
  /** tau, at most 1e15 in size. Default 1. */
  double tau;
} topkloss_logit_adjust_options;

/** Fills in the defaults. struct_size: sizeof(topkloss_logit_adjust_options). */
TOPKLOSS_API topkloss_status topkloss_logit_adjust_options_init(
    topkloss_logit_adjust_options *options, size_t struct_size);

/**
 * Adjusts scores after training, on the calling thread.
 *
 * @param options             Read during the call only.
 * @param batch               The scores, as logits; labels, weights, upstream and noise are not looked at.
 * @param adjusted            Receives B x C adjusted scores of the batch's dtype; may be the scores
 *                            themselves (same pointer and stride).
 * @param adjusted_row_stride Elements from one row of adjusted to the next; 0: C.
 * @return TOPKLOSS_OK, or what is wrong: NULL_POINTER, STRUCT_SIZE, SIZE, ENUMERATOR, OPTION, CLASS_COUNT,
 *         ALIASING or OUT_OF_MEMORY.
 */
TOPKLOSS_API topkloss_status topkloss_logit_adjust(const topkloss_logit_adjust_options *options,
                                                   const topkloss_batch *batch, void *adjusted,
                                                   int64_t adjusted_row_stride);

/* ------------------------------------------------------------------------------------------------
 * Metrics
 * --------------------------------------------------------------------------------------------- */

/** How accuracies of rows become one figure. */
typedef int32_t topkloss_average;

enum {
  /** Mean over rows. */
  TOPKLOSS_MICRO = 0,
  /** Mean over classes of each class's mean over its rows; classes without rows are left out. */
  TOPKLOSS_MACRO = 1
};

/** Options of topkloss_topk_accuracy. */
typedef struct topkloss_topk_accuracy_options {
  /** sizeof(topkloss_topk_accuracy_options). */
  size_t struct_size;
  /** K, 1 or more; from C up every label is in the top K. Default 1. */
  int64_t k;
  /** Label of rows to leave out. Default TOPKLOSS_IGNORE_INDEX. */
  int64_t ignore_index;
  /** Over rows or over classes. Default TOPKLOSS_MICRO. */
  topkloss_average average;
} topkloss_topk_accuracy_options;

/** Fills in the defaults. struct_size: sizeof(topkloss_topk_accuracy_options). */
TOPKLOSS_API topkloss_status topkloss_topk_accuracy_options_init(
    topkloss_topk_accuracy_options *options, size_t struct_size);

/**
 * The share of rows whose label is among the K highest scores.
 *
 * A label is in the top K when fewer than K classes are strictly above it or tied with a lower index. NaN
 * ranks below everything, so a label whose score is NaN is in no top K that leaves a class out.
 *
 * @param options  Read during the call only. NULL: the defaults.
 * @param batch    Scores, as logits, and labels; weights, upstream and noise are not looked at.
 * @param accuracy Receives a number in [0, 1]; 0 if no row counts.
 * @return TOPKLOSS_OK, or what is wrong: NULL_POINTER, STRUCT_SIZE, SIZE, ENUMERATOR, OPTION, LABEL or
 *         OUT_OF_MEMORY.
 */
TOPKLOSS_API topkloss_status topkloss_topk_accuracy(const topkloss_topk_accuracy_options *options,
                                                    const topkloss_batch *batch, double *accuracy);

#ifdef __cplusplus
}
#endif

#endif /* TOPKLOSS_H */
