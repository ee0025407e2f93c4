/*
 * topkloss on NVIDIA GPUs: the losses of topkloss.h where the logits are, by libtopkloss_cuda.so.
 *
 *   1. create a loss with libtopkloss.so, as ever. Its handle serves on the host and on every device.
 *   2. topkloss_cuda_needs says how much device memory the loss's constants and a call's workspace take. Both are yours:
 *      the library allocates none, and frees none.
 *   3. topkloss_cuda_constants writes the constants into host memory; copy them to the device once for each loss and device.
 *   4. describe a batch and a result whose pointers are the device's, and call topkloss_cuda_evaluate as often as needed.
 *
 * Conventions, besides those of topkloss.h:
 *
 *   - Nothing waits for the device. What a call does is kernels on the stream that it is given, in their order: the batch has
 *     to be there when the stream gets to them, and the gradient is when they are done. Constants, workspace, batch and
 *     result are the call's until then. Constants are only read: calls on several streams may share them. Calls on one stream
 *     may share a workspace, too.
 *   - What only the device can see (labels that are no classes, weights that are not finite) is found there: gradient, value
 *     and row values are then NaN, and the outcome says what was wrong and in which row. topkloss_cuda_check makes words of it.
 *     With check_finite that is a row whose loss is NaN, and no other row is; those to be ignored are not looked at.
 *   - Kernels run in the primary context of the device, the one that the CUDA runtime and frameworks use. They are compiled by
 *     the driver when a family of losses is first used on a device, for a second or so, and kept by the driver between
 *     processes. While a stream is captured into a graph that is not possible: topkloss_cuda_prepare does it before.
 *     They stay loaded: a process that resets the device (cudaDeviceReset) must not use it here any more.
 *   - Devices are of compute capability 7.0 (Volta) or later. The driver, libcuda.so.1 (CUDA 11 or later), is loaded at first
 *     use. Where there is none every function says so (TOPKLOSS_ERROR_DEVICE) but topkloss_cuda_needs, topkloss_cuda_constants
 *     and topkloss_cuda_check, which do without. topkloss_last_error() of libtopkloss.so has the words.
 *   - Not computed on a device (TOPKLOSS_ERROR_UNSUPPORTED) are float64 logits, the smooth top-K SVM and the top-K
 *     cross-entropy of K above 16, the exact estimator of noised top-K losses of K above 15 (its rank is K + 1), and batches
 *     of 2^30 - 1 classes or more. All other losses are.
 *   - Everything is aligned to its elements, and refused if it is not (TOPKLOSS_ERROR_SIZE).
 *
 * This path has been proved by emulation only: it has not met hardware. What uses the driver therefore works where the
 * environment variable TOPKLOSS_CUDA is 1, and says so elsewhere (TOPKLOSS_ERROR_DEVICE).
 */
#ifndef TOPKLOSS_CUDA_H
#define TOPKLOSS_CUDA_H

#include "topkloss.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Device memory that a loss and a call take. */
typedef struct topkloss_cuda_memory {
  /** sizeof(topkloss_cuda_memory). */
  size_t struct_size;
  /** Written: bytes of the loss's constants, 0 if it has none. */
  size_t constants;
  /** Written: bytes of a call's workspace. */
  size_t workspace;
} topkloss_cuda_memory;

/** What a call found, in device memory, aligned to 8 bytes: written by the last kernel of a call. */
typedef struct topkloss_cuda_outcome {
  /** The reduced value, as topkloss_result has it. */
  double value;
  /** The sum of the weights of the rows that count. */
  double total_weight;
  /** Two-head average-K only: the threshold, read first as topkloss_result's is. Set it to 0 before the first call. */
  double threshold;
  /** 0, or which fault was found: for topkloss_cuda_check. */
  int64_t fault;
  /** The row of the fault, or -1. */
  int64_t row;
  /** The label there, if that is the fault. */
  int64_t label;
} topkloss_cuda_outcome;

/** Where a call runs, and in which device memory. */
typedef struct topkloss_cuda_launch {
  /** sizeof(topkloss_cuda_launch). */
  size_t struct_size;
  /** A CUstream or cudaStream_t of the device that the logits are on, or NULL for its default stream (the legacy one). */
  void *stream;
  /** The loss's constants, aligned to 256 bytes; NULL if it has none. */
  const void *constants;
  /** Aligned to 256 bytes. */
  void *workspace;
  /** Bytes of the workspace: what topkloss_cuda_needs said of such a batch, or more. */
  size_t workspace_bytes;
  /** Where the outcome goes; NULL if it is not wanted, but for a two-head loss with a threshold_decay. */
  topkloss_cuda_outcome *outcome;
} topkloss_cuda_launch;

/**
 * How many devices there are.
 *
 * @param count Receives the number, 1 or more.
 * @return TOPKLOSS_OK, or what is wrong: NULL_POINTER, or DEVICE: there is no driver, one too old, or no device.
 */
TOPKLOSS_API topkloss_status topkloss_cuda_devices(int32_t *count);

