import CCUDA
import CDevice
import CTopKLoss

/// libtopkloss.so, which whoever has a handle has loaded: what it says of calls (Sources/CDevice/CDeviceLink.h).
struct Host {
  typealias Describe =
    @convention(c) (
      OpaquePointer?, UnsafePointer<topkloss_batch>?, UnsafePointer<topkloss_result>?,
      UnsafeMutablePointer<TopkDeviceDescription>, Int64
    ) -> topkloss_status
  typealias SetLastError = @convention(c) (UnsafePointer<CChar>) -> Void

  let describe: Describe
  let setLastError: SetLastError

  // Threads that look at once find the same.
  nonisolated(unsafe) private static var foundDescribe = 0
  nonisolated(unsafe) private static var foundSetLastError = 0

  static func library() throws(Fault) -> Host {
    if cuda_load(&foundDescribe) == 0 { find() }
    guard let describe = unsafeBitCast(cuda_load(&foundDescribe), to: Describe?.self),
      let setLastError = unsafeBitCast(cuda_load(&foundSetLastError), to: SetLastError?.self)
    else { throw Fault(said: topkloss_status(TOPKLOSS_ERROR_DEVICE)) }
    return Host(describe: describe, setLastError: setLastError)
  }

  /// By the name that is in the file, wherever it was loaded from; else among the process's global symbols.
  private static func find() {
    let name: StaticString = "libtopkloss.so.1"
    let library = dlopen(name.cString, RTLD_NOW | RTLD_NOLOAD)
    let (describe, setLastError): (StaticString, StaticString) = (
      "topk_device_describe", "topk_device_set_last_error"
    )
    _ = cuda_settle(
      &foundSetLastError, Int(bitPattern: dlsym(library, setLastError.cString)))
    _ = cuda_settle(&foundDescribe, Int(bitPattern: dlsym(library, describe.cString)))
  }
}
