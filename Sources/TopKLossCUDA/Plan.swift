import CCUDA
import CDevice
import CTopKLoss
import CTopKLossCUDA

/// How a call is done: where its parts are in the workspace, and which kernels follow each other.
struct Plan {
  private var call: TopkDeviceCall
  private let row: RowKernel
  private var turns = Turns()
  /// Of the row kernel.
  private let blocks: Int
  /// Of the workspace.
  let workspaceBytes: Int

  /// - Parameters:
  ///   - description: with vectors where the kernels find them.
  ///   - workspace: nil to find out how many bytes it takes.
  init(
    _ description: TopkDeviceDescription, workspace: UnsafeMutableRawPointer?,
    outcome: UnsafeMutablePointer<topkloss_cuda_outcome>?
  ) throws(Fault) {
    call = description.call
    if call.second.elements != nil && call.family == TOPK_DEVICE_SOFTMAX_MARGIN {
      // Of soft labels every class is one.
      (call.class_weight, call.softmax_margin.margin) = (DeviceVector(), DeviceVector())
    } else {
      call.softmax_margin.target_weight = DeviceVector()
      call.softmax_margin.target_margin = DeviceVector()
    }
    row = try RowKernel(call)
    var memory = Workspace(at: workspace)
    let partials = memory.take(Int(TOPK_DEVICE_PARTIALS), of: MemoryLayout<DevicePartial>.stride)
    call.partials = partials?.assumingMemoryBound(to: DevicePartial.self)
    let unasked = memory.take(1, of: MemoryLayout<DeviceOutcome>.stride)
    call.outcome =
      (outcome.map { UnsafeMutableRawPointer($0) } ?? unasked)?
      .assumingMemoryBound(to: DeviceOutcome.self)
    let losses = memory.take(Int(call.rows), of: MemoryLayout<Double>.stride)
    call.row_losses = losses?.assumingMemoryBound(to: Double.self)
    call.shared = memory.take(1, of: row.passBytes)
    turns.plan(&call, description, &memory)
    let widened = call.dtype == TOPK_DEVICE_FLOAT32 || row.readsStoredRows ? 0 : Int(call.classes)
    call.row_bytes = Int64(Workspace.aligned(widened &* MemoryLayout<Float>.stride))
    call.scratch_stride =
      Int64(TOPK_DEVICE_WIDENED_ROWS) &* call.row_bytes
      &+ Int64(Workspace.aligned(row.scratchBytes))
    blocks = Self.blocks(rows: Int(call.rows), scratch: Int(call.scratch_stride))
    call.scratch = memory.take(blocks, of: Int(call.scratch_stride))
    guard !memory.overflows else {
      throw Fault(TOPKLOSS_ERROR_OUT_OF_MEMORY, "no device has the memory that such a call takes")
    }
    workspaceBytes = memory.bytes
  }

  /// A block a row, as long as all that have memory of their own together take no more than this.
  private static let mostScratch = 256 << 20

  private static func blocks(rows: Int, scratch: Int) -> Int {
    let most = scratch == 0 ? Int(Int32.max) : max(1, mostScratch / scratch)
    return max(1, min(rows, most))
  }

  /// Of a block that has so many rows, a thread each: whole warps.
  private static func threads(_ rows: Int, most: Int) -> Int {
    min((max(rows, 1) &+ 31) & ~31, most)
  }

  /// Puts the call's kernels on a stream.
  mutating func run<L: Launches>(_ launches: inout L) throws(Fault) {
    let (row, blocks) = (row, blocks)
    if call.rows > 0 { try turns.turn(&launches) }
    try withUnsafeMutablePointer(to: &call) { call throws(Fault) in
      let parameter = UnsafeMutableRawPointer(call)
      let (rows, partials) = (Int(call.pointee.rows), Int(TOPK_DEVICE_PARTIALS))
      try launches.launch(
        Kernel(.batch, "topk_begin", threads: Self.threads(rows / partials, most: 256)),
        blocks: partials, parameter)
      if rows > 0 {
        try row.launchPasses(call.pointee, blocks: blocks, &launches, parameter)
        try launches.launch(row.kernel, blocks: blocks, parameter)
      }
      try launches.launch(
        Kernel(.batch, "topk_end", threads: Self.threads(rows, most: Int(TOPK_DEVICE_THREADS))),
        blocks: 1, parameter)
    }
    if call.rows > 0 { try turns.turnBack(&launches) }
  }
}
