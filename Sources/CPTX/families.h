/* The families of kernels, a module each, and of what sources: written by packaging/ptx/build.py. */
FAMILY(batch) /* a8bdd95741b6582b */
FAMILY(softmax_margin) /* a8a29d33237f8e2a */
FAMILY(outlying_mse) /* 32b0c071745747da */
FAMILY(single_positive) /* 6ea4c7a937e403be */
FAMILY(two_heads) /* edca5c986c9e177d */
FAMILY(turn) /* 73829f4a20049066 */
FAMILY(after) /* bee2879d99333d2d */
FAMILY(smooth_topk_svm) /* bc839f4c52c2887d */
FAMILY(topk_cross_entropy) /* 36a15d154ee9a09e */
FAMILY(exact_topk) /* bf2f9c3bedc30040 */
FAMILY(noised_topk) /* 1c41df9f27df99ff */
