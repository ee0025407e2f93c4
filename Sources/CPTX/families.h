/* The families of kernels, a module each, and of what sources: written by packaging/ptx/build.py. */
FAMILY(batch) /* 5687277c5dde237c */
FAMILY(softmax_margin) /* f9c1160be973ddb1 */
FAMILY(noised_topk) /* 045dde208b277317 */
