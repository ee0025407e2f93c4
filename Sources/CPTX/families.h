/* The families of kernels, a module each, and of what sources: written by packaging/ptx/build.py. */
FAMILY(batch) /* b21cb7ce947e266b */
FAMILY(softmax_f32) /* 265dd6f8bc64f2b1 */
FAMILY(softmax_f16) /* 326a04a729523c33 */
FAMILY(softmax_bf16) /* 899f053cbf922837 */
FAMILY(softmax_any) /* 278e7b4be1419db5 */
FAMILY(softmax_soft) /* 4ddfe220d916374b */
FAMILY(softmax_soft_margins) /* e1d490f6923bb7cb */
FAMILY(outlying_mse) /* ed21e9a736409d6c */
FAMILY(single_positive) /* d0e5a648bb6db0af */
FAMILY(two_heads) /* f617f3b260447153 */
FAMILY(turn) /* c883cc9072a5bc63 */
FAMILY(after) /* ad97644591829d2a */
FAMILY(smooth_topk_svm) /* ecc88c1f3aceb66e */
FAMILY(topk_cross_entropy) /* 0b849c3b27ccde69 */
FAMILY(exact_topk) /* 76e4677e937ea185 */
FAMILY(noised_topk) /* f5263735bf942693 */
