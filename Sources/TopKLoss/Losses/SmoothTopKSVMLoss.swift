import CDevice
import CKernels
import CTopKLoss

// The smooth top-K SVM (Berrada, Zisserman & Kumar, ICLR 2018):
//
//   ℓ = τ log( e_y σ_{k−1} + e^{α/τ} σ_k ) − τ log( e_y σ_{k−1} ),   e_j = exp(z_j / (k τ)),
//
// with σ_r the elementary symmetric polynomials of the e_j of all classes but the label.

extension topkloss_smooth_topk_svm_options: LossOptions {
  func makeLoss() throws(Failure) -> Loss {
    let k = try NoisedTopKOptions.checkedK(k)
    try checkPositive(tau, "options.tau")
    try checkOption(alpha, "options.alpha")
    return SmoothTopKSVMLoss(k: k, tau: tau, alpha: alpha, common: try common())
  }
}

final class SmoothTopKSVMLoss: Loss {
  private let k: Int
  private let tau: Double
  private let alpha: Double

  init(k: Int, tau: Double, alpha: Double, common: CommonOptions) {
    (self.k, self.tau, self.alpha) = (k, tau, alpha)
    super.init(common: common, classes: nil)
  }

  override func check(_ batch: Batch, reading inputs: inout Output.Inputs) throws(Failure) {
    try NoisedTopKOptions.checkRank(k, classes: batch.classes, "batch.classes")
  }

  override func describe(_ call: inout TopkDeviceCall) {
    call.family = Int64(TOPK_DEVICE_SMOOTH_TOPK_SVM)
    call.smooth_topk_svm = DeviceSmoothTopKSVM(k: Int64(k), tau: tau, alpha: alpha)
  }

  override func needs(_ batch: Batch) throws(Failure) -> RowNeeds {
    let bytes = KernelsInUse.table.smooth_topk_svm_scratch_bytes(
      Int64(k), Int64(batch.classes))
    guard bytes >= 0 else { throw .outOfMemory(bytes: Int.max) }
    return RowNeeds(
      nanosecondsPerRow: k <= 8 ? 800 + Double(batch.classes) : 2000 + 20 * Double(batch.classes),
      scratchBytes: Int(bytes), flushesSubnormals: true)
  }

  override func evaluate(_ row: Row, in piece: Piece, of call: Call) -> Double {
    var kernelRow = SmoothTopKSVMRow(
      logits: row.logits, gradient: row.gradient, classes: Int64(call.head.batch.classes),
      label: Int64(row.label), k: Int64(k), tau: tau, alpha: alpha,
      gradient_scale: row.gradientScale, scratch: piece.scratch)
    return call.head.batch.kernels.smooth_topk_svm(&kernelRow)
  }
}
