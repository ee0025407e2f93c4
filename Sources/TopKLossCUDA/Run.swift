import CCUDA
import CDevice
import CTopKLoss
import CTopKLossCUDA

/// Checks where a call is to run, and puts its kernels there.
func run(
  _ description: TopkDeviceDescription, _ given: UnsafePointer<topkloss_cuda_launch>
) throws(Fault) {
  // Before more of it is read than a shorter struct has.
  try checkSize(given.pointee.struct_size, of: topkloss_cuda_launch.self, "launch")
  let launch = given.pointee
  var description = description
  let constants: UnsafeRawPointer? = launch.constants
  let givenWorkspace: UnsafeMutableRawPointer? = launch.workspace
  let outcome: UnsafeMutablePointer<topkloss_cuda_outcome>? = launch.outcome
  let stream: UnsafeMutableRawPointer? = launch.stream
  let constantBytes = Constants.visit(&description.call) { _, _, start in
    constants.map { $0 + start }
  }
  guard constantBytes == 0 || constants != nil else { throw .nullPointer("launch.constants") }
  guard let workspace = givenWorkspace else { throw .nullPointer("launch.workspace") }
  try checkAlignment(workspace, 256, "launch.workspace")
  if let constants { try checkAlignment(constants, 256, "launch.constants") }
  if let outcome { try checkAlignment(outcome, 8, "launch.outcome") }
  try description.eachPointer(checkAlignment)
  guard outcome != nil || description.call.two_heads.threshold_decay == 0 else {
    throw .nullPointer("launch.outcome, which has the threshold of the batch before,")
  }
  var plan = try Plan(description, workspace: workspace, outcome: outcome)
  guard plan.workspaceBytes <= launch.workspace_bytes else {
    throw Fault(
      TOPKLOSS_ERROR_SIZE, "%s is %lld, and the call takes %lld",
      ("launch.workspace_bytes" as StaticString).cString, launch.workspace_bytes,
      plan.workspaceBytes)
  }
  let driver = try Driver.shared()
  let ordinal = try Device.ordinal(driver, of: workspace, "launch.workspace")
  if let outcome { _ = try Device.ordinal(driver, of: outcome, "launch.outcome") }
  if let constants, constantBytes > 0 {
    _ = try Device.ordinal(driver, of: constants, "launch.constants")
  }
  if let logits = description.call.logits.elements, description.call.rows > 0 {
    try description.checkMemory(driver)
    guard try Device.ordinal(driver, of: logits, "batch.logits") == ordinal else {
      throw Fault(
        TOPKLOSS_ERROR_DEVICE, "launch.workspace is on another device than batch.logits")
    }
  }
  let device = try Device(driver, ordinal: ordinal)
  var launches = StreamLaunches(device: device, stream: stream.map { cuda_stream($0) })
  try device.withContext { () throws(Fault) in try plan.run(&launches) }
}
