/* The families of kernels, a module each, and of what sources: written by packaging/ptx/build.py. */
FAMILY(batch) /* 5dc1cfa90f865077 */
FAMILY(softmax_f32) /* 9c76c4de9e887479 */
FAMILY(softmax_f16) /* cf7da3d47a9ae32c */
FAMILY(softmax_bf16) /* f3bac963483d2e83 */
FAMILY(softmax_any) /* 54d803fa7170f2e1 */
FAMILY(softmax_soft) /* 6ee8e5ca28cdafcf */
FAMILY(softmax_soft_margins) /* 2e52204494d75776 */
FAMILY(outlying_mse) /* 968925f0dc054d1c */
FAMILY(single_positive) /* 7b4e48aea582d4c5 */
FAMILY(two_heads) /* 03abcff127219533 */
FAMILY(turn) /* 8fb64df09c36941c */
FAMILY(after) /* 9c438f8cdc416df3 */
FAMILY(smooth_topk_svm) /* 6e24e67ee9a7b0f6 */
FAMILY(topk_cross_entropy) /* de04f798c5923093 */
FAMILY(exact_topk) /* b31ed49a734e93ba */
FAMILY(noised_topk) /* 2f84ecf76b41a542 */
