import CDevice

/// The hinge ℓ = s (m + T − z_y)+ around a smoothed order statistic; without a label T itself.
struct NoisedTopKHinge {
  let value: Double
  /// What multiplies ∂T/∂z_j − [j = y]; nil where the gradient is 0, or NaN, as the value.
  let weight: Double?

  /// - Parameter label: −1 if there is none.
  @inline(__always)
  init(
    _ loss: DeviceNoisedTopK, statistic: Double, label: Int, labelScore: Double, scale: Double
  ) {
    if label < 0 {
      (value, weight) = (statistic, scale)
      return
    }
    // A sum, one of whose terms is 0: of a choice between two loads LLVM makes one from a chosen address, and then keeps the
    // whole parameter in memory.
    let margin =
      (loss.class_margin.double(label) ?? 0)
      + (loss.class_margin.numbers == nil ? loss.margin : 0)
    // Both masked out: the label is as good as the class at the rank.
    let hinge = margin + (statistic == labelScore ? 0 : statistic - labelScore)
    let isActive = hinge > 0
    value = isActive ? loss.scale * hinge : hinge.isNaN ? .nan : 0
    weight = isActive ? scale * loss.scale : nil
  }
}
