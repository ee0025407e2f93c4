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
 *   - No call ends the process, prints, throws or installs a signal handler. Calls compute in a floating-point
 *     environment of their own (rounding to nearest, no traps) and leave the host's as it was. Pointers are
 *     trusted to be NULL or valid for the sizes given with them. Any memory may be refused (OUT_OF_MEMORY), that of a
 *     handle or of a message too; without memory for threads a call goes on without them.
 *   - No call is a cancellation point, opens a file or reads one. What stands in files is read when the library is loaded:
 *     /proc/self (whether the process is a fork's child) and the control group's limit of processors. What the allocator
 *     does is the host's: glibc's looks into /proc once, before it makes the arena of a thread smaller (M_ARENA_MAX 1: never).
 *   - Every struct begins with struct_size, which the *_init functions set. It tells the library which
 *     version of the struct the caller was compiled with: structs grow at their end. Of a struct of an older
 *     version the library reads, and writes, as far as it reaches; the members that it lacks have their defaults.
 *     A larger struct than the library knows is accepted, up to 4096 bytes, if what it does not know is zero.
 *     Structs have no padding: a member called reserved takes its place, is zero, and is checked (STRUCT_SIZE).
 *   - The *_init functions return NULL_POINTER or STRUCT_SIZE if an argument is wrong. The *_create
 *     functions return NULL_POINTER, STRUCT_SIZE, SIZE, ENUMERATOR, OPTION, CLASS_COUNT or OUT_OF_MEMORY.
 *   - Matrices are row-major with any stride, in elements, between rows, between classes, and between groups of rows
 *     (negative too). A stride of 0 means contiguous. Pointers need no particular alignment. Unit stride along classes
 *     is the fastest; blocks of other rows are turned inside the cache.
 *   - Vectors indexed by class or by row (counts, weights, upstream) are float64.
 *   - A gradient that is smaller than the smallest normal number of its type may be 0.
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
#define TOPKLOSS_VERSION "0.2.0"

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
  /** A struct_size is that of no version of its struct, or a member that this library lacks is not zero. */
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
  TOPKLOSS_ERROR_EXECUTOR = 11,
  /** topkloss_cuda.h alone: there is no device, no driver or one too old, or it refused what it was asked. */
  TOPKLOSS_ERROR_DEVICE = 12,
  /** topkloss_cuda.h alone: this is not computed on a device. Evaluate it on the host. */
  TOPKLOSS_ERROR_UNSUPPORTED = 13
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
 * The instruction set whose row kernels are in use: "avx512", "avx2" or "portable" on x86-64, "neon"
 * on aarch64. Static.
 *
 * Chosen at first use from what the processor has. The environment variable TOPKLOSS_SIMD, holding
 * one of these names, asks for a lower one; it cannot ask for one that the processor lacks.
 */
TOPKLOSS_API const char *topkloss_simd(void);

/**
 * Sets how many threads one call may use, the calling thread included.
 *
 * The default is TOPKLOSS_NUM_THREADS, else OMP_NUM_THREADS, from the environment, else the number of
 * processors this process may run on, or has the time of if its control groups grant less (Linux's cgroups, version 1 or
 * 2; rounded up). Threads start when a call first has work enough for them, and a
 * call with little work uses fewer. Results do not depend on the number.
 *
 * Where the process has GNU OpenMP among its global symbols (a program built with it, or PyTorch), the default is
 * never more than OpenMP lets the calling thread have: omp_get_max_threads(), or 1 inside a parallel region. OpenMP
 * has that number for every thread by itself; omp_set_num_threads(1) and torch.set_num_threads(1) hold for the thread
 * that calls them. A number set here, or by TOPKLOSS_NUM_THREADS, holds against OpenMP's.
 *
 * A call on the process's first thread then borrows OpenMP's threads, omp_get_max_threads() of them, rather than
 * add to them, unless fewer are allowed here. Not in the child of a fork, nor inside a parallel region, nor where the
 * system refuses threads, which OpenMP ends the process for: before the library has it start some, it starts and ends as many
 * itself, to see (once, and again after OpenMP has ended some; 15 microseconds or so a thread).
 *
 * @param count 1 to 1024, or 0 to return to the default.
 * @return TOPKLOSS_ERROR_OPTION if count is outside its range.
 */
TOPKLOSS_API topkloss_status topkloss_set_num_threads(int32_t count);

/** How many threads one call on this thread may use, the calling thread included. */
TOPKLOSS_API int32_t topkloss_get_num_threads(void);

/**
 * Gives back the working memory that threads keep for their next calls: 8 bytes a row of a thread's largest batch so
 * far (24 with two heads), and a row or a few for every thread that worked on it. Memory of a call that is under way is
 * not touched.
 */
TOPKLOSS_API void topkloss_trim(void);

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
  /** Zero. */
  int32_t reserved;
} topkloss_executor;

/** Sets every member to zero and struct_size to its argument, sizeof(topkloss_executor). */
TOPKLOSS_API topkloss_status topkloss_executor_init(topkloss_executor *executor, size_t struct_size);

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
  /**
   * B labels in [0, C), or the loss's ignore_index, contiguous. Not looked at by what needs none, nor beside
   * soft_labels, and may be NULL there.
   */
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
  /**
   * The host's threads, or NULL for the library's choice. Used by every function that reads whole rows of a batch.
   */
  const topkloss_executor *executor;
  /**
   * Two-head average-K only: B x C logits of the multi-label head, of the batch's dtype. NaN or +inf makes
   * its own row's value and gradients NaN; -inf is a probability of 0.
   */
  const void *multi_label_logits;
  /** Elements from one row of multi_label_logits to the next; 0: C. */
  int64_t multi_label_row_stride;
  /**
   * Rows in a group, a divisor of B; 0: all B. Groups lie anywhere, their rows at one distance: an image is a group,
   * its pixels are the rows. It holds for every matrix of the call. A contiguous (N, C, H, W) array has N H W rows,
   * H W of them a group, row strides 1, class strides H W and group strides C H W; the pixel (n, h, w) is the row
   * (n H + h) W + w, of labels, weights and row_values too.
   */
  int64_t rows_per_group;
  /** Elements from one class of logits to the next, any sign; 0: 1. */
  int64_t logits_class_stride;
  /** Elements from one group of logits to the next, any sign; 0: rows_per_group * C. */
  int64_t logits_group_stride;
  /** Elements from one class of multi_label_logits to the next; 0: 1. */
  int64_t multi_label_class_stride;
  /** Elements from one group of multi_label_logits to the next; 0: rows_per_group * C. */
  int64_t multi_label_group_stride;
  /**
   * B x C soft labels q of the batch's dtype, in place of labels, or NULL: each finite and 0 or more, of any sum; any
   * other makes its own row's value and gradient NaN. For the softmax-margin family but focal and seesaw, which refuse
   * them (OPTION), as all other losses do. A row's loss is sum_y q_y l(z, y), with label smoothing
   * (1 - eta) q + eta / C in the place of q, every term with its class weight; the mean divides by sum_i v_i. No row is
   * ignored.
   */
  const void *soft_labels;
  /** Elements from one row of soft_labels to the next; 0: C. */
  int64_t soft_labels_row_stride;
  /** Elements from one class of soft_labels to the next; 0: 1. */
  int64_t soft_labels_class_stride;
  /** Elements from one group of soft_labels to the next; 0: rows_per_group * C. */
  int64_t soft_labels_group_stride;
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
  /**
   * Written: sum_i v_i w_{y_i} over the rows that count, of soft labels sum_i v_i, so that split batches can be put
   * together.
   */
  double total_weight;
  /** B row losses v_i l_i (0 for ignored rows) of the batch's dtype, or NULL if not wanted. */
  void *row_values;
  /**
   * B x C gradient of the reduced value (of each row's own value for the reduction none) with respect
   * to the logits, of the batch's dtype, or NULL if not wanted. It may be the logits themselves (same
   * pointer and strides), which are then replaced. Rows that are ignored get zeros.
   */
  void *gradient;
  /** Elements from one row of gradient to the next; 0: C. With a class stride of 1 at least C in absolute value. */
  int64_t gradient_row_stride;
  /**
   * Two-head average-K only: B x C gradient with respect to multi_label_logits, of the batch's dtype, or
   * NULL if not wanted. It may be multi_label_logits themselves (same pointer and strides).
   */
  void *multi_label_gradient;
  /** Elements from one row of multi_label_gradient to the next; 0: C. */
  int64_t multi_label_gradient_row_stride;
  /**
   * Two-head average-K only. Written: the threshold on probabilities that chose the candidates (1 if none was
   * to be chosen, 0 if all were). Read first, if the loss has a threshold_decay above 0: what it was in the
   * batch before, above 0 and at most 1, or 0 for none. So the moving average's state is this number, and the
   * caller's. Left as it is where no row counts.
   */
  double threshold;
  /** Elements from one class of gradient to the next, any sign; 0: 1. No two elements may share memory. */
  int64_t gradient_class_stride;
  /** Elements from one group of gradient to the next, any sign; 0: the batch's rows_per_group * C. */
  int64_t gradient_group_stride;
  /** Elements from one class of multi_label_gradient to the next; 0: 1. */
  int64_t multi_label_gradient_class_stride;
  /** Elements from one group of multi_label_gradient to the next; 0: rows_per_group * C. */
  int64_t multi_label_gradient_group_stride;
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
  /** Weighted mean: divided by the sum of the weights of the rows that count. */
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
 * @param result Where the answer goes; set struct_size, and the pointers to what is wanted, before the call.
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
  /** Length of class_weight; 0 if there is none, and any number of classes is then accepted. Default 0. */
  int64_t classes;
  /** Weight w of each class, finite and 0 or more, or NULL for 1. Copied. Default NULL. */
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
  /** Training examples of each class, finite and above 0 once smoothed. Copied. No default. */
  const double *class_counts;
  /** Added to every count, 0 to 1e15. Default 0. */
  double count_smoothing;
  /** Weight w of each class, finite and 0 or more, or NULL for 1. Copied. Default NULL. */
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
  /** Training examples of each class, finite and above 0 once smoothed. Copied. No default. */
  const double *class_counts;
  /** Added to every count, 0 to 1e15. Default 0. */
  double count_smoothing;
  /** Weight w of each class, finite and 0 or more, or NULL for 1. Copied. Default NULL. */
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
  /** Training examples of each class, finite and above 0 once smoothed. Copied. No default. */
  const double *class_counts;
  /** Added to every count, 0 to 1e15. Default 0. */
  double count_smoothing;
  /** Weight w of each class, finite and 0 or more, or NULL for 1. Copied. Default NULL. */
  const double *class_weight;
  /** eta, in [0, 1]. Default 0. */
  double label_smoothing;
  /** Margin of the rarest class, in units of a logit; 0 to 1e15. Default 0.5. */
  double max_margin;
  /** s, 1e-15 to 1e15. Default 30. */
  double scale;
  /** lambda: how much of the rival's margin is taken in; at most 1e15 in size; 0: LDAM. Default 1. */
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

