import CKernels
import CSystem

/// The instruction sets that row kernels are compiled for, from the most capable. The last is the baseline, which every
/// processor of the kind has.
#if arch(x86_64)
  enum InstructionSet: Int, CaseIterable {
    case avx512
    case avx2
    case baseline

    var name: StaticString {
      switch self {
      case .avx512: "avx512"
      case .avx2: "avx2"
      case .baseline: "portable"
      }
    }

    /// The kernels, or nil if this processor cannot run them.
    var kernels: KernelTable? {
      switch self {
      case .avx512: system_supports_avx512() != 0 ? topk_kernels_avx512() : nil
      case .avx2: system_supports_avx2() != 0 ? topk_kernels_avx2() : nil
      case .baseline: topk_kernels_baseline()
      }
    }
  }
#else
  enum InstructionSet: Int, CaseIterable {
    case baseline

    var name: StaticString { "neon" }

    var kernels: KernelTable? { topk_kernels_baseline() }
  }
#endif

extension InstructionSet {
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
    for set in allCases where set.rawValue >= wanted && set.kernels != nil { return set }
    return .baseline
  }

  /// The number of what TOPKLOSS_SIMD asks for; if it is not set or names none, of the most capable.
  private static var requested: Int {
    guard let wanted = getenv("TOPKLOSS_SIMD") else { return 0 }
    for set in allCases where strcmp(wanted, set.name.cString) == 0 { return set.rawValue }
    return 0
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
    return whole ?? topk_kernels_baseline()
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
    let table = InstructionSet.current.kernels ?? topk_kernels_baseline()
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
