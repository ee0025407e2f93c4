import CKernels
import CSystem

/// The instruction sets that row kernels are compiled for, from the most capable.
enum InstructionSet: Int, CaseIterable {
  case avx512
  case avx2
  case portable

  var name: StaticString {
    switch self {
    case .avx512: "avx512"
    case .avx2: "avx2"
    case .portable: "portable"
    }
  }

  /// The kernels, or nil if this processor cannot run them or this build has none.
  var kernels: KernelTable? {
    switch self {
    case .portable: return topk_kernels_portable()
    #if arch(x86_64)
      case .avx2: return system_supports_avx2() != 0 ? topk_kernels_avx2() : nil
      case .avx512: return system_supports_avx512() != 0 ? topk_kernels_avx512() : nil
    #else
      case .avx2, .avx512: return nil
    #endif
    }
  }

  /// The one in use, chosen at first use and then fixed: the best that the processor has, from the one that
  /// TOPKLOSS_SIMD asks for downwards. Of threads that get here together the first one decides.
  static var current: InstructionSet {
    if let known = InstructionSet(rawValue: chosen.load() &- 1) { return known }
    let best = best()
    return InstructionSet(rawValue: chosen.replace(0, with: best.rawValue &+ 1) &- 1) ?? best
  }

  /// Its number plus 1; 0 before first use.
  nonisolated(unsafe) private static var chosen = SharedNumber()

  private static func best() -> InstructionSet {
    let wanted = requested
    for set in allCases where set.rawValue >= wanted.rawValue && set.kernels != nil { return set }
    return .portable
  }

  /// What TOPKLOSS_SIMD asks for; if it is not set or names none, the most capable.
  private static var requested: InstructionSet {
    guard let wanted = getenv("TOPKLOSS_SIMD") else { return .avx512 }
    for set in allCases where strcmp(wanted, set.name.cString) == 0 { return set }
    return .avx512
  }
}

/// The kernels in use, filled in at first use and then fixed. Of threads that get here together all write the same.
enum KernelsInUse {
  nonisolated(unsafe) private static var isFilled = SharedNumber()
  nonisolated(unsafe) private static var whole: KernelTable?
  nonisolated(unsafe) private static var ofFloat32: ArithmeticKernels?
  nonisolated(unsafe) private static var ofFloat64: ArithmeticKernels?

  static var table: KernelTable {
    fill()
    return whole ?? topk_kernels_portable()
  }

  static var float32: UnsafePointer<ArithmeticKernels> {
    fill()
    return address(&ofFloat32)
  }

  static var float64: UnsafePointer<ArithmeticKernels> {
    fill()
    return address(&ofFloat64)
  }

  private static func fill() {
    if isFilled.load() != 0 { return }
    let table = InstructionSet.current.kernels ?? topk_kernels_portable()
    (whole, ofFloat32, ofFloat64) = (table, table.float32, table.float64)
    isFilled.store(1)
  }

  /// An optional C function pointer, and so a struct that begins with one, is one that may be NULL.
  private static func address(
    _ kernels: UnsafeMutablePointer<ArithmeticKernels?>
  ) -> UnsafePointer<ArithmeticKernels> {
    UnsafeRawPointer(kernels).assumingMemoryBound(to: ArithmeticKernels.self)
  }
}
