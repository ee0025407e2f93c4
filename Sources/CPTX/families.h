/* The families of kernels, a module each, and of what sources: written by packaging/ptx/build.py. */
FAMILY(batch) /* 44ff3860e2114d94 */
FAMILY(softmax_margin) /* a8a29d33237f8e2a */
FAMILY(outlying_mse) /* 00e72139f4b85042 */
FAMILY(single_positive) /* 32cc715895f81145 */
FAMILY(two_heads) /* c2f720ef84e1d087 */
FAMILY(turn) /* a4a5918108f9cc63 */
FAMILY(after) /* 2030207a22a6b97d */
FAMILY(smooth_topk_svm) /* bc839f4c52c2887d */
FAMILY(topk_cross_entropy) /* 36a15d154ee9a09e */
FAMILY(exact_topk) /* bf2f9c3bedc30040 */
FAMILY(noised_topk) /* 1c41df9f27df99ff */
