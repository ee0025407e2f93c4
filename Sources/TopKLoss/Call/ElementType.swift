import CKernels
import CTopKLoss

/// Element types, each with its kernels.
enum ElementType {
  case float32
  case float64
  case float16
  case bfloat16

  init(_ dtype: topkloss_dtype) throws(Failure) {
    switch Int(dtype) {
    case TOPKLOSS_FLOAT32: self = .float32
    case TOPKLOSS_FLOAT64: self = .float64
    case TOPKLOSS_FLOAT16: self = .float16
    case TOPKLOSS_BFLOAT16: self = .bfloat16
    default:
      throw Failure(
        TOPKLOSS_ERROR_ENUMERATOR,
        "batch.dtype is \(dtype): it must be one of TOPKLOSS_FLOAT32, "
          + "TOPKLOSS_FLOAT64, TOPKLOSS_FLOAT16, TOPKLOSS_BFLOAT16")
    }
  }

  var byteCount: Int {
    switch self {
    case .float64: 8
    case .float32: 4
    case .float16, .bfloat16: 2
    }
  }

  /// Bytes of the type that arithmetic is done in.
  var arithmeticByteCount: Int { self == .float64 ? 8 : 4 }

  var kernels: UnsafePointer<ArithmeticKernels> {
    self == .float64 ? KernelsInUse.float64 : KernelsInUse.float32
  }

  /// How 16-bit elements become float32 and back.
  var conversion: HalfConversion? {
    switch self {
    case .float32, .float64: nil
    case .float16: KernelsInUse.table.float16
    case .bfloat16: KernelsInUse.table.bfloat16
    }
  }

  /// Rounds float64 numbers into elements. The numbers' own memory is used on the way.
  func store(
    _ numbers: UnsafeMutablePointer<Double>, _ elements: UnsafeMutableRawPointer, _ count: Int
  ) {
    let bytes = UnsafeMutableRawPointer(numbers)
    switch self {
    case .float64: elements.copyMemory(from: bytes, byteCount: count &* 8)
    case .float32: narrow(numbers, elements, count)
    case .float16, .bfloat16:
      narrow(numbers, bytes, count)
      conversion?.narrow(bytes, elements, Int64(count))
    }
  }

  /// To float32, from the first on: in place, none is written over before it has been read.
  private func narrow(
    _ numbers: UnsafeMutablePointer<Double>, _ narrowed: UnsafeMutableRawPointer, _ count: Int
  ) {
    var index = 0
    while index < count {
      narrowed.storeBytes(of: Float(numbers[index]), toByteOffset: index &* 4, as: Float.self)
      index &+= 1
    }
  }
}
