import CDevice
import CGPU

/// What `topk_begin` found in the labels and weights of a batch, put together by every block for itself.
struct BatchSummary {
  /// Σ_i v_i w_{y_i} over the rows that are not ignored.
  let totalWeight: Double
  let badLabel: Int64
  let badWeight: Int64
  let badUpstream: Int64

  /// All threads of a warp come here.
  @inline(__always)
  init(_ call: UnsafePointer<TopkDeviceCall>) {
    let partial = call.pointee.partials.unsafelyUnwrapped[Warp.place]
    totalWeight = Warp.sum(partial.total_weight)
    badLabel = Warp.least(partial.bad_label)
    badWeight = Warp.least(partial.bad_weight)
    badUpstream = Warp.least(partial.bad_upstream)
  }

  /// Whether a label is none, or a number is not finite: the gradient is then NaN.
  @inline(__always)
  var isBad: Bool {
    Warp.lesser(badLabel, Warp.lesser(badWeight, badUpstream)) != noRow || !totalWeight.isFinite
  }
}

@inline(__always)
var noRow: Int64 { .max }
