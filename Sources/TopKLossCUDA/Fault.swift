import CCUDA
import CTopKLoss

/// Why a call cannot be done. The words are this thread's last error already, of libtopkloss.so: nothing is allocated here.
struct Fault: Error {
  let status: topkloss_status

  /// What libtopkloss.so has said itself.
  init(said status: topkloss_status) { self.status = status }

  /// - Parameter format: of printf: a %s for the word, then up to three %lld.
  init(
    _ status: Int, _ format: StaticString, _ word: UnsafePointer<CChar>,
    _ first: Int = 0, _ second: Int = 0, _ third: Int = 0
  ) {
    self.status = topkloss_status(truncatingIfNeeded: status)
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 512) { text in
      guard let start = text.baseAddress else { return }
      cuda_write_text(
        start, text.count, format.cString, word, Int64(first), Int64(second), Int64(third))
      try? Host.library().setLastError(start)
    }
  }

  init(_ status: Int, _ text: StaticString) { self.init(status, "%s", text.cString) }

  static func nullPointer(_ name: StaticString) -> Fault {
    Fault(TOPKLOSS_ERROR_NULL_POINTER, "%s is NULL", name.cString)
  }
}

/// Runs the body of an entry point.
func reportingFault(_ body: () throws(Fault) -> Void) -> topkloss_status {
  do {
    try body()
    return topkloss_status(TOPKLOSS_OK)
  } catch {
    return error.status
  }
}

extension StaticString {
  /// The text as C has it.
  var cString: UnsafePointer<CChar> {
    UnsafeRawPointer(utf8Start).assumingMemoryBound(to: CChar.self)
  }
}