/**
 * Vector scaling: s = 1, d_j = (n_j / n_max)^gamma, a_j = tau log pi_j, b = 0. It combines the additive
 * adjustment of the logits with a multiplicative one.
 *
 * Kini, Paraskevas, Oymak and Thrampoulidis, "Label-imbalanced and group-sensitive classification under
 * overparameterization", NeurIPS 2021 (d_j = 1 / Delta_j).
 */
typedef struct topkloss_vector_scaling_options {
  /** sizeof(topkloss_vector_scaling_options). */
  size_t struct_size;
  /** How row losses become one value. Default TOPKLOSS_MEAN. */
  topkloss_reduction reduction;
  /** Not 0: a NaN or +inf in any row, ignored or not, is an error that names the first. Default 0. */
  int32_t check_finite;
  /** Label of rows to leave out. Default TOPKLOSS_IGNORE_INDEX. */
  int64_t ignore_index;
  /** C, the length of class_counts and class_weight. No default. */
  int64_t classes;
  /** Training examples of each class, finite and above 0 once smoothed. Copied. No default. */
  const double *class_counts;
  /** Added to every count, 0 to 1e15. Default 0. */
  double count_smoothing;
  /** Weight w of each class, finite and 0 or more, or NULL for 1. Copied. Default NULL. */
  const double *class_weight;
  /** eta, in [0, 1]. Default 0. */
  double label_smoothing;
  /** gamma, 0 to 1e15; every d_j must come out at 1e-15 or more. Default 0.3. */
  double gamma;
  /** tau, at most 1e15 in size. Default 1. */
  double tau;
} topkloss_vector_scaling_options;

/** Fills in the defaults. struct_size: sizeof(topkloss_vector_scaling_options). */
TOPKLOSS_API topkloss_status topkloss_vector_scaling_options_init(topkloss_vector_scaling_options *options,
                                                          size_t struct_size);

/**
 * Creates a vector-scaling loss.
 *
 * @param options Read during the call only.
 * @param out     Receives the handle, to be freed with topkloss_loss_destroy; NULL on failure.
 */
TOPKLOSS_API topkloss_status topkloss_vector_scaling_create(const topkloss_vector_scaling_options *options,
                                                    topkloss_loss **out);

/**
 * Margin softmax: the family itself, with every vector the caller's. Pairwise margins
 * Delta_{yj} = a_j - a_y + b_y (Menon et al., section 4) cover logit adjustment, LDAM and what lies between.
 *
 * Menon et al., "Long-tail learning via logit adjustment", ICLR 2021.
 */
typedef struct topkloss_margin_softmax_options {
  /** sizeof(topkloss_margin_softmax_options). */
  size_t struct_size;
  /** How row losses become one value. Default TOPKLOSS_MEAN. */
  topkloss_reduction reduction;
  /** Not 0: a NaN or +inf in any row, ignored or not, is an error that names the first. Default 0. */
  int32_t check_finite;
  /** Label of rows to leave out. Default TOPKLOSS_IGNORE_INDEX. */
  int64_t ignore_index;
  /** Length of the vectors below; 0 if there are none, and any number of classes is accepted. Default 0. */
  int64_t classes;
  /** Weight w of each class, finite and 0 or more, or NULL for 1. Copied. Default NULL. */
  const double *class_weight;
  /** eta, in [0, 1]. Default 0. */
  double label_smoothing;
  /** a of each class, at most 1e15 in size, or NULL for 0. Copied. Default NULL. */
  const double *offset;
  /** b of each class, at most 1e15 in size, or NULL for 0. Copied. Default NULL. */
  const double *margin;
  /** d of each class, 1e-15 to 1e15, or NULL for 1. Copied. Default NULL. */
  const double *class_scale;
  /** s, 1e-15 to 1e15. Default 1. */
  double scale;
  /** lambda: how much of the strongest rival's b is taken in; at most 1e15 in size. Default 0. */
  double lam;
} topkloss_margin_softmax_options;

/** Fills in the defaults. struct_size: sizeof(topkloss_margin_softmax_options). */
TOPKLOSS_API topkloss_status topkloss_margin_softmax_options_init(topkloss_margin_softmax_options *options,
                                                          size_t struct_size);

/**
 * Creates a margin softmax loss.
 *
 * @param options Read during the call only. NULL: the defaults.
 * @param out     Receives the handle, to be freed with topkloss_loss_destroy; NULL on failure.
 */
TOPKLOSS_API topkloss_status topkloss_margin_softmax_create(const topkloss_margin_softmax_options *options,
                                                    topkloss_loss **out);

/**
 * Seesaw loss: cross-entropy of scores in which rivals that are rarer than the label are pushed down less, and those
 * that are more probable than the label are pushed down more. With static counts,
 *
 *   u_j = z_j + [j != y] ( p min(0, log(n_j / n_y)) + q max(0, log(sigma_j / max(sigma_y, 0.01))) ),
 *
 * sigma = softmax(z) a constant in the gradient. p = q = 0 is cross-entropy. A logit of -inf masks its class out.
 *
 * Wang, Zhang, Zang, Cao, Pang, Gong, Chen, Liu, Loy and Lin, "Seesaw loss for long-tailed instance segmentation",
 * CVPR 2021.
 */
typedef struct topkloss_seesaw_options {
  /** sizeof(topkloss_seesaw_options). */
  size_t struct_size;
  /** How row losses become one value. Default TOPKLOSS_MEAN. */
  topkloss_reduction reduction;
  /** Not 0: a NaN or +inf in any row, ignored or not, is an error that names the first. Default 0. */
  int32_t check_finite;
  /** Label of rows to leave out. Default TOPKLOSS_IGNORE_INDEX. */
  int64_t ignore_index;
  /** C, the length of class_counts and class_weight. No default. */
  int64_t classes;
  /** Training examples of each class, finite and above 0 once smoothed. Copied. No default. */
  const double *class_counts;
  /** Added to every count, 0 to 1e15. Default 0. */
  double count_smoothing;
  /** Weight w of each class, finite and 0 or more, or NULL for 1. Copied. Default NULL. */
  const double *class_weight;
  /** eta, in [0, 1]. Default 0. */
  double label_smoothing;
  /** p, how much rarer rivals are spared, 0 to 1e15. Default 0.8. */
  double p;
  /** q, how much more probable rivals are pushed, 0 to 1e15. Default 2. */
  double q;
} topkloss_seesaw_options;

/** Fills in the defaults. struct_size: sizeof(topkloss_seesaw_options). */
TOPKLOSS_API topkloss_status topkloss_seesaw_options_init(topkloss_seesaw_options *options,
                                                          size_t struct_size);

/**
 * Creates a seesaw loss.
 *
 * @param options Read during the call only.
 * @param out     Receives the handle, to be freed with topkloss_loss_destroy; NULL on failure.
 */
