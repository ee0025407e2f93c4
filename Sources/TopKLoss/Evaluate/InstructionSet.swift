import CKernels
import CSystem

/// The instruction sets that row kernels are compiled for, from the most capable.
enum InstructionSet: CaseIterable {
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

  /// What TOPKLOSS_SIMD asks for; nil if it is not set or names none.
  static var requested: InstructionSet? {
    guard let wanted = getenv("TOPKLOSS_SIMD") else { return nil }
    for set in allCases where strcmp(wanted, set.name.cString) == 0 { return set }
    return nil
  }
}

/// The kernels in use, chosen at first use and then fixed: the best that the processor has, from the one that
/// TOPKLOSS_SIMD asks for downwards.
struct KernelChoice {
  let instructionSet: InstructionSet
  let table: KernelTable

  static let current: KernelChoice = choose()

  private static func choose() -> KernelChoice {
    var isAllowed = InstructionSet.requested == nil
    for set in InstructionSet.allCases {
      isAllowed = isAllowed || InstructionSet.requested == set
      if isAllowed, let table = set.kernels {
        return KernelChoice(instructionSet: set, table: table)
      }
    }
    return KernelChoice(instructionSet: .portable, table: topk_kernels_portable())
  }
}
