import CDevice
import CKernels

/// The mean squared error with outlying label, rows of any type.
@c(topk_outlying_mse)
public func outlyingMSEAny(_ call: UnsafePointer<TopkDeviceCall>) {
  evaluateWidenedRows(call) { row in
    outlyingMSE(
      OutlyingMSERow(
        logits: row.logits, gradient: row.gradient, classes: call.pointee.classes,
        label: Int64(row.label), teacher: call.pointee.teacher.double(row.label) ?? 0,
        gradient_scale: row.gradientScale),
      TeamLanes<Block, Float>.self)
  }
}
