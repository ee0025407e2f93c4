import CDevice
import CTopKLoss

/// The kernel that computes the rows of a call, with the passes over the batch before it, and what they take.
struct RowKernel {
  let kernel: Kernel
  /// Whether it reads rows of 16-bit elements as they are stored.
  var readsStoredRows = false
  /// Of a block's own memory in the workspace.
  var scratchBytes = 0
  /// Of the workspace, for what passes leave for one another.
  var passBytes = 0

  private init(_ kernel: Kernel) { self.kernel = kernel }

  init(_ call: TopkDeviceCall) throws(Fault) {
    try Self.checkClasses(call)
    switch Int(call.family) {
    case TOPK_DEVICE_SOFTMAX_MARGIN: self.init(softmaxMargin: call)
    case TOPK_DEVICE_OUTLYING_MSE:
      self.init(Kernel(.outlyingMSE, "topk_outlying_mse", threads: Self.threads(call)))
    case TOPK_DEVICE_SINGLE_POSITIVE:
      self.init(Kernel(.singlePositive, "topk_single_positive", threads: Self.threads(call)))
      passBytes = call.single_positive.strength == 0 ? 0 : 16
    case TOPK_DEVICE_NOISED_TOPK where call.noised_topk.samples > 0: self.init(noisedTopK: call)
    case TOPK_DEVICE_SMOOTH_TOPK_SVM:
      try Self.checkRank(call.smooth_topk_svm.k, "options.k")
      self.init(
        Kernel(
          .smoothTopKSVM, "topk_smooth_topk_svm", threads: Self.threads(call), sharedBytes: 5120))
    case TOPK_DEVICE_NOISED_TOPK:
      try Self.checkRank(call.noised_topk.rank, "the rank")
      self.init(
        Kernel(.exactTopK, "topk_exact_topk", threads: Self.manyThreads(call), sharedBytes: 128))
      scratchBytes = Self.nodeTableBytes
    case TOPK_DEVICE_TOPK_CROSS_ENTROPY:
      try Self.checkRank(call.topk_cross_entropy.k, "options.k")
      self.init(
        Kernel(
          .topKCrossEntropy, "topk_topk_cross_entropy", threads: Self.manyThreads(call),
          sharedBytes: 128))
      scratchBytes = Self.nodeTableBytes &+ 4 &* Int(call.classes)
    case TOPK_DEVICE_TWO_HEADS:
      self.init(
        Kernel(
          .twoHeads, "topk_two_heads", threads: Self.threads(call), sharedBytes: Self.countBytes))
      // Sources/GPU/TwoHeads/TwoHeadsMemory.swift.
      passBytes = 16_640 &+ 32 &* Int(call.rows)
    case Self.topKHits:
      self.init(Kernel(.after, "topk_topk_hits", threads: Self.threads(call)))
    default: throw Fault(TOPKLOSS_ERROR_UNSUPPORTED, "this loss is not computed on a device")
    }
  }

  /// In the place of a loss's family: whether labels are among the K highest scores.
  static var topKHits: Int { Int(TOPK_DEVICE_FAMILIES) }

  /// Places within a row are compared in 32 bits.
  static func checkClasses(_ call: TopkDeviceCall) throws(Fault) {
    guard call.classes < Int64(Int32.max) / 2 else {
      throw Fault(TOPKLOSS_ERROR_UNSUPPORTED, "so many classes are not computed on a device")
    }
  }

  private static func checkRank(_ rank: Int64, _ name: StaticString) throws(Fault) {
    guard rank <= Int64(TOPK_DEVICE_MOST_RANK) else {
      throw Fault(
        TOPKLOSS_ERROR_UNSUPPORTED, "%s: on a device it is at most %lld without sampling, not %lld",
        name.cString, Int(TOPK_DEVICE_MOST_RANK), Int(rank))
    }
  }

  /// A warp a row where there are many short ones; more threads the fewer and longer the rows are. Four elements are loaded at
  /// once: with many rows each thread has four times as many, so that loads do not wait for each other.
  static func threads(_ call: TopkDeviceCall) -> Int {
    let elements = call.rows >= 1024 ? 16 : 4
    let threads = (Int(call.classes) &+ elements &- 1) / elements
    return min(max((threads &+ 31) & ~31, 32), Int(TOPK_DEVICE_THREADS))
  }

  /// Of kernels whose threads have as many quadrature nodes as classes to work on.
  private static func manyThreads(_ call: TopkDeviceCall) -> Int { max(128, threads(call)) }

