import CCUDA
import CDevice
import CTopKLoss
import CTopKLossCUDA

/// How a call is done: where its parts are in the workspace, and which kernels follow each other.
struct Plan {
  private var call: TopkDeviceCall
  private let description: TopkDeviceDescription
  /// Of the workspace; more than there can be, if that overflows.
  let workspaceBytes: Int

  /// - Parameters:
  ///   - description: with vectors where the kernels find them.
  ///   - workspace: nil to find out how many bytes it takes.
  init(
    _ description: TopkDeviceDescription, workspace: UnsafeMutableRawPointer?,
    outcome: UnsafeMutablePointer<topkloss_cuda_outcome>?
  ) {
    self.description = description
    call = description.call
    if call.second.elements != nil && call.family == TOPK_DEVICE_SOFTMAX_MARGIN {
      // Of soft labels every class is one.
      (call.class_weight, call.softmax_margin.margin) = (DeviceVector(), DeviceVector())
    } else {
      call.softmax_margin.target_weight = DeviceVector()
      call.softmax_margin.target_margin = DeviceVector()
    }
    var memory = Workspace(at: workspace)
    let partials = memory.take(Int(TOPK_DEVICE_PARTIALS), of: MemoryLayout<DevicePartial>.stride)
    call.partials = partials?.assumingMemoryBound(to: DevicePartial.self)
    let unasked = memory.take(1, of: MemoryLayout<DeviceOutcome>.stride)
    call.outcome =
      (outcome.map { UnsafeMutableRawPointer($0) } ?? unasked)?
      .assumingMemoryBound(to: DeviceOutcome.self)
    let losses = memory.take(Int(call.rows), of: MemoryLayout<Double>.stride)
    call.row_losses = losses?.assumingMemoryBound(to: Double.self)
    let needs = RowKernel(call)
    call.shared = memory.take(needs.sharedMemoryBytes, of: 1)
    let widened = call.dtype == TOPK_DEVICE_FLOAT32 || needs.readsStoredRows ? 0 : Int(call.classes)
    call.row_bytes = Int64(Workspace.aligned(widened &* 4))
    call.scratch_stride =
      Int64(TOPK_DEVICE_WIDENED_ROWS) &* call.row_bytes
      &+ Int64(Workspace.aligned(needs.scratchBytes))
    blocks = Self.blocks(rows: Int(call.rows), scratch: Int(call.scratch_stride))
    call.scratch = memory.take(blocks, of: Int(call.scratch_stride))
    workspaceBytes = memory.overflows ? Int.max : memory.bytes
  }

  /// Of the row kernel.
  private let blocks: Int

  /// A block a row, as long as all that have memory of their own together take no more than this.
  private static let mostScratch = 256 << 20

  private static func blocks(rows: Int, scratch: Int) -> Int {
    let most = scratch == 0 ? Int(Int32.max) : max(1, mostScratch / scratch)
    return max(1, min(rows, most))
  }

  /// Puts the call's kernels on a stream.
  mutating func run<L: Launches>(_ launches: inout L) throws(Fault) {
    let row = RowKernel(call)
    let (blocks, threads) = (blocks, row.threads)
    try withUnsafeMutablePointer(to: &call) { call throws(Fault) in
      let parameter = UnsafeMutableRawPointer(call)
      try launches.launch(
        .batch, "topk_begin", blocks: Int(TOPK_DEVICE_PARTIALS), threads: 256, sharedBytes: 0,
        parameter)
      if call.pointee.rows > 0 {
        try launches.launch(
          row.family, row.kernel, blocks: blocks, threads: threads, sharedBytes: row.sharedBytes,
          parameter)
      }
      try launches.launch(
        .batch, "topk_end", blocks: 1, threads: Int(TOPK_DEVICE_THREADS), sharedBytes: 0, parameter)
    }
  }
}