TOPKLOSS_API topkloss_status topkloss_seesaw_create(const topkloss_seesaw_options *options,
                                                    topkloss_loss **out);

/**
 * Focal loss: l = w_y (1 - p_y)^gamma (-log p_y), p = softmax(z). Rows that are right already count for
 * little. gamma = 0 is cross-entropy to the last bit.
 *
 * Lin, Goyal, Girshick, He and Dollar, "Focal loss for dense object detection", ICCV 2017.
 */
typedef struct topkloss_focal_options {
  /** sizeof(topkloss_focal_options). */
  size_t struct_size;
  /** How row losses become one value. Default TOPKLOSS_MEAN. */
  topkloss_reduction reduction;
  /** Not 0: a NaN or +inf in any row, ignored or not, is an error that names the first. Default 0. */
  int32_t check_finite;
  /** Label of rows to leave out. Default TOPKLOSS_IGNORE_INDEX. */
  int64_t ignore_index;
  /** Length of class_weight; 0 if there is none, and any number of classes is then accepted. Default 0. */
  int64_t classes;
  /** Weight w of each class, finite and 0 or more, or NULL for 1. Copied. Default NULL. */
  const double *class_weight;
  /** gamma, 0 to 1e15. Default 2. */
  double gamma;
} topkloss_focal_options;

/** Fills in the defaults. struct_size: sizeof(topkloss_focal_options). */
TOPKLOSS_API topkloss_status topkloss_focal_options_init(topkloss_focal_options *options,
                                                          size_t struct_size);

/**
 * Creates a focal loss.
 *
 * @param options Read during the call only. NULL: the defaults.
 * @param out     Receives the handle, to be freed with topkloss_loss_destroy; NULL on failure.
 */
TOPKLOSS_API topkloss_status topkloss_focal_create(const topkloss_focal_options *options,
                                                    topkloss_loss **out);

/* ------------------------------------------------------------------------------------------------
 * The top-K family
 * --------------------------------------------------------------------------------------------- */

/** How the expectation over the noise is taken. */
typedef int32_t topkloss_estimator;

enum {
  /** The mean of n_samples draws, as in the paper. */
  TOPKLOSS_MONTE_CARLO = 0,
  /**
   * The expectation itself, by quadrature over the distribution of how many scores exceed a threshold. No
   * sampling noise: n_samples, seed, step and first_row mean nothing, and noise must be NULL. Its error is at
   * most 1e-5 max(epsilon, 1e-3, 0.01 |T|) on T and 1e-5 on each entry of its gradient; for float64 logits 1e-10
   * in place of 1e-5.
   */
  TOPKLOSS_EXACT = 1
};

/**
 * Noised top-K: the top-K calibrated hinge on a smoothed order statistic,
 *
 *   l = s (m_y + T - z_y)+,   T = E[ the (K+1)-th largest entry of z + epsilon Z ],   Z standard normal,
 *
 * with the expectation a mean over S samples, or exact. The gradient of T is the probability (the share of
 * samples) with which a class holds rank K+1 (of several classes with that very score, the lowest index).
 * Balanced: m_y = margin, s = scale. With class_counts, the imbalanced loss:
 * m_y = max_margin n_y^(-1/4) / max_c n_c^(-1/4), on the cosines of a normalised last layer, for which its defaults are
 * meant (the authors' for Pl@ntNet-300K; epsilon = 1, the balanced default, drowns cosines in noise); on other logits use
 * a scale of 1. epsilon = 0 gives the plain top-K hinge. A logit of -inf ranks last.
 *
 * Noise is counter-based (Threefry-2x32-20, Salmon et al., SC 2011), keyed by (seed, step, row), and drawn only
 * where it can matter: the result is what it would be with all of it. It depends neither on threads nor, given
 * first_row, on how a batch is split.
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
  /** S, the number of noise samples a row, 1 to 1,000,000. Monte Carlo only. Default 5. */
  int64_t n_samples;
  /** Key of the library's own noise. Monte Carlo only. Default 0. */
  uint64_t seed;
  /** Standard deviation of the noise, in units of a logit; 0 to 1e15. NaN: 1, or 0.01 with class_counts. Default NaN. */
  double epsilon;
  /** m of the balanced loss (no class_counts), in units of a logit; at most 1e15 in size. Default 1. */
  double margin;
  /** s, 1e-15 to 1e15. NaN: 1, or 60 with class_counts. Default NaN. */
  double scale;
  /** Length of class_counts; 0 without. Default 0. */
  int64_t classes;
  /** Training examples of each class, finite and above 0 once smoothed, or NULL. Copied. Default NULL. */
  const double *class_counts;
  /** Added to every count, 0 to 1e15. Default 0. */
  double count_smoothing;
  /** Margin of the rarest class, with class_counts only; 0 to 1e15. Default 0.2. */
  double max_margin;
  /** How the expectation is taken. Default TOPKLOSS_MONTE_CARLO. */
  topkloss_estimator estimator;
  /** Zero. */
  int32_t reserved;
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
 * Noised top-K, the operator by itself: T_k = E[ the k-th largest entry of z + epsilon Z ] for every row, with k
 * counted from 1, so that it can stand inside a network.
 *
 * The handle is evaluated like a loss, without labels: row_values receives T of every row, times its
 * sample_weight if there is one; gradient the vector-Jacobian product with the batch's upstream (B numbers, or
 * NULL for 1); value the sum of all. The gradient of T is the probability with which a class holds rank k. Where
 * fewer than k classes are unmasked T is -inf, and the first that is masked holds the rank.
 *
 * Garcin, Servajean, Joly and Salmon, "Stochastic smoothing of the top-K calibrated hinge loss for deep
 * imbalanced classification", ICML 2022.
 */
typedef struct topkloss_noised_topk_operator_options {
  /** sizeof(topkloss_noised_topk_operator_options). */
  size_t struct_size;
  /** k, the rank, 1 to C. No default. */
  int64_t k;
  /** S, the number of noise samples a row, 1 to 1,000,000. Monte Carlo only. Default 5. */
  int64_t n_samples;
  /** Key of the library's own noise. Monte Carlo only. Default 0. */
  uint64_t seed;
  /** Standard deviation of the noise, in units of a score; 0 to 1e15. Default 1. */
  double epsilon;
  /** How the expectation is taken. Default TOPKLOSS_EXACT. */
  topkloss_estimator estimator;
  /** Not 0: a NaN or +inf in any row is an error that names the first. Default 0. */
  int32_t check_finite;
} topkloss_noised_topk_operator_options;

/** Fills in the defaults. struct_size: sizeof(topkloss_noised_topk_operator_options). */
TOPKLOSS_API topkloss_status topkloss_noised_topk_operator_options_init(
    topkloss_noised_topk_operator_options *options, size_t struct_size);

/**
 * Creates a noised top-K operator.
 *
 * @param options Read during the call only.
 * @param out     Receives the handle, to be freed with topkloss_loss_destroy; NULL on failure.
 */
TOPKLOSS_API topkloss_status topkloss_noised_topk_operator_create(
    const topkloss_noised_topk_operator_options *options, topkloss_loss **out);

/**
 * Top-K calibrated hinge: l = (m + z_[K+1] - z_y)+, with z_[r] the r-th largest logit. The subgradient, where
 * the hinge is active, is +1 at the lowest-indexed class that holds rank K+1 and -1 at the label (they may
 * cancel); at exactly 0 it is 0. A logit of -inf ranks last.
 *
 * Yang and Koyejo, "On the consistency of top-k surrogate losses", ICML 2020.
 */
typedef struct topkloss_topk_hinge_options {
  /** sizeof(topkloss_topk_hinge_options). */
  size_t struct_size;
  /** How row losses become one value. Default TOPKLOSS_MEAN. */
  topkloss_reduction reduction;
  /** Not 0: a NaN or +inf in any row, ignored or not, is an error that names the first. Default 0. */
  int32_t check_finite;
  /** Label of rows to leave out. Default TOPKLOSS_IGNORE_INDEX. */
  int64_t ignore_index;
  /** K, 1 to C - 1. No default. */
  int64_t k;
  /** m, in units of a logit; at most 1e15 in size. Default 1. */
  double margin;
} topkloss_topk_hinge_options;

/** Fills in the defaults. struct_size: sizeof(topkloss_topk_hinge_options). */
TOPKLOSS_API topkloss_status topkloss_topk_hinge_options_init(topkloss_topk_hinge_options *options,
                                                          size_t struct_size);

/**
 * Creates a top-K hinge loss.
 *
 * @param options Read during the call only.
 * @param out     Receives the handle, to be freed with topkloss_loss_destroy; NULL on failure.
 */
TOPKLOSS_API topkloss_status topkloss_topk_hinge_create(const topkloss_topk_hinge_options *options,
                                                    topkloss_loss **out);

