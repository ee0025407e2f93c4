/* The families of kernels, a module each, and of what sources: written by packaging/ptx/build.py. */
FAMILY(batch) /* 0d564166f11a5fd9 */
FAMILY(softmax_margin) /* 4a48347c74ff9e5b */
FAMILY(outlying_mse) /* a3a6c4ada90e182a */
FAMILY(single_positive) /* 3356a851f25bfa3a */
FAMILY(two_heads) /* 59c74fa2991d277d */
FAMILY(turn) /* 3a0dc3972995cd94 */
FAMILY(after) /* 0188177fa7925bce */
FAMILY(smooth_topk_svm) /* 431f07dd184f2636 */
FAMILY(noised_topk) /* 55bd954f1af21fcc */