/**
 * How much device memory a loss's constants and a call take. Needs no device. Pointers of the batch and of the result say by
 * being NULL or not what is there and what is wanted; their memory is not looked at.
 *
 * @param loss   A handle; NULL, as the result, for topkloss_cuda_topk_accuracy.
 * @param batch  The rows.
 * @param result What is wanted.
 * @param memory Set struct_size before the call.
 * @return TOPKLOSS_OK, or what is wrong with the call, as topkloss_evaluate returns it; UNSUPPORTED.
 */
TOPKLOSS_API topkloss_status topkloss_cuda_needs(const topkloss_loss *loss, const topkloss_batch *batch,
                                                 const topkloss_result *result, topkloss_cuda_memory *memory);

/**
 * Writes a loss's constants into host memory, to be copied to the device. They are the same for every call and device.
 *
 * @param loss      A handle.
 * @param constants Receives so many bytes.
 * @param bytes     At least what topkloss_cuda_needs said.
 * @return TOPKLOSS_OK, or what is wrong: NULL_POINTER, SIZE or UNSUPPORTED.
 */
TOPKLOSS_API topkloss_status topkloss_cuda_constants(const topkloss_loss *loss, void *constants, size_t bytes);

/**
 * Has the driver compile all kernels that a loss uses, for a device, if that has not been done: for every element type, for
 * labels and soft labels. A few seconds at the first time. May wait for the device.
 *
 * @param loss   A handle.
 * @param device As the driver numbers them, from 0.
 * @return TOPKLOSS_OK, or what is wrong: NULL_POINTER, DEVICE or UNSUPPORTED.
 */
TOPKLOSS_API topkloss_status topkloss_cuda_prepare(const topkloss_loss *loss, int32_t device);

/**
 * Evaluates a loss on the device that the logits are on.
 *
 * The struct of the result is only read: value, total weight and threshold are in the outcome. A gradient may be the logits
 * themselves. Sizes and strides are checked before anything is launched, overlaps of batch and result, and that all memory
 * is a device's. Constants, workspace and outcome must have nothing in common with each other and with the rest.
 *
 * @param loss   A handle.
 * @param batch  The rows. All pointers but the executor, which is not looked at, are the device's.
 * @param result Where gradient and row values go: the device's pointers.
 * @param launch Where to run.
 * @return TOPKLOSS_OK once the kernels are on the stream, or what is wrong with the call; DEVICE; UNSUPPORTED.
 */
TOPKLOSS_API topkloss_status topkloss_cuda_evaluate(const topkloss_loss *loss, const topkloss_batch *batch,
                                                    const topkloss_result *result,
                                                    const topkloss_cuda_launch *launch);

/**
 * What an outcome says, once it has been copied to the host.
 *
 * @param outcome In host memory.
 * @param classes The batch's number of classes, for the words.
 * @return TOPKLOSS_OK, or what topkloss_evaluate would have returned: LABEL or NOT_FINITE; NULL_POINTER.
 */
TOPKLOSS_API topkloss_status topkloss_cuda_check(const topkloss_cuda_outcome *outcome, int64_t classes);

/**
 * The share of rows whose label is among the K highest scores, as topkloss_topk_accuracy defines it, over the rows of a batch
 * on a device: the outcome's value. topkloss_cuda_needs, with NULL for the loss and for the result, says what it takes.
 *
 * @param options average: TOPKLOSS_MICRO alone.
 * @param batch   Scores, as logits, labels and weights: the device's pointers.
 * @param launch  Where to run; there are no constants.
 * @return TOPKLOSS_OK once the kernels are on the stream, or what is wrong with the call; DEVICE; UNSUPPORTED.
 */
TOPKLOSS_API topkloss_status topkloss_cuda_topk_accuracy(const topkloss_topk_accuracy_options *options,
                                                         const topkloss_batch *batch,
                                                         const topkloss_cuda_launch *launch);

/**
 * Adds a number to the scores of each class, on the device that they are on.
 *
 * @param offset              C numbers in device memory, aligned to 16 bytes, with room for a multiple of four: what
 *                            topkloss_logit_adjust makes of a row of zeros on the host, say.
 * @param batch               Scores, as logits, in contiguous rows.
 * @param adjusted            Receives B x C adjusted scores of the batch's dtype; may be the scores themselves (same pointer
 *                            and stride).
 * @param adjusted_row_stride Elements from one row of adjusted to the next; 0: C.
 * @param stream              A CUstream or cudaStream_t, or NULL for the default stream (the legacy one).
 * @return TOPKLOSS_OK once the kernel is on the stream, or what is wrong with the call; DEVICE; UNSUPPORTED.
 */
TOPKLOSS_API topkloss_status topkloss_cuda_logit_adjust(const float *offset, const topkloss_batch *batch,
                                                        void *adjusted, int64_t adjusted_row_stride,
                                                        void *stream);

#ifdef __cplusplus
}
#endif

#endif /* TOPKLOSS_CUDA_H */