/**
 * Smooth top-K SVM. With e_j = exp(z_j / (k tau)) and sigma_r the r-th elementary symmetric polynomial of the
 * e_j of all classes but the label,
 *
 *   l = tau log( e_y sigma_{k-1} + exp(alpha / tau) sigma_k ) - tau log( e_y sigma_{k-1} ).
 *
 * tau towards 0 tends to the hard top-K SVM. Stable for logits up to 1e4 in size and tau from 0.01 to 100 in
 * every dtype that holds them. A logit of -inf is a class that is not there; a row whose own label is masked has
 * value +inf (and gradient -1/k at the label, the limit), unless fewer than k rivals are left: then, whatever the
 * label, the value is 0.
 *
 * Berrada, Zisserman and Kumar, "Smooth loss functions for deep top-k classification", ICLR 2018.
 */
typedef struct topkloss_smooth_topk_svm_options {
  /** sizeof(topkloss_smooth_topk_svm_options). */
  size_t struct_size;
  /** How row losses become one value. Default TOPKLOSS_MEAN. */
  topkloss_reduction reduction;
  /** Not 0: a NaN or +inf in any row, ignored or not, is an error that names the first. Default 0. */
  int32_t check_finite;
  /** Label of rows to leave out. Default TOPKLOSS_IGNORE_INDEX. */
  int64_t ignore_index;
  /** k, 1 to C - 1. No default. */
  int64_t k;
  /** tau, the temperature, in units of a logit; 1e-15 to 1e15. Default 1. */
  double tau;
  /** alpha, the margin, in units of a logit; at most 1e15 in size. Default 1. */
  double alpha;
} topkloss_smooth_topk_svm_options;

/** Fills in the defaults. struct_size: sizeof(topkloss_smooth_topk_svm_options). */
TOPKLOSS_API topkloss_status topkloss_smooth_topk_svm_options_init(topkloss_smooth_topk_svm_options *options,
                                                          size_t struct_size);

/**
 * Creates a smooth top-K SVM loss.
 *
 * @param options Read during the call only.
 * @param out     Receives the handle, to be freed with topkloss_loss_destroy; NULL on failure.
 */
TOPKLOSS_API topkloss_status topkloss_smooth_topk_svm_create(const topkloss_smooth_topk_svm_options *options,
                                                    topkloss_loss **out);

/**
 * Top-K cross-entropy: the likelihood of an answer of K classes, exactly. With P a distribution over 1 to K,
 *
 *   l = -log sum_{k=1}^{K} P_k q_k,    q_1 = softmax(z)_y,    q_k = P( y is among the k largest of z + epsilon Z ),
 *
 * Z standard normal. By default P_1 = P_K = 1/2; K = 1 is cross-entropy. In float32 the error is at most 1e-5, in float64
 * 1e-9, both of the value and of an entry of the gradient where these are of the order of 1, and so much of them where they
 * are larger: where the label is so far below that every q_k underflows they come from logarithms. A logit of -inf is a
 * class that ranks last; a row whose own label is masked has value +inf and gradient 0.
 *
 * What to tune first: epsilon, towards the distance of the logits around rank K, 0.1 to 1. Far below it gradients of q_K are
 * large and seldom (the loss of many rows is that of P_1 alone), far above it the K-th class is told from the others no more.
 *
 * Petersen, Kuehne, Borgelt and Deussen, "Differentiable top-k classification learning", ICML 2022, with the noise of
 * Garcin, Servajean, Joly and Salmon, ICML 2022, in place of sorting networks.
 */
typedef struct topkloss_topk_cross_entropy_options {
  /** sizeof(topkloss_topk_cross_entropy_options). */
  size_t struct_size;
  /** How row losses become one value. Default TOPKLOSS_MEAN. */
  topkloss_reduction reduction;
  /** Not 0: a NaN or +inf in any row, ignored or not, is an error that names the first. Default 0. */
  int32_t check_finite;
  /** Label of rows to leave out. Default TOPKLOSS_IGNORE_INDEX. */
  int64_t ignore_index;
  /** K, 1 to C - 1, at most 1,000,000. No default. */
  int64_t k;
  /** epsilon, the standard deviation of the noise, in units of a logit; 1e-15 to 1e15. Default 1. */
  double epsilon;
  /** P_1 to P_K, 0 or more, of sum 1, or NULL for 1/2 each at the first and the last. Copied. Default NULL. */
  const double *weights;
} topkloss_topk_cross_entropy_options;

/** Fills in the defaults. struct_size: sizeof(topkloss_topk_cross_entropy_options). */
TOPKLOSS_API topkloss_status topkloss_topk_cross_entropy_options_init(
    topkloss_topk_cross_entropy_options *options, size_t struct_size);

/**
 * Creates a top-K cross-entropy loss.
 *
 * @param options Read during the call only.
 * @param out     Receives the handle, to be freed with topkloss_loss_destroy; NULL on failure.
 */
TOPKLOSS_API topkloss_status topkloss_topk_cross_entropy_create(
    const topkloss_topk_cross_entropy_options *options, topkloss_loss **out);

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
 * Mean squared error with outlying label
 * --------------------------------------------------------------------------------------------- */

/** How the teacher of a mean squared error with outlying label follows from the counts. */
typedef int32_t topkloss_teacher_rule;

enum {
  /** t_c = alpha r_c, r_c the rank by decreasing count (1: the most frequent; of equal counts, the lower index first). */
  TOPKLOSS_RANK_TEACHER = 0,
  /** t_c = alpha (n_max / n_c)^power. */
  TOPKLOSS_POWER_TEACHER = 1
};

/**
 * Mean squared error with outlying label: l = (1/C) sum_j (z_j - [j = y] t_y)^2. No softmax: the logits
 * themselves are regressed on a teacher t that lies the further out, the rarer the class. The paper's goes by rank.
 * What is regressed is t_c p_c, so that with many classes the last by rank are preferred C times over the first; a
 * power of the counts, which is in no paper, prefers them by how rare they are.
 * A logit of -inf is regressed like any other: value +inf, gradient -inf there.
 *
 * Kato and Hotta, "MSE loss with outlying label for imbalanced classification", 2021.
 */
typedef struct topkloss_outlying_mse_options {
  /** sizeof(topkloss_outlying_mse_options). */
  size_t struct_size;
  /** How row losses become one value. Default TOPKLOSS_MEAN. */
  topkloss_reduction reduction;
  /** Not 0: a NaN or +inf in any row, ignored or not, is an error that names the first. Default 0. */
  int32_t check_finite;
  /** Label of rows to leave out. Default TOPKLOSS_IGNORE_INDEX. */
  int64_t ignore_index;
  /** C, the length of class_counts and teacher. No default. */
  int64_t classes;
  /**
   * Training examples of each class, finite and above 0 once smoothed. Not looked at, and may
   * be NULL, with a teacher. No default.
   */
  const double *class_counts;
  /** Added to every count, 0 to 1e15. Default 0. */
  double count_smoothing;
  /** alpha, 1e-15 to 1e15. Default 1. */
  double alpha;
  /** t of each class, at most 1e15 in size, or NULL for that of teacher_rule. Copied. Default NULL. */
  const double *teacher;
  /** How the teacher follows from the counts. Default TOPKLOSS_RANK_TEACHER. */
  topkloss_teacher_rule teacher_rule;
  /** Zero. */
  int32_t reserved;
  /** Exponent of TOPKLOSS_POWER_TEACHER, 0 to 1e15, with no t above 1e15. Default 0.5. */
  double power;
} topkloss_outlying_mse_options;

/** Fills in the defaults. struct_size: sizeof(topkloss_outlying_mse_options). */
TOPKLOSS_API topkloss_status topkloss_outlying_mse_options_init(topkloss_outlying_mse_options *options,
                                                          size_t struct_size);

/**
 * Creates a mean squared error with outlying label.
 *
 * @param options Read during the call only.
 * @param out     Receives the handle, to be freed with topkloss_loss_destroy; NULL on failure.
 */
TOPKLOSS_API topkloss_status topkloss_outlying_mse_create(const topkloss_outlying_mse_options *options,
                                                    topkloss_loss **out);

/** How a trained model's scores become a class. */
typedef int32_t topkloss_prediction_rule;

enum {
  /** argmax_j z_j. */
  TOPKLOSS_ARGMAX = 0,
  /** The class whose teacher vector t_c e_c is nearest to the row: argmax_j t_j (2 z_j - t_j). */
  TOPKLOSS_NEAREST_TEACHER = 1
};

/**
 * The teacher t of a loss made by topkloss_outlying_mse_create.
 *
 * @param loss    The handle.
 * @param classes C, as the loss was created with.
 * @param teacher Receives C numbers.
 * @return TOPKLOSS_OK, or what is wrong: NULL_POINTER, SIZE, or OPTION if the handle is of another loss.
 */
TOPKLOSS_API topkloss_status topkloss_outlying_mse_teacher(const topkloss_loss *loss, int64_t classes,
                                                           double *teacher);

