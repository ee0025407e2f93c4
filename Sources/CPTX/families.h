/* The families of kernels, a module each, and of what sources: written by packaging/ptx/build.py. */
FAMILY(batch) /* 4d727ecd62400e50 */
FAMILY(softmax_f32) /* 328159478c041fd2 */
FAMILY(softmax_f16) /* 1d657babe9220789 */
FAMILY(softmax_bf16) /* 1620827cfcbecd1e */
FAMILY(softmax_any) /* 2a36c9374e0f500f */
FAMILY(softmax_soft) /* e5db6cd2145fe18b */
FAMILY(softmax_soft_margins) /* a8ddb4cfa1a47dad */
FAMILY(outlying_mse) /* 56b7a94c5ca03475 */
FAMILY(single_positive) /* 9a551d775f5b68d2 */
FAMILY(two_heads) /* 74964377ca0c00a0 */
FAMILY(turn) /* 599e86d70f53986d */
FAMILY(after) /* 6d0d7f32ea06c030 */
FAMILY(smooth_topk_svm) /* b1b8458509a92ea8 */
FAMILY(topk_cross_entropy) /* 33a7887fb548b779 */
FAMILY(exact_topk) /* f60c1d781d0ec34e */
FAMILY(noised_topk) /* 97c4786fa9ecaf92 */
