/* The families of kernels, a module each, and of what sources: written by packaging/ptx/build.py. */
FAMILY(batch) /* 8d75e71ac4d90d76 */
FAMILY(softmax_margin) /* f9c1160be973ddb1 */
FAMILY(outlying_mse) /* 18c9bd900f4086b1 */
FAMILY(single_positive) /* e7397f9f2fa4cb20 */
FAMILY(turn) /* fae452319ba6abe9 */
FAMILY(smooth_topk_svm) /* 431f07dd184f2636 */
FAMILY(noised_topk) /* 045dde208b277317 */