/**
 * Predicts a class for every row. Of equal scores the lowest index wins; NaN ranks below
 * everything, and a row of NaN alone is class 0.
 *
 * @param loss        A handle from topkloss_outlying_mse_create.
 * @param batch       The scores, as logits; labels, weights, upstream and noise are not looked at.
 * @param rule        How scores become a class.
 * @param predictions Receives B classes.
 * @return TOPKLOSS_OK, or what is wrong: NULL_POINTER, STRUCT_SIZE, SIZE, ENUMERATOR, OUT_OF_MEMORY, EXECUTOR, or
 *         OPTION, also if the handle is of another loss.
 */
TOPKLOSS_API topkloss_status topkloss_outlying_mse_predict(const topkloss_loss *loss,
                                                           const topkloss_batch *batch,
                                                           topkloss_prediction_rule rule,
                                                           int64_t *predictions);

/* ------------------------------------------------------------------------------------------------
 * Average-K: sets of classes whose size follows the ambiguity of the row, K on average
 * --------------------------------------------------------------------------------------------- */

/** What class losses of a row are divided by. */
typedef int32_t topkloss_class_reduction;

enum {
  /** The sum over classes. */
  TOPKLOSS_CLASS_SUM = 0,
  /** The mean over classes. */
  TOPKLOSS_CLASS_MEAN = 1
};

/**
 * The two-head average-K loss. A softmax head z (the batch's logits) proposes candidates, a multi-label head g
 * (its multi_label_logits) learns them: with p = softmax(z) and S_i the candidates of row i,
 *
 *   l_i = CE(z_i, y_i) + mu sum_j omega_ij BCE(g_ij, [j in S_i or j = y_i]),
 *   omega = 1 for the label, candidate_weight for other candidates, 1 for negatives.
 *
 * The candidates are the round(B K) largest of all the batch's probabilities p_ij (halves to even), of equal ones
 * the first by row, then by class, so that their number is exact; B counts the rows that are neither ignored nor
 * contain NaN or +inf. The threshold is the midpoint of the last candidate's probability and the next one's.
 * Candidates are constants in the gradient. In small batches a moving average of the threshold is steadier:
 * with threshold_decay, and a threshold from the batch before in the result, the threshold is
 * decay * before + (1 - decay) * this batch's, and the candidates are the classes with p_ij at or above it.
 *
 * Value and both gradients come from one call of topkloss_evaluate: set multi_label_logits in the batch and
 * multi_label_gradient in the result.
 *
 * Garcin, Servajean, Joly and Salmon, "A two-head loss function for deep average-K classification", WACV 2025
 * (arXiv 2303.18118, 2023).
 */
typedef struct topkloss_two_head_average_k_options {
  /** sizeof(topkloss_two_head_average_k_options). */
  size_t struct_size;
  /** How row losses become one value. Default TOPKLOSS_MEAN. */
  topkloss_reduction reduction;
  /** Not 0: a NaN or +inf in any row, ignored or not, is an error that names the first. Default 0. */
  int32_t check_finite;
  /** Label of rows to leave out. Default TOPKLOSS_IGNORE_INDEX. */
  int64_t ignore_index;
  /** K, above 0 and below C. No default. */
  double k;
  /** omega of candidates other than the label, 0 to 1e15. Default 1. */
  double candidate_weight;
  /** mu, 0 to 1e15. Default 1. */
  double multi_label_weight;
  /** Whether the multi-label term is a sum, whose weight grows with C, or a mean over classes. Default TOPKLOSS_CLASS_MEAN. */
  topkloss_class_reduction class_reduction;
  /** Zero. */
  int32_t reserved;
  /**
   * Share of the batches before in the threshold, in [0, 1]; 0: each batch has its own; 1: the one before stays, for
   * whoever knows it. Default 0.
   */
  double threshold_decay;
} topkloss_two_head_average_k_options;

/** Fills in the defaults. struct_size: sizeof(topkloss_two_head_average_k_options). */
TOPKLOSS_API topkloss_status topkloss_two_head_average_k_options_init(topkloss_two_head_average_k_options *options,
                                                          size_t struct_size);

/**
 * Creates a two-head average-K loss.
 *
 * @param options Read during the call only.
 * @param out     Receives the handle, to be freed with topkloss_loss_destroy; NULL on failure.
 */
TOPKLOSS_API topkloss_status topkloss_two_head_average_k_create(const topkloss_two_head_average_k_options *options,
                                                    topkloss_loss **out);

/** How the classes that no label names are treated. */
typedef int32_t topkloss_single_positive_method;

enum {
  /** Assume negative. */
  TOPKLOSS_ASSUME_NEGATIVE = 0,
  /** Weak assume negative: each negative counts 1 / (C - 1). */
  TOPKLOSS_WEAK_ASSUME_NEGATIVE = 1,
  /** Expected-positive regularisation. */
  TOPKLOSS_EXPECTED_POSITIVE = 2
};

/**
 * Multi-label learning from one positive label a row. With f = sigmoid(z),
 *
 *   assume negative:       l = -(1/C) ( log f_y + sum_{j != y} log(1 - f_j) )
 *   weak assume negative:  l = -(1/C) ( log f_y + 1/(C - 1) sum_{j != y} log(1 - f_j) )
 *   expected positive:     l = -log f_y + lambda ((k - K) / C)^2,
 *
 * where K is expected_positives and k the mean of sum_j f_ij over the batch's rows that count, weighted by
 * sample_weight. So a row's loss depends on the whole batch, and its gradient is that of all rows' losses. Rows
 * with NaN or +inf are left out of k. A logit of -inf is a probability of 0.
 *
 * Cole, Mac Aodha, Lorieul, Perona, Morris and Jojic, "Multi-label learning from single positive labels",
 * CVPR 2021.
 */
typedef struct topkloss_single_positive_options {
  /** sizeof(topkloss_single_positive_options). */
  size_t struct_size;
  /** How row losses become one value. Default TOPKLOSS_MEAN. */
  topkloss_reduction reduction;
  /** Not 0: a NaN or +inf in any row, ignored or not, is an error that names the first. Default 0. */
  int32_t check_finite;
  /** Label of rows to leave out. Default TOPKLOSS_IGNORE_INDEX. */
  int64_t ignore_index;
  /** Which loss. Default TOPKLOSS_ASSUME_NEGATIVE. */
  topkloss_single_positive_method method;
  /** Zero. */
  int32_t reserved;
  /** K, the expected number of positives a row, above 0 and at most 1e15. Expected positive only. No default. */
  double expected_positives;
  /** lambda, 0 to 1e15. Expected positive only. Default 1. */
  double regularization;
} topkloss_single_positive_options;

/** Fills in the defaults. struct_size: sizeof(topkloss_single_positive_options). */
TOPKLOSS_API topkloss_status topkloss_single_positive_options_init(topkloss_single_positive_options *options,
                                                          size_t struct_size);

/**
 * Creates a single-positive loss.
 *
 * @param options Read during the call only. NULL: the defaults.
 * @param out     Receives the handle, to be freed with topkloss_loss_destroy; NULL on failure.
 */
TOPKLOSS_API topkloss_status topkloss_single_positive_create(const topkloss_single_positive_options *options,
                                                    topkloss_loss **out);

/**
 * A threshold on scores. One number keeps an exact number of (row, class) pairs, ties or not: those with scores above
 * value, and of those that equal it the first `ties`, row by row and then by class. One for each class keeps the scores
 * at or above their class's.
 */
typedef struct topkloss_threshold {
  /** sizeof(topkloss_threshold). */
  size_t struct_size;
  /** Scores above it are kept. Not NaN. */
  double value;
  /** How many of the scores that equal value are kept; negative: all. Default -1. */
  int64_t ties;
  /** C, the length of class_values; not looked at without them. Default 0. */
  int64_t classes;
  /**
   * A threshold for each class, none NaN, in the place of value and ties, which are then not looked at; or NULL. Read
   * during the call only. Default NULL.
   */
  const double *class_values;
} topkloss_threshold;

/**
 * Sets value to 0, ties to -1 (all), struct_size to its argument, sizeof(topkloss_threshold), and the others to zero.
 */
TOPKLOSS_API topkloss_status topkloss_threshold_init(topkloss_threshold *threshold, size_t struct_size);

/**
 * The threshold with which the average size of a row's set is K over the given rows: it keeps exactly round(B K)
 * (halves to even) of the B C pairs. Its value is the midpoint of the last kept score and the first that is not,
 * +inf if none is kept, and -inf with ties -1 if all are. NaN ranks below everything and is never kept; where
 * fewer other scores are left than are to be kept, all of those are. Found by counting, not by sorting: no second
 * copy of the scores is made.
 *
 * Choose it on validation rows, and apply it to others; its ties are -1 unless the last kept score has equals that are
 * not kept. Scores have to be comparable across rows: probabilities of a softmax head, say, or logits of a multi-label
 * head, but not logits of a softmax head, whose zero is any number from row to row. (That cannot be seen from the
 * scores, and is not refused.)
 *
 * @param k         K, above 0 and below C.
 * @param batch     The scores, as logits; labels, weights, upstream and noise are not looked at.
 * @param threshold Receives the threshold, without class_values; set struct_size before the call.
 * @return TOPKLOSS_OK, or what is wrong: NULL_POINTER, STRUCT_SIZE, SIZE, ENUMERATOR, OPTION, OUT_OF_MEMORY
 *         or EXECUTOR.
 */
