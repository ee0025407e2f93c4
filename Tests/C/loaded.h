/*
 * The library's functions as a host finds them that loads it at run time: every_loss.h, included after this file, calls
 * them through pointers.
 */
#ifndef LOADED_H
#define LOADED_H

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "topkloss.h"

#define LOADED_FUNCTIONS(apply)                                                              \
  apply(batch_init) apply(result_init) apply(evaluate) apply(loss_destroy) apply(last_error) \
  apply(status_name) apply(set_num_threads) apply(cross_entropy_options_init)                \
  apply(cross_entropy_create) apply(logit_adjusted_options_init)                             \
  apply(logit_adjusted_create) apply(ldam_options_init) apply(ldam_create)                   \
  apply(elm_options_init) apply(elm_create) apply(vector_scaling_options_init)               \
  apply(vector_scaling_create) apply(margin_softmax_options_init)                            \
  apply(margin_softmax_create) apply(focal_options_init) apply(focal_create)                 \
  apply(noised_topk_options_init) apply(noised_topk_create)                                  \
  apply(noised_topk_operator_options_init) apply(noised_topk_operator_create)                \
  apply(topk_hinge_options_init) apply(topk_hinge_create)                                    \
  apply(smooth_topk_svm_options_init) apply(smooth_topk_svm_create)                          \
  apply(outlying_mse_options_init) apply(outlying_mse_create)                                \
  apply(two_head_average_k_options_init) apply(two_head_average_k_create)                    \
  apply(single_positive_options_init) apply(single_positive_create)

/* A function without parentheses around its arguments is its declaration: the pointers have the header's types. */
#define DECLARE_LOADED(function) static __typeof__(&topkloss_##function) loaded_##function;
LOADED_FUNCTIONS(DECLARE_LOADED)

/* From here on every name of a function means its pointer. */
#define topkloss_batch_init loaded_batch_init
#define topkloss_result_init loaded_result_init
#define topkloss_evaluate loaded_evaluate
#define topkloss_loss_destroy loaded_loss_destroy
#define topkloss_last_error loaded_last_error
#define topkloss_status_name loaded_status_name
#define topkloss_set_num_threads loaded_set_num_threads
#define topkloss_cross_entropy_options_init loaded_cross_entropy_options_init
#define topkloss_cross_entropy_create loaded_cross_entropy_create
#define topkloss_logit_adjusted_options_init loaded_logit_adjusted_options_init
#define topkloss_logit_adjusted_create loaded_logit_adjusted_create
#define topkloss_ldam_options_init loaded_ldam_options_init
#define topkloss_ldam_create loaded_ldam_create
#define topkloss_elm_options_init loaded_elm_options_init
#define topkloss_elm_create loaded_elm_create
#define topkloss_vector_scaling_options_init loaded_vector_scaling_options_init
#define topkloss_vector_scaling_create loaded_vector_scaling_create
#define topkloss_margin_softmax_options_init loaded_margin_softmax_options_init
#define topkloss_margin_softmax_create loaded_margin_softmax_create
#define topkloss_focal_options_init loaded_focal_options_init
#define topkloss_focal_create loaded_focal_create
#define topkloss_noised_topk_options_init loaded_noised_topk_options_init
#define topkloss_noised_topk_create loaded_noised_topk_create
#define topkloss_noised_topk_operator_options_init loaded_noised_topk_operator_options_init
#define topkloss_noised_topk_operator_create loaded_noised_topk_operator_create
#define topkloss_topk_hinge_options_init loaded_topk_hinge_options_init
#define topkloss_topk_hinge_create loaded_topk_hinge_create
#define topkloss_smooth_topk_svm_options_init loaded_smooth_topk_svm_options_init
#define topkloss_smooth_topk_svm_create loaded_smooth_topk_svm_create
#define topkloss_outlying_mse_options_init loaded_outlying_mse_options_init
#define topkloss_outlying_mse_create loaded_outlying_mse_create
#define topkloss_two_head_average_k_options_init loaded_two_head_average_k_options_init
#define topkloss_two_head_average_k_create loaded_two_head_average_k_create
#define topkloss_single_positive_options_init loaded_single_positive_options_init
#define topkloss_single_positive_create loaded_single_positive_create

/* Without the conversion from an object's address to a function's that ISO C forbids. */
#define LOAD_ONE(function)                                                      \
  {                                                                             \
    void *const symbol = dlsym(library, "topkloss_" #function);                  \
    if (symbol == NULL) {                                                       \
      fprintf(stderr, "no topkloss_" #function "\n");                           \
      exit(1);                                                                  \
    }                                                                           \
    memcpy(&loaded_##function, &symbol, sizeof symbol);                         \
  }

static void load_functions(void *library) { LOADED_FUNCTIONS(LOAD_ONE) }

#endif /* LOADED_H */
