/// The families of kernels, a module each.
enum Family: Int {
  case batch, softmaxMargin, outlyingMSE, singlePositive, noisedTopK, exactTopK, smoothTopKSVM
  case topKCrossEntropy, twoHeads, turn, after

  /// Of its file in Sources/CPTX/ptx.
  var name: StaticString {
    switch self {
    case .batch: "batch"
    case .softmaxMargin: "softmax_margin"
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