TOPKLOSS_API topkloss_status topkloss_average_k_threshold(double k, const topkloss_batch *batch,
                                                          topkloss_threshold *threshold);

/**
 * The sets that a threshold keeps, as compressed sparse rows: the classes of row i, in increasing order, are
 * indices[indptr[i]] up to indices[indptr[i + 1] - 1]. indptr[B] / B is their average size.
 *
 * Call it with indices NULL to learn how many there are, indptr[B], and then again. NaN is never kept.
 *
 * @param threshold   What to keep.
 * @param never_empty Not 0: a row with an empty set gets its best class (the lowest index among equals; rows of
 *                    NaN alone stay empty).
 * @param batch       The scores, as logits; labels, weights, upstream and noise are not looked at.
 * @param indptr      Receives B + 1 numbers.
 * @param indices     Receives indptr[B] classes, or NULL if they are not wanted.
 * @param capacity    For how many classes there is room in indices.
 * @return TOPKLOSS_OK, or what is wrong: NULL_POINTER, STRUCT_SIZE, SIZE, ENUMERATOR, OPTION (a NaN threshold, say),
 *         OUT_OF_MEMORY or EXECUTOR. If the capacity is too small: SIZE, with indptr written, indices not.
 */
TOPKLOSS_API topkloss_status topkloss_predict_sets(const topkloss_threshold *threshold,
                                                   int32_t never_empty, const topkloss_batch *batch,
                                                   int64_t *indptr, int64_t *indices, int64_t capacity);

/* ------------------------------------------------------------------------------------------------
 * Sets with a coverage guarantee
 * --------------------------------------------------------------------------------------------- */

/** How conformal thresholds follow from the calibration rows. */
typedef int32_t topkloss_conformal_method;

enum {
  /** One threshold, the r(n)-th largest of the labels' p: so many of all labels are covered. */
  TOPKLOSS_CONFORMAL_STANDARD = 0,
  /** t_c = the r(n_c)-th largest of the n_c rows of class c: so many of every class's are. 0 for classes with few. */
  TOPKLOSS_CONFORMAL_CLASSWISE = 1,
  /** t_c = pi_c times the r(n)-th largest of p_y / pi_y: the mean over classes in view, and small sets. */
  TOPKLOSS_CONFORMAL_PREVALENCE_ADJUSTED = 2,
  /** weight times classwise, and the rest standard. No guarantee of its own. */
  TOPKLOSS_CONFORMAL_INTERPOLATED = 3
};

/**
 * Split conformal prediction: thresholds t_c such that the set of classes with p_c >= t_c contains the label with the
 * probability kappa or more, if calibration rows and later ones are exchangeable. With n calibration rows, p_y a row's
 * probability of its label, pi the classes' frequencies and r(n) = ceil((n + 1) kappa), where the r-th largest of fewer
 * than r numbers is 0.
 *
 * Prevalence adjusted: p is to be that of classes as frequent as pi says, as cross-entropy trains it. Logit-adjusted
 * training has divided by pi already, and doing so twice makes sets larger than need be: take p from scores with that
 * undone, by topkloss_logit_adjust with the training's tau negated.
 *
 * Ding, Fermanian and Salmon, "Conformal prediction for long-tailed classification", 2025.
 */
typedef struct topkloss_conformal_options {
  /** sizeof(topkloss_conformal_options). */
  size_t struct_size;
  /** Label of rows to leave out. Default TOPKLOSS_IGNORE_INDEX. */
  int64_t ignore_index;
  /** Which thresholds. Default TOPKLOSS_CONFORMAL_STANDARD. */
  topkloss_conformal_method method;
  /** Zero. */
  int32_t reserved;
  /** kappa, above 0 and at most 1. Default 0.9. */
  double coverage;
  /** Share of the classwise thresholds in interpolated ones, in [0, 1]. Default 0.5. */
  double weight;
  /** C, the length of class_counts; not looked at without them. Default 0. */
  int64_t classes;
  /** Prevalence adjusted only: training examples of each class, finite and above 0 once smoothed. Default NULL. */
  const double *class_counts;
  /** Added to every count, 0 to 1e15. Default 0. */
  double count_smoothing;
} topkloss_conformal_options;

/** Fills in the defaults. struct_size: sizeof(topkloss_conformal_options). */
TOPKLOSS_API topkloss_status topkloss_conformal_options_init(topkloss_conformal_options *options,
                                                             size_t struct_size);

/**
 * Finds conformal thresholds, to be handed to topkloss_predict_sets as class_values. Only the labels' own
 * probabilities are read, and kept in 16 bytes a row while they are sorted.
 *
 * @param options    Read during the call only. NULL: the defaults.
 * @param batch      Probabilities of rows that were not trained on, as logits, and labels; weights, upstream and noise
 *                   are not looked at.
 * @param thresholds Receives C numbers.
 * @return TOPKLOSS_OK, or what is wrong: NULL_POINTER, STRUCT_SIZE, SIZE, ENUMERATOR, OPTION (also for a label's
 *         probability outside [0, 1], but for rounding), CLASS_COUNT, LABEL or OUT_OF_MEMORY.
 */
TOPKLOSS_API topkloss_status topkloss_conformal_thresholds(const topkloss_conformal_options *options,
                                                           const topkloss_batch *batch, double *thresholds);

/* ------------------------------------------------------------------------------------------------
 * Classes over ranks
 *
 * Where no process has room for B x C logits, each rank (a process, thread or machine) has those of its own shard of the
 * classes, as the ranks of a last layer do that is split by class. What a rank knows of a row of its shard is a few numbers,
 * the row's state; from the states of all shards each rank has the loss of the whole row, and the gradient of its own
 * logits. On every rank, for a batch:
 *
 *   1. topkloss_shard_partial    reads the shard's logits, writes a state for every row
 *   2. an all-gather of the host's (MPI_Allgather, say) gives every rank the states of all shards, in order
 *   3. topkloss_shard_complete   puts them together: the value, and the shard's own columns of the gradient
 *
 *   topkloss_shard_bytes(loss, &bytes);
 *   shard.all_classes = C;  shard.first_class = first;  shard.shards = ranks;  shard.index = rank;
 *   batch.classes = own;    batch.logits = ...;         batch.labels = ... of all B rows, in [0, C);
 *   topkloss_shard_partial(loss, &batch, &shard, mine);
 *   MPI_Allgather(mine, B * bytes, MPI_BYTE, all, B * bytes, MPI_BYTE, communicator);
 *   shard.states = all;
 *   topkloss_shard_complete(loss, &batch, &shard, &result);
 *
 * Shards are contiguous, of one class or more, together all C classes once. Every rank has the same loss, made with the
 * vectors of all C classes, and the same labels, weights, upstream, step and first_row. The value is then the same on every
 * rank, on processors of one kind to the last bit, and agrees with topkloss_evaluate's of the whole rows to rounding; noise
 * is that of the whole rows, bit for bit. States are bytes between ranks of one version of the library, one order of bytes
 * and one dtype. What they say is checked as far as memory goes, and little further: a row is NaN on every rank where
 * shards drew different noise, by seed, step or row, and where none of them has the label, or more than one. What one rank
 * alone gets wrong, its strides say, fails there alone: the others must not be left waiting for its states.
 *
 * The softmax-margin family but seesaw, the top-K hinge, and noised top-K by Monte Carlo with the library's own noise can be
 * computed so; other losses, soft labels, and for noised top-K noise of the caller's, are refused (OPTION).
 * --------------------------------------------------------------------------------------------- */

/**
 * A shard of the classes. The batch's classes, logits and gradient are then the shard's alone; labels are of all classes,
 * and all_classes is what a loss with a fixed number of them has.
 */
typedef struct topkloss_shard {
  /** sizeof(topkloss_shard). */
  size_t struct_size;
  /** C, the number of classes of all shards together; for a loss with vectors by class, their length. */
  int64_t all_classes;
  /** The shard's first class, 0 or more; for noised top-K a multiple of 32, among which noise is drawn. */
  int64_t first_class;
  /** How many shards there are, 1 or more. Looked at by topkloss_shard_complete alone. */
  int64_t shards;
  /** Which of them this one is, from 0. Looked at by topkloss_shard_complete alone. */
  int64_t index;
  /** shards x B states, those of shard 0 first. Looked at by topkloss_shard_complete alone. */
  const void *states;
} topkloss_shard;

/** Sets every member to zero and struct_size to its argument, sizeof(topkloss_shard). */
TOPKLOSS_API topkloss_status topkloss_shard_init(topkloss_shard *shard, size_t struct_size);

