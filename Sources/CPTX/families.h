/* The families of kernels, a module each, and of what sources: written by packaging/ptx/build.py. */
FAMILY(batch) /* c8a30774d6757de1 */
FAMILY(softmax_f32) /* 0bfcc74692ea04d8 */
FAMILY(softmax_f16) /* 74d7ca512fe2fa98 */
FAMILY(softmax_bf16) /* ad7559d0a8dd9329 */
FAMILY(softmax_any) /* 604b10bd8badc590 */
FAMILY(softmax_soft) /* 954df14860bc6c97 */
FAMILY(softmax_soft_margins) /* c2d525f62f8d7141 */
FAMILY(outlying_mse) /* 87f9727b9c77f4e7 */
FAMILY(single_positive) /* 1f0e03a6d637ff5c */
FAMILY(two_heads) /* 17494607dcad75f0 */
FAMILY(turn) /* 5245f8cc576cd025 */
FAMILY(after) /* b1c0fae71980fd96 */
FAMILY(smooth_topk_svm) /* 21d9b5af6da62a6a */
FAMILY(topk_cross_entropy) /* 682383a2f6b1aa0e */
FAMILY(exact_topk) /* 43fc7f3ab63902fc */
FAMILY(noised_topk) /* bc88aaa274a0c5ca */
