import CCUDA
import CPTX
import CTopKLoss

/// A device, by its primary context, and the modules that have been loaded there.
struct Device {
  let driver: Driver
  let ordinal: Int
  private let context: cuda_context

  init(_ driver: Driver, ordinal: Int) throws(Fault) {
    guard ordinal >= 0, ordinal < Int(CUDA_DEVICES) else {
      throw Fault(
        TOPKLOSS_ERROR_DEVICE, "%s %lld: devices are numbered from 0 to %lld",
        ("there is no device" as StaticString).cString, ordinal, Int(CUDA_DEVICES) - 1)
    }
    (self.driver, self.ordinal) = (driver, ordinal)
    guard let slot = cuda_context_slot(ordinal) else { throw Self.noContext }
    if cuda_load(slot) == 0 {
      var (device, found): (Int32, cuda_context?) = (0, nil)
      try driver.check(driver.deviceGet(&device, Int32(ordinal)), "cuDeviceGet")
      try driver.check(driver.retainPrimaryContext(&found, device), "cuDevicePrimaryCtxRetain")
      // Retained for as long as the process lives, as frameworks do: kernels may be under way at its end.
      _ = cuda_settle(slot, Int(bitPattern: found))
    }
    guard let context = cuda_context(bitPattern: cuda_load(slot)) else { throw Self.noContext }
    self.context = context
  }

  private static var noContext: Fault { Fault(TOPKLOSS_ERROR_DEVICE, "the device has no context") }

  /// The number of the device that memory belongs to.
  static func ordinal(
    _ driver: Driver, of memory: UnsafeRawPointer, _ name: StaticString
  ) throws(Fault) -> Int {
    var ordinal: Int32 = -1
    let result = driver.pointerAttribute(
      &ordinal, Int32(CUDA_POINTER_DEVICE_ORDINAL), UInt64(UInt(bitPattern: memory)))
    guard result == CUDA_SUCCESS else {
      throw Fault(
        TOPKLOSS_ERROR_DEVICE,
        "%s is not in the memory of a device, nor in any that one can read", name.cString)
    }
    return Int(ordinal)
  }

  /// Does something with the device's context as the thread's current one, which it was not before.
  func withContext(_ body: () throws(Fault) -> Void) throws(Fault) {
    try driver.check(driver.pushContext(context), "cuCtxPushCurrent")
    defer {
      var popped: cuda_context?
      _ = driver.popContext(&popped)
    }
    try body()
  }

  /// A family's module, which the driver compiles when it is first asked for. The context is current.
  ///
  /// - Parameter stream: where the module will be used; not to be captured meanwhile, for then nothing can be loaded.
  func module(_ family: Family, for stream: cuda_stream?) throws(Fault) -> cuda_module {
    guard let slot = cuda_module_slot(ordinal, family.rawValue),
      let image = topk_ptx(family.name.cString)
    else { throw Self.noContext }
    if cuda_load(slot) == 0 {
      var capture = Int32(CUDA_CAPTURE_NONE)
      try driver.check(driver.streamIsCapturing(stream, &capture), "cuStreamIsCapturing")
      guard capture == CUDA_CAPTURE_NONE else {
        throw Fault(
          TOPKLOSS_ERROR_DEVICE,
          "kernels cannot be loaded while the stream is captured: call topkloss_cuda_prepare before"
        )
      }
      var loaded: cuda_module?
      try driver.check(driver.loadModule(&loaded, image), "cuModuleLoadData")
      // Of threads that load it at once the first one's stays.
      if cuda_settle(slot, Int(bitPattern: loaded)) != Int(bitPattern: loaded) {
        _ = driver.unloadModule(loaded)
      }
    }
    guard let module = cuda_module(bitPattern: cuda_load(slot)) else { throw Self.noContext }
    return module
  }
}
