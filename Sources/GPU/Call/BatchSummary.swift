import CDevice
import CGPU

/// What `topk_begin` found in the labels and weights of a batch, put together by every block for itself.
struct BatchSummary {
  /// Σ_i v_i w_{y_i} over the rows that are not ignored.
  let totalWeight: Double
  /// Whether a label is none, or a number is not finite: the gradient is then NaN.
  let isBad: Bool
  private let partial: DevicePartial

  /// All threads of a warp come here.
  @inline(__always)
  init(_ call: UnsafePointer<TopkDeviceCall>) {
    partial = call.pointee.partials.unsafelyUnwrapped[Warp.place]
    totalWeight = Warp.sum(partial.total_weight)
    isBad =
      Warp.any(
        partial.bad_label != noRow || partial.bad_weight != noRow || partial.bad_upstream != noRow)
      || !totalWeight.isFinite
  }

  /// The first row of each that is bad. All threads of a warp come here too.
  @inline(__always)
  func firstBadRows() -> (label: Int64, weight: Int64, upstream: Int64) {
    (
      Warp.least(partial.bad_label), Warp.least(partial.bad_weight),
      Warp.least(partial.bad_upstream)
    )
  }
}

@inline(__always)
var noRow: Int64 { .max }