/**
 * How many bytes a row's state has: 80 for the softmax-margin family, 32 + 16 S (K + 1) for the top-K family (S is 1 for
 * the hinge, and for the exact estimator, which is taken with epsilon 0 alone).
 *
 * @param loss  A handle from one of the create functions.
 * @param bytes Receives the number, a multiple of 16.
 * @return TOPKLOSS_OK, or what is wrong: NULL_POINTER, or OPTION, if the loss is not computed from shards, or its states
 *         would be larger than can be addressed.
 */
TOPKLOSS_API topkloss_status topkloss_shard_bytes(const topkloss_loss *loss, int64_t *bytes);

/**
 * What a shard knows of every row. Finite or not, logits are no error here: with check_finite, topkloss_shard_complete
 * refuses them on every rank.
 *
 * @param loss   A handle from one of the create functions.
 * @param batch  The rows, with the shard's logits.
 * @param shard  Which classes they are of.
 * @param states Receives B states, one after another, of topkloss_shard_bytes bytes each.
 * @return TOPKLOSS_OK, or what is wrong: NULL_POINTER, STRUCT_SIZE, SIZE, ENUMERATOR, OPTION, LABEL, NOT_FINITE (a weight
 *         or upstream value), ALIASING, OUT_OF_MEMORY or EXECUTOR.
 */
TOPKLOSS_API topkloss_status topkloss_shard_partial(const topkloss_loss *loss, const topkloss_batch *batch,
                                                    const topkloss_shard *shard, void *states);

/**
 * The loss of the whole rows, and the gradient of the shard's logits.
 *
 * @param loss   The loss that the states were written with.
 * @param batch  The same as then.
 * @param shard  The same, with the states of all shards.
 * @param result As for topkloss_evaluate, with B x batch.classes for the gradient, which may be the shard's logits.
 * @return TOPKLOSS_OK, or what is wrong: NULL_POINTER, STRUCT_SIZE, SIZE, ENUMERATOR, OPTION, LABEL, NOT_FINITE, ALIASING,
 *         OUT_OF_MEMORY or EXECUTOR.
 */
TOPKLOSS_API topkloss_status topkloss_shard_complete(const topkloss_loss *loss, const topkloss_batch *batch,
                                                     const topkloss_shard *shard, topkloss_result *result);

/* ------------------------------------------------------------------------------------------------
 * After training
 * --------------------------------------------------------------------------------------------- */

/**
 * Post-hoc logit adjustment: z_j - tau log pi_j + log pi'_j for every row. Train with plain cross-entropy, then
 * predict from the adjusted scores. Without pi', a prior of the rows to be predicted, all classes are as likely there.
 *
 * Menon et al., "Long-tail learning via logit adjustment", ICLR 2021.
 */
typedef struct topkloss_logit_adjust_options {
  /** sizeof(topkloss_logit_adjust_options). */
  size_t struct_size;
  /** C, the length of class_counts and target_prior. No default. */
  int64_t classes;
  /** Training examples of each class, finite and above 0 once smoothed. No default. */
  const double *class_counts;
  /** Added to every count, 0 to 1e15. Default 0. */
  double count_smoothing;
  /** tau, at most 1e15 in size. Default 1. */
  double tau;
  /** Elements from one class of adjusted to the next; 0: 1. Default 0. */
  int64_t adjusted_class_stride;
  /** Elements from one group of adjusted to the next; 0: the batch's rows_per_group * C. Default 0. */
  int64_t adjusted_group_stride;
  /**
   * pi' of each class but for a common factor: finite, 0 (the class's scores become -inf) or more, with a sum above 0;
   * or NULL, and log pi' is left out. Default NULL.
   */
  const double *target_prior;
} topkloss_logit_adjust_options;

/** Fills in the defaults. struct_size: sizeof(topkloss_logit_adjust_options). */
TOPKLOSS_API topkloss_status topkloss_logit_adjust_options_init(
    topkloss_logit_adjust_options *options, size_t struct_size);

/**
 * Adjusts scores after training.
 *
 * @param options             Read during the call only.
 * @param batch               The scores, as logits; labels, weights, upstream and noise are not looked at.
 * @param adjusted            Receives B x C adjusted scores of the batch's dtype; may be the scores
 *                            themselves (same pointer and stride).
 * @param adjusted_row_stride Elements from one row of adjusted to the next; 0: C.
 * @return TOPKLOSS_OK, or what is wrong: NULL_POINTER, STRUCT_SIZE, SIZE, ENUMERATOR, OPTION, CLASS_COUNT,
 *         ALIASING, OUT_OF_MEMORY or EXECUTOR.
 */
TOPKLOSS_API topkloss_status topkloss_logit_adjust(const topkloss_logit_adjust_options *options,
                                                   const topkloss_batch *batch, void *adjusted,
                                                   int64_t adjusted_row_stride);

/* ------------------------------------------------------------------------------------------------
 * Metrics. A batch's sample_weight, which must be 0 or more here, makes a row count so many times; rows whose label is
 * ignore_index do not count. Over several batches an average of averages is wrong: add the batches to a tally, below.
 * --------------------------------------------------------------------------------------------- */

/** How accuracies of rows become one figure. */
typedef int32_t topkloss_average;

