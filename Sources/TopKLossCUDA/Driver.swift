import CCUDA
import CTopKLoss

/// The functions of the CUDA driver that are used.
struct Driver {
  let getVersion: cuda_driver_get_version
  let deviceCount: cuda_device_get_count
  let deviceGet: cuda_device_get
  let pointerAttribute: cuda_pointer_get_attribute
  let retainPrimaryContext: cuda_primary_context_retain
  let pushContext: cuda_context_push
  let popContext: cuda_context_pop
  let streamIsCapturing: cuda_stream_is_capturing
  let loadModule: cuda_module_load_data
  let unloadModule: cuda_module_unload
  let getFunction: cuda_module_get_function
  let getFunctionAttribute: cuda_function_get_attribute
  let launchKernel: cuda_launch_kernel
  let errorText: cuda_get_error_string

  /// Of CUDA 11.
  private static let oldestVersion = 11_000

  // Of threads that load it at once one keeps it here; the others use what they have found, which is the same.
  nonisolated(unsafe) private static var isTaken = 0
  nonisolated(unsafe) private static var isReady = 0
  nonisolated(unsafe) private static var found: Driver?

  /// The driver, ready for use.
  static func shared() throws(Fault) -> Driver {
    if cuda_load(&isReady) != 0, let driver = found { return driver }
    let driver = try load()
    if cuda_claim(&isTaken) != 0 {
      found = driver
      _ = cuda_settle(&isReady, 1)
    }
    return driver
  }

  private static var noDriver: Fault {
    Fault(
      TOPKLOSS_ERROR_DEVICE,
      "there is no CUDA driver: the system has no libcuda.so.1, or it cannot be loaded here")
  }

  private static func load() throws(Fault) -> Driver {
    // Until this path has met hardware, whoever uses it has said so.
    guard cuda_is_enabled() != 0 else {
      throw Fault(
        TOPKLOSS_ERROR_DEVICE,
        "computing on a device has been proved by emulation only: the environment variable TOPKLOSS_CUDA=1 turns it on"
      )
    }
    let name: StaticString = "libcuda.so.1"
    guard let library = dlopen(name.cString, RTLD_NOW | RTLD_LOCAL) else { throw noDriver }
    let initialize: cuda_init = try symbol(library, "cuInit")
    let driver = Driver(
      getVersion: try symbol(library, "cuDriverGetVersion"),
      deviceCount: try symbol(library, "cuDeviceGetCount"),
      deviceGet: try symbol(library, "cuDeviceGet"),
      pointerAttribute: try symbol(library, "cuPointerGetAttribute"),
      retainPrimaryContext: try symbol(library, "cuDevicePrimaryCtxRetain"),
      pushContext: try symbol(library, "cuCtxPushCurrent_v2"),
      popContext: try symbol(library, "cuCtxPopCurrent_v2"),
      streamIsCapturing: try symbol(library, "cuStreamIsCapturing"),
      loadModule: try symbol(library, "cuModuleLoadData"),
      unloadModule: try symbol(library, "cuModuleUnload"),
      getFunction: try symbol(library, "cuModuleGetFunction"),
      getFunctionAttribute: try symbol(library, "cuFuncGetAttribute"),
      launchKernel: try symbol(library, "cuLaunchKernel"),
      errorText: try symbol(library, "cuGetErrorString"))
    try driver.check(initialize(0), "cuInit")
    var version: Int32 = 0
    try driver.check(driver.getVersion(&version), "cuDriverGetVersion")
    guard version >= oldestVersion else {
      throw Fault(
        TOPKLOSS_ERROR_DEVICE, "the %s is of CUDA %lld.%lld: 11 is the oldest that will do",
        ("CUDA driver" as StaticString).cString, Int(version / 1000), Int(version % 1000 / 10))
    }
    return driver
  }

  private static func symbol<Function>(
    _ library: UnsafeMutableRawPointer, _ name: StaticString
  ) throws(Fault) -> Function {
    guard let address = dlsym(library, name.cString) else {
      throw Fault(
        TOPKLOSS_ERROR_DEVICE, "the CUDA driver has no function %s", name.cString)
    }
    return unsafeBitCast(address, to: Function.self)
  }

  /// What a function of the driver's returned.
  func check(_ result: cuda_result, _ name: StaticString) throws(Fault) {
    if result == CUDA_SUCCESS { return }
    var text: UnsafePointer<CChar>?
    _ = errorText(result, &text)
    let unknown: StaticString = "unknown error"
    throw Fault(
      TOPKLOSS_ERROR_DEVICE, name, text ?? unknown.cString, result)
  }
}

extension Fault {
  /// A function of the driver's that failed.
  fileprivate init(
    _ status: Int, _ function: StaticString, _ text: UnsafePointer<CChar>, _ result: cuda_result
  ) {
    self.status = topkloss_status(truncatingIfNeeded: status)
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 512) { words in
      guard let start = words.baseAddress else { return }
      cuda_write_driver_error(start, words.count, function.cString, result, text)
      try? Host.library().setLastError(start)
    }
  }
}
