import CDevice
import CDeviceLink
import CSystem
import CTopKLoss

// What CDeviceLink.h declares, for libtopkloss_cuda.so of the same version.

@_cdecl("topk_device_describe")
public func describe(
  _ loss: OpaquePointer?, _ batch: UnsafePointer<topkloss_batch>?,
  _ result: UnsafePointer<topkloss_result>?,
  _ description: UnsafeMutablePointer<TopkDeviceDescription>, _ bytes: Int64
) -> topkloss_status {
  reportingFailure { () throws(Failure) in
    guard bytes == Int64(MemoryLayout<TopkDeviceDescription>.size) else {
      throw Failure(
        TOPKLOSS_ERROR_DEVICE, "libtopkloss_cuda.so is not of the same version as libtopkloss.so")
    }
    guard loss != nil else {
      description.pointee = try TopkDeviceDescription(scoresOf: batch)
      return
    }
    let loss = try handledLoss(loss)
    if batch == nil && result == nil {
      description.pointee = TopkDeviceDescription(loss)
    } else {
      let result = try readStruct(try required(result, "result"), "result")
      description.pointee = try TopkDeviceDescription(loss, batch, result)
    }
  }
}

@_cdecl("topk_device_set_last_error")
public func setLastError(_ text: UnsafePointer<CChar>) {
  ThreadState.current()?.setLastError(String(cString: text))
}