enum {
  /** Mean over rows, weighted by the batch's sample_weight. */
  TOPKLOSS_MICRO = 0,
  /** Mean over classes of each class's weighted mean over its rows; classes without weight are left out. */
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
  /** Zero. */
  int32_t reserved;
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
 * @param batch    Scores, as logits, labels and weights; upstream and noise are not looked at.
 * @param accuracy Receives a number in [0, 1]; 0 if no row counts.
 * @return TOPKLOSS_OK, or what is wrong: NULL_POINTER, STRUCT_SIZE, SIZE, ENUMERATOR, OPTION, LABEL,
 *         NOT_FINITE, OUT_OF_MEMORY or EXECUTOR.
 */
TOPKLOSS_API topkloss_status topkloss_topk_accuracy(const topkloss_topk_accuracy_options *options,
                                                    const topkloss_batch *batch, double *accuracy);

/** Options of topkloss_average_k_accuracy. */
typedef struct topkloss_average_k_accuracy_options {
  /** sizeof(topkloss_average_k_accuracy_options). */
  size_t struct_size;
  /** K, above 0 and below C. No default. */
  double k;
  /** Label of rows to leave out. Default TOPKLOSS_IGNORE_INDEX. */
  int64_t ignore_index;
  /** Over rows or over classes. Default TOPKLOSS_MICRO. */
  topkloss_average average;
  /** Zero. */
  int32_t reserved;
} topkloss_average_k_accuracy_options;

/** Fills in the defaults. struct_size: sizeof(topkloss_average_k_accuracy_options). */
TOPKLOSS_API topkloss_status topkloss_average_k_accuracy_options_init(
    topkloss_average_k_accuracy_options *options, size_t struct_size);

/**
 * The share of rows whose label is in the row's set, where the sets have K classes on average: the round(B K)
 * (halves to even) highest of all scores are kept, of equal ones the first by row, then by class. Rows to leave
 * out count for nothing, in B neither; weights do not change the sets. NaN ranks below everything and is never kept.
 *
 * This is an oracle's figure, of a threshold chosen on the very rows that it judges, and a bound to reach for. The honest
 * one, of a threshold from topkloss_average_k_threshold on validation rows, is a coverage: topkloss_tally_sets.
 *
 * @param options  Read during the call only.
 * @param batch    Scores, as logits, labels and weights; upstream and noise are not looked at.
 * @param accuracy Receives a number in [0, 1]; 0 if no row counts.
 * @return TOPKLOSS_OK, or what is wrong: NULL_POINTER, STRUCT_SIZE, SIZE, ENUMERATOR, OPTION, LABEL,
 *         NOT_FINITE, OUT_OF_MEMORY or EXECUTOR.
 */
TOPKLOSS_API topkloss_status topkloss_average_k_accuracy(
    const topkloss_average_k_accuracy_options *options, const topkloss_batch *batch, double *accuracy);

/** Options of topkloss_shot_accuracy. */
typedef struct topkloss_shot_accuracy_options {
  /** sizeof(topkloss_shot_accuracy_options). */
  size_t struct_size;
  /** C, the length of class_counts. No default. */
  int64_t classes;
  /** Training examples of each class, finite and 0 or more. No default. */
  const double *class_counts;
  /** K, 1 or more; from C up every label is in the top K. Default 1. */
  int64_t k;
  /** Label of rows to leave out. Default TOPKLOSS_IGNORE_INDEX. */
  int64_t ignore_index;
  /** Over rows or over classes, within each group. Default TOPKLOSS_MICRO. */
  topkloss_average average;
  /** Zero. */
  int32_t reserved;
  /** Classes with more training examples are many-shot; finite, `few` or more. Default 100. */
  double many;
  /** Classes with fewer training examples are few-shot; finite, 0 or more. Default 20. */
  double few;
} topkloss_shot_accuracy_options;

/** Fills in the defaults. struct_size: sizeof(topkloss_shot_accuracy_options). */
TOPKLOSS_API topkloss_status topkloss_shot_accuracy_options_init(
    topkloss_shot_accuracy_options *options, size_t struct_size);

/**
 * Top-K accuracy by how many training examples a row's class had: many-shot (more than `many`), few-shot (fewer
 * than `few`), and medium-shot between.
 *
 * @param options    Read during the call only.
 * @param batch      Scores, as logits, labels and weights; upstream and noise are not looked at.
 * @param accuracies Receives three numbers in [0, 1], for many, medium and few; NaN where no row counts.
 * @return TOPKLOSS_OK, or what is wrong: NULL_POINTER, STRUCT_SIZE, SIZE, ENUMERATOR, OPTION, CLASS_COUNT, LABEL,
 *         NOT_FINITE, OUT_OF_MEMORY or EXECUTOR.
 */
TOPKLOSS_API topkloss_status topkloss_shot_accuracy(const topkloss_shot_accuracy_options *options,
                                                    const topkloss_batch *batch, double *accuracies);

/* A tally is what the rows of each class came to, summed over as many batches as you like: arrays of C numbers that are
 * the caller's, zero at first, to which the functions below add. `hits` sums the weights of the rows whose label was
 * found, `sizes` the weighted sizes of their sets, `weights` the weights. Tallies of the same metric are merged by adding
 * their arrays, over threads or machines; from them follows every figure. */

/**
 * Adds a batch's top-K hits to a tally.
 *
 * @param options Read during the call only; average is not looked at. NULL: the defaults.
 * @param batch   Scores, as logits, labels and weights; upstream and noise are not looked at.
 * @param hits    C numbers, added to: the weights of class c's rows whose label is among the K highest scores.
 * @param weights C numbers, added to: the weights of class c's rows.
 * @return TOPKLOSS_OK, or what is wrong: NULL_POINTER, STRUCT_SIZE, SIZE, ENUMERATOR, OPTION, LABEL, NOT_FINITE,
 *         ALIASING (the arrays overlap), OUT_OF_MEMORY or EXECUTOR. Nothing has been added then.
 */
TOPKLOSS_API topkloss_status topkloss_tally_topk(const topkloss_topk_accuracy_options *options,
                                                 const topkloss_batch *batch, double *hits, double *weights);

/**
 * Adds to a tally how a batch's sets cover its labels, and how large they are. The sets keep the scores at or above the
 * threshold; its ties, which are places among other rows, are not looked at. NaN is never kept.
 *
 * @param threshold    One for all classes, or one for each.
 * @param ignore_index Label of rows to leave out; TOPKLOSS_IGNORE_INDEX elsewhere if there is no other.
 * @param batch        Scores, as logits, labels and weights; upstream and noise are not looked at.
 * @param hits         C numbers, added to: the weights of class c's rows whose label is in its set.
 * @param sizes        C numbers, added to: the weighted sizes of the sets of class c's rows; or NULL if not wanted, and
 *                     only the labels' own scores are then read.
 * @param weights      C numbers, added to: the weights of class c's rows.
 * @return TOPKLOSS_OK, or what is wrong: NULL_POINTER, STRUCT_SIZE, SIZE, ENUMERATOR, OPTION, LABEL, NOT_FINITE,
 *         ALIASING (the arrays overlap), OUT_OF_MEMORY or EXECUTOR. Nothing has been added then.
 */
TOPKLOSS_API topkloss_status topkloss_tally_sets(const topkloss_threshold *threshold, int64_t ignore_index,
                                                 const topkloss_batch *batch, double *hits, double *sizes,
                                                 double *weights);

/**
 * The figure that a tally comes to: an accuracy or a coverage from hits, an average size from sizes.
 *
 * @param average Over rows or over classes.
 * @param classes C, 1 or more.
 * @param sums    hits or sizes.
 * @param weights The same tally's weights.
 * @param mean    Receives sum_c sums_c / sum_c weights_c, or the mean over classes of sums_c / weights_c; 0 if no class
 *                has weight.
 * @return TOPKLOSS_OK, or what is wrong: NULL_POINTER, SIZE or ENUMERATOR.
 */
TOPKLOSS_API topkloss_status topkloss_tally_average(topkloss_average average, int64_t classes,
                                                    const double *sums, const double *weights, double *mean);

/**
 * The figures that a tally comes to over classes with many, a medium number of, and few training examples.
 *
 * @param options Read during the call only; k and ignore_index are not looked at.
 * @param sums    hits or sizes.
 * @param weights The same tally's weights.
 * @param means   Receives three numbers, for many, medium and few; NaN where no class has weight.
 * @return TOPKLOSS_OK, or what is wrong: NULL_POINTER, STRUCT_SIZE, SIZE, ENUMERATOR, OPTION or CLASS_COUNT.
 */
TOPKLOSS_API topkloss_status topkloss_tally_shots(const topkloss_shot_accuracy_options *options,
                                                  const double *sums, const double *weights, double *means);

/**
 * By how much coverage falls short of what was wanted, on average over the classes that have weight:
 * the mean of (kappa - hits_c / weights_c)+. A class that is covered too well does not make up for another.
 *
 * @param coverage  kappa, above 0 and at most 1.
 * @param classes   C, 1 or more.
 * @param hits      A tally's.
 * @param weights   The same tally's.
 * @param shortfall Receives a number in [0, kappa]; 0 if no class has weight.
 * @return TOPKLOSS_OK, or what is wrong: NULL_POINTER, SIZE or OPTION.
 */
TOPKLOSS_API topkloss_status topkloss_tally_shortfall(double coverage, int64_t classes, const double *hits,
                                                      const double *weights, double *shortfall);

/* ------------------------------------------------------------------------------------------------
 * Class weights, to be passed to a loss as class_weight. Deferred re-weighting (Cao et al., NeurIPS 2019) trains
 * without weights until an epoch and with them from then on: two handles.
 * --------------------------------------------------------------------------------------------- */

/**
 * Weights in inverse proportion to the counts, with mean 1.
 *
 * @param classes      C, 1 or more.
 * @param class_counts C training examples of each class, finite and above 0.
 * @param weights      Receives C numbers; may be class_counts.
 * @return TOPKLOSS_OK, or what is wrong: NULL_POINTER, SIZE or CLASS_COUNT.
 */
TOPKLOSS_API topkloss_status topkloss_inverse_frequency(int64_t classes, const double *class_counts,
                                                        double *weights);

/**
 * Weights in inverse proportion to the effective number of examples, (1 - beta) / (1 - beta^n_c), with sum C.
 * beta = 0 weights all classes alike; beta towards 1 tends to inverse frequency.
 *
 * Cui, Jia, Lin, Song and Belongie, "Class-balanced loss based on effective number of samples", CVPR 2019.
 *
 * @param classes      C, 1 or more.
 * @param class_counts C training examples of each class, finite and above 0.
 * @param beta         In [0, 1).
 * @param weights      Receives C numbers; may be class_counts.
 * @return TOPKLOSS_OK, or what is wrong: NULL_POINTER, SIZE, OPTION or CLASS_COUNT.
 */
TOPKLOSS_API topkloss_status topkloss_effective_number(int64_t classes, const double *class_counts,
                                                       double beta, double *weights);

/** Which of the weights above. */
typedef int32_t topkloss_class_weighting;

enum {
  /** Those of topkloss_inverse_frequency. */
  TOPKLOSS_INVERSE_FREQUENCY = 0,
  /** Those of topkloss_effective_number. */
  TOPKLOSS_EFFECTIVE_NUMBER = 1
};

/** Options of topkloss_class_weights. */
typedef struct topkloss_class_weights_options {
  /** sizeof(topkloss_class_weights_options). */
  size_t struct_size;
  /** C, the length of class_counts. No default. */
  int64_t classes;
  /** Training examples of each class, finite and above 0 once smoothed. No default. */
  const double *class_counts;
  /** Added to every count, 0 to 1e15, for classes without examples. Default 0. */
  double count_smoothing;
  /** Which weights. Default TOPKLOSS_INVERSE_FREQUENCY. */
  topkloss_class_weighting weighting;
  /** Zero. */
  int32_t reserved;
  /** beta, in [0, 1). Effective number only. Default 0.9999. */
  double beta;
} topkloss_class_weights_options;

/** Fills in the defaults. struct_size: sizeof(topkloss_class_weights_options). */
TOPKLOSS_API topkloss_status topkloss_class_weights_options_init(topkloss_class_weights_options *options,
                                                                 size_t struct_size);

/**
 * Class weights of counts that may be smoothed, with mean 1.
 *
 * @param options Read during the call only.
 * @param weights Receives C numbers; may be class_counts.
 * @return TOPKLOSS_OK, or what is wrong: NULL_POINTER, STRUCT_SIZE, SIZE, ENUMERATOR, OPTION or CLASS_COUNT.
 */
TOPKLOSS_API topkloss_status topkloss_class_weights(const topkloss_class_weights_options *options,
                                                    double *weights);

#ifdef __cplusplus
}
#endif

#endif /* TOPKLOSS_H */
