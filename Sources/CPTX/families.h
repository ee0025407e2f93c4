/* The families of kernels, a module each, and of what sources: written by packaging/ptx/build.py. */
FAMILY(batch) /* e1bcfb5b4d70780d */
FAMILY(softmax_margin) /* 0f12329aadf2cc63 */
FAMILY(outlying_mse) /* 3d109c6b0e354d2f */
FAMILY(single_positive) /* 52cfd38dac22f183 */
FAMILY(two_heads) /* cae05edc1e6d0dd2 */
FAMILY(turn) /* 203991e70eaa9ca2 */
FAMILY(after) /* e3ba999f47dec731 */
FAMILY(smooth_topk_svm) /* 9faaa7aef5627d6b */
FAMILY(topk_cross_entropy) /* 4209862b6ce7f372 */
FAMILY(exact_topk) /* 2c707313f53a86c7 */
FAMILY(noised_topk) /* 144641b91e7bf863 */
