import CDevice
import CGPU
import CKernels

// Rows of any element type for kernels that are compiled once, for float32: those of 16 bits are widened into the block's own
// memory, and gradients narrowed from there. Kernels that take longer over a row than that do not notice.

/// How a row is stored.
enum StoredType {
  case float32, float16, bfloat16

  @inline(__always)
  init(_ call: UnsafePointer<TopkDeviceCall>) {
    switch Int(call.pointee.dtype) {
    case TOPK_DEVICE_FLOAT16: self = .float16
    case TOPK_DEVICE_BFLOAT16: self = .bfloat16
    default: self = .float32
    }
  }

  @inline(__always)
  func load(_ row: UnsafeMutableRawPointer, _ index: Int) -> Float {
    switch self {
    case .float32: row.assumingMemoryBound(to: Float.self)[index]
    case .float16: Float16.widen(row.assumingMemoryBound(to: Float16.self)[index])
    case .bfloat16: BFloat16.widen(row.assumingMemoryBound(to: BFloat16.self)[index])
    }
  }

  @inline(__always)
  func store(_ number: Float, _ row: UnsafeMutableRawPointer, _ index: Int) {
    switch self {
    case .float32: row.assumingMemoryBound(to: Float.self)[index] = number
    case .float16: row.assumingMemoryBound(to: Float16.self)[index] = Float16.narrow(number)
    case .bfloat16: row.assumingMemoryBound(to: BFloat16.self)[index] = BFloat16.narrow(number)
    }
  }
}

/// A row of a matrix as kernels for float32 read it, and where they put its gradient.
struct WidenedRow {
  let logits: UnsafeMutablePointer<Float>
  let gradient: UnsafeMutablePointer<Float>?
}

extension UnsafePointer<TopkDeviceCall> {
  /// This block's own memory, behind the rows that are widened.
  @inline(__always)
  var scratch: UnsafeMutableRawPointer { ownMemory + 2 &* Int(pointee.row_bytes) }

  @inline(__always)
  private var ownMemory: UnsafeMutableRawPointer {
    pointee.scratch.unsafelyUnwrapped + Int(gpu_block()) &* Int(pointee.scratch_stride)
  }

  /// A row as it is stored.
  @inline(__always)
  func stored(_ matrix: DeviceMatrix, _ row: Int) -> UnsafeMutableRawPointer? {
    let bytes = StoredType(self) == .float32 ? 4 : 2
    return matrix.elements.map { $0 + row &* Int(matrix.stride) &* bytes }
  }

  /// A row, widened in one of two places if it has to be; all threads of the block come here.
  @inline(__always)
  func open(
    _ matrix: DeviceMatrix, gradient: DeviceMatrix, _ index: Int, place: Int = 0
  ) -> WidenedRow {
    let row = stored(matrix, index).unsafelyUnwrapped
    let gradient = stored(gradient, index)
    let type = StoredType(self)
    if type == .float32 {
      return WidenedRow(
        logits: row.assumingMemoryBound(to: Float.self),
        gradient: gradient.map { $0.assumingMemoryBound(to: Float.self) })
    }
    let memory = (ownMemory + place &* Int(pointee.row_bytes)).assumingMemoryBound(to: Float.self)
    // What was here before has been read.
    Block.barrier()
    var element = Block.place
    while element < classCount {
      memory[element] = type.load(row, element)
      element &+= Block.width
    }
    Block.barrier()
    return WidenedRow(logits: memory, gradient: gradient == nil ? nil : memory)
  }

  /// Puts a gradient where it belongs.
  @inline(__always)
  func close(_ row: WidenedRow, gradient: DeviceMatrix, _ index: Int) {
    let type = StoredType(self)
    guard type != .float32, let numbers = row.gradient, let gradient = stored(gradient, index)
    else { return }
    Block.barrier()
    var element = Block.place
    while element < classCount {
      type.store(numbers[element], gradient, element)
      element &+= Block.width
    }
  }

  @inline(__always)
  func clear(_ matrix: DeviceMatrix, _ index: Int, to number: Float) {
    guard let row = stored(matrix, index) else { return }
    let type = StoredType(self)
    var element = Block.place
    while element < classCount {
      type.store(number, row, element)
      element &+= Block.width
    }
  }
}

/// `evaluateRows` for rows of any type, as float32.
@inline(__always)
func evaluateWidenedRows(
  _ call: UnsafePointer<TopkDeviceCall>, _ evaluate: (CallRow<Float>) -> Double
) {
  let clearing = { (matrix: DeviceMatrix, row: Int, number: Float) in
    call.clear(matrix, row, to: number)
  }
  evaluateRows(call, clearing) { index, label, scale in
    let row = call.open(call.pointee.logits, gradient: call.pointee.gradient, index)
    let loss = evaluate(
      CallRow(
        index: index, label: label, logits: row.logits, gradient: row.gradient,
        gradientScale: scale))
    call.close(row, gradient: call.pointee.gradient, index)
    return loss
  }
}