  /// NodeTables.bytes of Sources/GPU/TopK.
  private static let nodeTableBytes = 133_632

  /// The passes over the whole batch that have to end before any row's loss is known.
  ///
  /// - Parameter blocks: of the row kernel, whose memory they share.
  func launchPasses<L: Launches>(
    _ call: TopkDeviceCall, blocks: Int, _ launches: inout L, _ parameter: UnsafeMutableRawPointer
  ) throws(Fault) {
    if kernel.family == .singlePositive && call.single_positive.strength != 0 {
      try overRows("topk_single_positive_count", blocks, &launches, parameter)
      try inOneBlock("topk_single_positive_expect", &launches, parameter)
    }
    if kernel.family == .twoHeads {
      try overRows("topk_two_heads_normalize", blocks, &launches, parameter)
      try inOneBlock("topk_two_heads_start", &launches, parameter)
      // A digit of the keys each.
      for _ in 0..<3 {
        try overRows("topk_two_heads_count", blocks, &launches, parameter)
        try inOneBlock("topk_two_heads_choose", &launches, parameter)
      }
      try overRows("topk_two_heads_ties", blocks, &launches, parameter)
      try inOneBlock("topk_two_heads_threshold", &launches, parameter)
    }
  }

  private func overRows<L: Launches>(
    _ name: StaticString, _ blocks: Int, _ launches: inout L, _ parameter: UnsafeMutableRawPointer
  ) throws(Fault) {
    let pass = Kernel(
      kernel.family, name, threads: kernel.threads, sharedBytes: kernel.sharedBytes)
    try launches.launch(pass, blocks: blocks, parameter)
  }

  private func inOneBlock<L: Launches>(
    _ name: StaticString, _ launches: inout L, _ parameter: UnsafeMutableRawPointer
  ) throws(Fault) {
    let pass = Kernel(
      kernel.family, name, threads: Int(TOPK_DEVICE_THREADS), sharedBytes: kernel.sharedBytes)
    try launches.launch(pass, blocks: 1, parameter)
  }

  /// Where values of a digit are counted.
  private static let countBytes = 8192
}

// MARK: Families

extension RowKernel {
  private init(softmaxMargin call: TopkDeviceCall) {
    let (loss, threads) = (call.softmax_margin, Self.threads(call))
    if call.second.elements != nil {
      kernel =
        loss.target_margin.numbers == nil
        ? Kernel(.softmaxSoft, "topk_softmax_margin_soft", threads: threads)
        : Kernel(.softmaxSoftMargins, "topk_softmax_margin_soft_margins", threads: threads)
    } else if loss.isSimple {
      let isPlain = loss.offset.numbers == nil
      kernel =
        switch Int(call.dtype) {
        case TOPK_DEVICE_FLOAT16:
          Kernel(
            .softmaxF16,
            isPlain ? "topk_softmax_margin_plain_f16" : "topk_softmax_margin_offset_f16",
            threads: threads)
        case TOPK_DEVICE_BFLOAT16:
          Kernel(
            .softmaxBF16,
            isPlain ? "topk_softmax_margin_plain_bf16" : "topk_softmax_margin_offset_bf16",
            threads: threads)
        default:
          Kernel(
            .softmaxF32,
            isPlain ? "topk_softmax_margin_plain_f32" : "topk_softmax_margin_offset_f32",
            threads: threads)
        }
      readsStoredRows = true
    } else {
      kernel = Kernel(.softmaxAny, "topk_softmax_margin_any", threads: threads)
      scratchBytes = loss.mitigation.numbers == nil ? 0 : Int(call.classes) &* 4
    }
  }

  /// What a block needs: Sources/GPU/Families/NoisedTopKEntry.swift.
  private init(noisedTopK call: TopkDeviceCall) {
    let samples = Int(call.noised_topk.samples)
    let ofSamples = min(max(samples, 4) &* 32, Int(TOPK_DEVICE_THREADS))
    let threads = max(ofSamples, Self.threads(call))
    kernel = Kernel(
      .noisedTopK, "topk_noised_topk", threads: threads, sharedBytes: 416 &+ 24 &* threads)
    scratchBytes = 8 &* min(samples, 4096) &+ 8 &* Int(call.classes)
  }
}

extension DeviceSoftmaxMargin {
  /// Whether the shorter kernels do.
  fileprivate var isSimple: Bool {
    class_scale.numbers == nil && smoothing_sum == 0 && lambda == 0 && focal_gamma == 0
      && mitigation.numbers == nil && (offset.numbers == nil || margin.numbers == nil)
  }
}
