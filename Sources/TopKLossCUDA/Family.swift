/// The families of kernels, a module each.
enum Family: Int {
  case batch, softmaxF32, softmaxF16, softmaxBF16, softmaxAny, softmaxSoft, softmaxSoftMargins
  case outlyingMSE,
    singlePositive, noisedTopK, exactTopK, smoothTopKSVM
  case topKCrossEntropy, twoHeads, turn, after

  /// Of its file in Sources/CPTX/ptx.
  var name: StaticString {
    switch self {
    case .batch: "batch"
    case .softmaxF32: "softmax_f32"
    case .softmaxF16: "softmax_f16"
    case .softmaxBF16: "softmax_bf16"
    case .softmaxAny: "softmax_any"
    case .softmaxSoft: "softmax_soft"
    case .softmaxSoftMargins: "softmax_soft_margins"
    case .outlyingMSE: "outlying_mse"
    case .singlePositive: "single_positive"
    case .noisedTopK: "noised_topk"
    case .exactTopK: "exact_topk"
    case .smoothTopKSVM: "smooth_topk_svm"
    case .topKCrossEntropy: "topk_cross_entropy"
    case .twoHeads: "two_heads"
    case .turn: "turn"
    case .after: "after"
    }
  }
}
