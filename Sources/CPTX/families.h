/* The families of kernels, a module each, and of what sources: written by packaging/ptx/build.py. */
FAMILY(batch) /* 2eca00dfb2181517 */
FAMILY(softmax_margin) /* 4a48347c74ff9e5b */
FAMILY(outlying_mse) /* 18c9bd900f4086b1 */
FAMILY(single_positive) /* e7397f9f2fa4cb20 */
FAMILY(turn) /* fae452319ba6abe9 */
FAMILY(smooth_topk_svm) /* 431f07dd184f2636 */
FAMILY(noised_topk) /* 62e05aee5af6af2a */
