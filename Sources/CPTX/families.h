/* The families of kernels, a module each, and of what sources: written by packaging/ptx/build.py. */
FAMILY(batch) /* a8bdd95741b6582b */
FAMILY(softmax_margin) /* a8a29d33237f8e2a */
FAMILY(outlying_mse) /* 32b0c071745747da */
FAMILY(single_positive) /* 6ea4c7a937e403be */
FAMILY(two_heads) /* edca5c986c9e177d */
FAMILY(turn) /* 73829f4a20049066 */
FAMILY(after) /* bee2879d99333d2d */
FAMILY(smooth_topk_svm) /* 0506e6962d7703e7 */
FAMILY(topk_cross_entropy) /* 0fd0b8d7eec7ebb7 */
FAMILY(exact_topk) /* 0dcf219d1fd5fc89 */
FAMILY(noised_topk) /* dd6d6714be4a694d */
