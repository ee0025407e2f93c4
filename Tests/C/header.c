/*
 * The header in C, under every standard and every warning, and the layout of its structs where pointers and size_t
 * have 64 bits: programs compiled against this version rely on these numbers.
 */
#include "topkloss.h"

/* A second time, to see its guard work. */
#include "topkloss.h"

/* An array of negative size stops the compiler, in C99 too. */
#define STATIC_CHECK(name, condition) extern int name[(condition) ? 1 : -1]
#define SIZE(type, bytes) STATIC_CHECK(size_of_##type, sizeof(type) == (bytes))
#define AT(type, member, bytes) \
  STATIC_CHECK(offset_of_##type##_##member, offsetof(type, member) == (bytes))

#if UINTPTR_MAX == UINT64_MAX

SIZE(topkloss_executor, 32);
AT(topkloss_executor, parallel_for, 8);
AT(topkloss_executor, context, 16);
AT(topkloss_executor, concurrency, 24);

SIZE(topkloss_batch, 120);
AT(topkloss_batch, rows, 8);
AT(topkloss_batch, classes, 16);
AT(topkloss_batch, dtype, 24);
AT(topkloss_batch, label_type, 28);
AT(topkloss_batch, logits, 32);
AT(topkloss_batch, logits_row_stride, 40);
AT(topkloss_batch, labels, 48);
AT(topkloss_batch, sample_weight, 56);
AT(topkloss_batch, upstream, 64);
AT(topkloss_batch, noise, 72);
AT(topkloss_batch, noise_row_stride, 80);
AT(topkloss_batch, noise_sample_stride, 88);
AT(topkloss_batch, step, 96);
AT(topkloss_batch, first_row, 104);
AT(topkloss_batch, executor, 112);

SIZE(topkloss_result, 48);
AT(topkloss_result, value, 8);
AT(topkloss_result, total_weight, 16);
AT(topkloss_result, row_values, 24);
AT(topkloss_result, gradient, 32);
AT(topkloss_result, gradient_row_stride, 40);

SIZE(topkloss_cross_entropy_options, 48);
AT(topkloss_cross_entropy_options, label_smoothing, 40);
SIZE(topkloss_logit_adjusted_options, 72);
AT(topkloss_logit_adjusted_options, tau, 64);
SIZE(topkloss_ldam_options, 80);
AT(topkloss_ldam_options, scale, 72);
SIZE(topkloss_elm_options, 88);
AT(topkloss_elm_options, lam, 80);
SIZE(topkloss_noised_topk_options, 112);
AT(topkloss_noised_topk_options, estimator, 104);
SIZE(topkloss_logit_adjust_options, 40);
AT(topkloss_logit_adjust_options, tau, 32);
SIZE(topkloss_topk_accuracy_options, 32);
AT(topkloss_topk_accuracy_options, average, 24);

#endif

int main(void) {
  /* Initialised the way a C program would, without the init function. */
  topkloss_cross_entropy_options options = {0};
  topkloss_loss *loss = NULL;
  options.struct_size = sizeof options;
  options.reduction = TOPKLOSS_SUM;
  options.ignore_index = TOPKLOSS_IGNORE_INDEX;
  if (topkloss_cross_entropy_create(&options, &loss) != TOPKLOSS_OK) return 1;
  topkloss_loss_destroy(loss);
  return topkloss_abi_version() == TOPKLOSS_ABI_VERSION ? 0 : 1;
}
