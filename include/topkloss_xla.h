/*
 * topkloss in programs that XLA compiles, those of JAX among them: the losses of topkloss.h as handlers of XLA's foreign
 * function interface, by libtopkloss_xla.so. They run on the CPU, in XLA's own threads, and need no interpreter.
 *
 * Register both under one name, for the platform "Host" ("cpu" in JAX), as the stages instantiate and execute. Either answers
 * XLA's question for the version of the interface that it speaks: 0.1 to 0.3, whichever the host has. libtopkloss.so must be
 * in the process. topkloss.jax does all this.
 *
 * A call is of one loss. Its attributes say of which, with which options, and what its operands and results are:
 *
 *   loss                  string: its name in topkloss.h: "cross_entropy", "noised_topk_operator".
 *   operands, results     strings: what each of them is, in their order: words of those below, with a space between.
 *   row_axes              s64: how many axes of rows a batch has.
 *   rows_are_compared     s64: not 0 if a row's loss depends on the other rows of its batch, so that batches are kept apart.
 *   gradient_scale        f64: multiplies the gradients. Optional; 1 without.
 *   (members of options)  s64 (an unsigned seed by its bits), f64, or an array of f64 for a vector: as topkloss_<loss>_options
 *                         has them, by their names. What is left out has its default. A vector has as many numbers as
 *                         classes says, those by rank as many as k.
 *
 * Arrays are dense and row-major. Their axes are those of the mapping (of jax.vmap; any number), of the rows (row_axes), and
 * their own. Along an axis of the mapping an operand has the length of the results, or 1 where it is the same for all.
 *
 *   operand                own axes   type
 *   logits                 C          f32, f64, f16 or bf16
 *   multi_label_logits     C          as the logits
 *   soft_labels            C          as the logits
 *   labels                            s32 or s64
 *   noise                  S, C       f64 for logits of f64, else f32; S is the option n_samples
 *   step                   2          u32, the high half first; no axes of rows
 *   threshold                         f32 or f64; no axes of rows
 *   upstream                          f32 or f64. Where it is not finite, the gradient of all the batch is NaN, and the other
 *                                     results are as without it
 *
 *   result
 *   values                            as the logits: the loss of each row, the reduction of topkloss.h being none
 *   threshold                         as the operand; no axes of rows
 *   gradient               C          as the logits: of each row's own value; of all values, where rows are coupled
 *   multi_label_gradient   C          as the logits
 *
 * Rows are numbered, for their noise, in order over all axes of the mapping along which step is the same.
 *
 * The loss is created when an executable is made, and freed with it; in every call, by a version of XLA whose states are not
 * known here, or by another copy of XLA in the process than the first that asked. Operands that places share are copied for
 * each place, unless that would take more than 64 MiB in all and 1 MiB for each: every place is then evaluated by itself.
 *
 * All that comes in a frame is checked before it is used: what is wrong is an error of XLA's, INVALID_ARGUMENT or
 * RESOURCE_EXHAUSTED, that has the words of topkloss_last_error() or of its own. A frame without XLA's functions can be told
 * nothing, and nothing is done.
 */
#ifndef TOPKLOSS_XLA_H
#define TOPKLOSS_XLA_H

#include "topkloss.h"

#ifdef __cplusplus
extern "C" {
#endif

/* XLA's own, of xla/ffi/api/c_api.h. */
struct XLA_FFI_CallFrame;
struct XLA_FFI_Error;

/**
 * The handler of the stage instantiate: creates the loss, and leaves it with XLA as its state.
 *
 * @param call_frame XLA's.
 * @return NULL, or what is wrong with the attributes.
 */
TOPKLOSS_API struct XLA_FFI_Error *topkloss_xla_instantiate(struct XLA_FFI_CallFrame *call_frame);

/**
 * The handler of the stage execute: evaluates the loss.
 *
 * @param call_frame XLA's.
 * @return NULL, or what is wrong.
 */
TOPKLOSS_API struct XLA_FFI_Error *topkloss_xla_evaluate(struct XLA_FFI_CallFrame *call_frame);

#ifdef __cplusplus
}
#endif

#endif /* TOPKLOSS_XLA_H */
