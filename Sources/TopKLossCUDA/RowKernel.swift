import CDevice
import CTopKLoss

/// The kernel that computes the rows of a call, and what it takes.
struct RowKernel {
  let family: Family
  let kernel: StaticString
  /// Threads of a block.
  let threads: Int
  /// Whether it reads rows of 16-bit elements as they are stored.
  var readsStoredRows = false
  /// Of shared memory, behind what reductions use.
  var sharedBytes = 0
  /// Of a block's own memory in the workspace.
  var scratchBytes = 0
  /// Of the workspace, for what passes leave for one another.
  var sharedMemoryBytes = 0

  init(_ call: TopkDeviceCall) {
    switch Int(call.family) {
    case TOPK_DEVICE_NOISED_TOPK: self.init(noisedTopK: call)
    default: self.init(softmaxMargin: call)
    }
  }

  /// A warp a row where there are many short ones; more threads the fewer and longer the rows are. Four elements are loaded at
  /// once: with many rows each thread has four times as many, so that loads do not wait for each other.
  private static func threads(_ call: TopkDeviceCall) -> Int {
    let elements = call.rows >= 1024 ? 16 : 4
    let threads = (Int(call.classes) &+ elements &- 1) / elements
    return min(max((threads &+ 31) & ~31, 32), Int(TOPK_DEVICE_THREADS))
  }

}

// MARK: Families

extension RowKernel {
  private init(softmaxMargin call: TopkDeviceCall) {
    let loss = call.softmax_margin
    (family, threads) = (.softmaxMargin, Self.threads(call))
    if loss.target_margin.numbers != nil {
      kernel = "topk_softmax_margin_soft_margins"
    } else if loss.isSimple && call.second.elements == nil {
      kernel = Self.simple(call)
      readsStoredRows = true
    } else {
      kernel = "topk_softmax_margin"
      scratchBytes = loss.mitigation.numbers == nil ? 0 : Int(call.classes) &* 4
    }
  }

  /// What a block needs: Sources/GPU/Families/NoisedTopKEntry.swift.
  private init(noisedTopK call: TopkDeviceCall) {
    let samples = Int(call.noised_topk.samples)
    let ofSamples = min(max(samples, 4) &* 32, Int(TOPK_DEVICE_THREADS))
    (family, kernel) = (.noisedTopK, "topk_noised_topk")
    threads = max(ofSamples, Self.threads(call))
    sharedBytes = 416 &+ 24 &* threads
    scratchBytes = 8 &* min(samples, 4096) &+ 8 &* Int(call.classes)
  }

  private static func simple(_ call: TopkDeviceCall) -> StaticString {
    let isPlain = call.softmax_margin.offset.numbers == nil
    switch Int(call.dtype) {
    case TOPK_DEVICE_FLOAT16:
      return isPlain ? "topk_softmax_margin_plain_f16" : "topk_softmax_margin_offset_f16"
    case TOPK_DEVICE_BFLOAT16:
      return isPlain ? "topk_softmax_margin_plain_bf16" : "topk_softmax_margin_offset_bf16"
    default:
      return isPlain ? "topk_softmax_margin_plain_f32" : "topk_softmax_margin_offset_f32"
    }
  }
}

extension DeviceSoftmaxMargin {
  /// Whether the shorter kernels do.
  fileprivate var isSimple: Bool {
    class_scale.numbers == nil && smoothing_sum == 0 && lambda == 0 && focal_gamma == 0
      && mitigation.numbers == nil
  }
}
