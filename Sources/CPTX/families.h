/* The families of kernels, a module each, and of what sources: written by packaging/ptx/build.py. */
FAMILY(batch) /* 0d564166f11a5fd9 */
FAMILY(softmax_margin) /* a8a29d33237f8e2a */
FAMILY(outlying_mse) /* a3a6c4ada90e182a */
FAMILY(single_positive) /* 3356a851f25bfa3a */
FAMILY(two_heads) /* 59c74fa2991d277d */
FAMILY(turn) /* 3a0dc3972995cd94 */
FAMILY(after) /* 0188177fa7925bce */
FAMILY(smooth_topk_svm) /* 103b9c7619fd4f7f */
FAMILY(topk_cross_entropy) /* 46f69437c7ad0a23 */
FAMILY(exact_topk) /* 959a812c562abceb */
FAMILY(noised_topk) /* 1c41df9f27df99ff */
