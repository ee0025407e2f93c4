/* The families of kernels, a module each, and of what sources: written by packaging/ptx/build.py. */
FAMILY(batch) /* 44ff3860e2114d94 */
FAMILY(softmax_margin) /* a8a29d33237f8e2a */
FAMILY(outlying_mse) /* 00e72139f4b85042 */
FAMILY(single_positive) /* 32cc715895f81145 */
FAMILY(two_heads) /* c2f720ef84e1d087 */
FAMILY(turn) /* a4a5918108f9cc63 */
FAMILY(after) /* 2030207a22a6b97d */
FAMILY(smooth_topk_svm) /* e29fceb9a50ddd72 */
FAMILY(topk_cross_entropy) /* 3be18b40fae1ce7d */
FAMILY(exact_topk) /* 2ef7bda3d1cc42d1 */
FAMILY(noised_topk) /* 1c41df9f27df99ff */
