import CTopKLoss
import CXLA

/// libtopkloss.so, which whoever calls has loaded.
struct Library {
  typealias Evaluate =
    @convention(c) (
      OpaquePointer, UnsafePointer<topkloss_batch>, UnsafeMutablePointer<topkloss_result>
    ) -> topkloss_status
  typealias Destroy = @convention(c) (OpaquePointer) -> Void
  typealias LastError = @convention(c) () -> UnsafePointer<CChar>?

  let handle: UnsafeMutableRawPointer
  let evaluate: Evaluate
  let destroy: Destroy
  let lastError: LastError

  // Threads that look at once find the same.
  nonisolated(unsafe) private static var foundHandle = 0
  nonisolated(unsafe) private static var foundEvaluate = 0
  nonisolated(unsafe) private static var foundDestroy = 0
  nonisolated(unsafe) private static var foundLastError = 0

  static var shared: Library? {
    if xla_load(&foundHandle) == 0 { find() }
    guard let handle = UnsafeMutableRawPointer(bitPattern: xla_load(&foundHandle)),
      let evaluate = unsafeBitCast(xla_load(&foundEvaluate), to: Evaluate?.self),
      let destroy = unsafeBitCast(xla_load(&foundDestroy), to: Destroy?.self),
      let lastError = unsafeBitCast(xla_load(&foundLastError), to: LastError?.self)
    else { return nil }
    return Library(handle: handle, evaluate: evaluate, destroy: destroy, lastError: lastError)
  }

  static func required(_ api: Interface) throws(Fault) -> Library {
    guard let library = shared else {
      throw Fault(
        api, "topkloss: libtopkloss.so.1 is not in the process%.*s", Name(""),
        code: Int(XLA_FAILED_PRECONDITION))
    }
    return library
  }

  /// By the name that is in the file, wherever it was loaded from.
  private static func find() {
    let name: StaticString = "libtopkloss.so.1"
    guard let handle = dlopen(name.cString, RTLD_NOW | RTLD_NOLOAD) else { return }
    func place(_ name: StaticString) -> Int { Int(bitPattern: dlsym(handle, name.cString)) }
    xla_store(&foundEvaluate, place("topkloss_evaluate"))
    xla_store(&foundDestroy, place("topkloss_loss_destroy"))
    xla_store(&foundLastError, place("topkloss_last_error"))
    xla_store(&foundHandle, Int(bitPattern: handle))
  }
}
