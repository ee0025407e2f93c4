/* The families of kernels, a module each, and of what sources: written by packaging/ptx/build.py. */
FAMILY(batch) /* 8d75e71ac4d90d76 */
FAMILY(softmax_margin) /* f9c1160be973ddb1 */
FAMILY(outlying_mse) /* 18c9bd900f4086b1 */
FAMILY(single_positive) /* e7397f9f2fa4cb20 */
FAMILY(turn) /* fae452319ba6abe9 */
FAMILY(smooth_topk_svm) /* 1a42f7b2e25cd17e */
FAMILY(topk_cross_entropy) /* b34b6eed6147df2b */
FAMILY(exact_topk) /* 50a938e2b23278fb */
FAMILY(noised_topk) /* 045dde208b277317 */
