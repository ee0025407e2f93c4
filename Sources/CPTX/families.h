/* The families of kernels, a module each, and of what sources: written by packaging/ptx/build.py. */
FAMILY(batch) /* 2eca00dfb2181517 */
FAMILY(softmax_margin) /* a8a29d33237f8e2a */
FAMILY(outlying_mse) /* 18c9bd900f4086b1 */
FAMILY(single_positive) /* e7397f9f2fa4cb20 */
FAMILY(turn) /* fae452319ba6abe9 */
FAMILY(smooth_topk_svm) /* 431f07dd184f2636 */
FAMILY(noised_topk) /* ae5f005f8f1ad3ad */
