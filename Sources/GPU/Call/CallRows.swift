import CDevice
import CGPU
import CKernels

/// One row of a call, as its kernel sees it.
struct CallRow<E: Element> {
  let index: Int
  let label: Int
  let logits: UnsafeMutablePointer<E>
  /// Where the gradient goes, which may be the logits; nil if it is not wanted.
  let gradient: UnsafeMutablePointer<E>?
  /// Multiplies the gradient of the row's loss: weights, upstream value and the reduction's divisor.
  let gradientScale: Double
}

extension UnsafePointer<TopkDeviceCall> {
  @inline(__always)
  var classCount: Int { Int(pointee.classes) }

  /// The class that a row is labelled with; −1 if the row is to be ignored, or its label is none. 0 where rows have none.
  @inline(__always)
  func label(_ row: Int) -> Int {
    guard let label = storedLabel(row) else { return 0 }
    if label == pointee.ignored_label || label < 0 || label >= pointee.classes { return -1 }
    return Int(label)
  }

  /// A row's label as it is stored; nil where rows have none.
  @inline(__always)
  func storedLabel(_ row: Int) -> Int64? {
    guard let labels = pointee.labels else { return nil }
    return pointee.labels_are_int32 != 0
      ? Int64(labels.assumingMemoryBound(to: Int32.self)[row])
      : labels.assumingMemoryBound(to: Int64.self)[row]
  }

  @inline(__always)
  func sampleWeight(_ row: Int) -> Double { pointee.sample_weight?[row] ?? 1 }

  @inline(__always)
  func upstream(_ row: Int) -> Double {
    pointee.upstream?[pointee.upstream_is_per_row != 0 ? row : 0] ?? 1
  }

  @inline(__always)
  func classWeight(_ label: Int) -> Double { pointee.class_weight.double(label) ?? 1 }

  /// v_i times the upstream value, over the reduction's divisor.
  @inline(__always)
  func gradientScale(_ row: Int, _ summary: BatchSummary) -> Double {
    let divisor = pointee.is_mean != 0 ? summary.totalWeight : 1
    return divisor == 0 ? 0 : upstream(row) * sampleWeight(row) / divisor
  }
}

extension DeviceMatrix {
  @inline(__always)
  static var none: DeviceMatrix { DeviceMatrix(elements: nil, stride: 0) }

  @inline(__always)
  func row<E: Element>(_ index: Int, _: E.Type) -> UnsafeMutablePointer<E>? {
    elements.map { $0.assumingMemoryBound(to: E.self) + index &* Int(stride) }
  }
}

extension DeviceVector {
  @inline(__always)
  func double(_ index: Int) -> Double? {
    numbers.map { $0.assumingMemoryBound(to: Double.self)[index] }
  }
}

/// A block's rows, one after another: their losses go into the table of `topk_end`. Rows that are ignored have no gradient
/// and no loss; of a batch that is bad all are NaN.
///
/// - Parameter evaluate: w_y ℓ of a row, all threads of the block together; writes the gradient if it is wanted.
@inline(__always)
func evaluateRows<E: Element>(
  _ call: UnsafePointer<TopkDeviceCall>, _: E.Type, _ evaluate: (CallRow<E>) -> Double
) {
  let clearing = { (matrix: DeviceMatrix, row: Int, number: Float) in
    clear(matrix.row(row, E.self), call.classCount, to: number)
  }
  evaluateRows(call, clearing) { index, label, scale in
    let logits = call.pointee.logits.row(index, E.self).unsafelyUnwrapped
    let gradient = call.pointee.gradient.row(index, E.self)
    return evaluate(
      CallRow(
        index: index, label: label, logits: logits, gradient: gradient, gradientScale: scale))
  }
}

/// The same by numbers alone.
@inline(__always)
func evaluateRows(
  _ call: UnsafePointer<TopkDeviceCall>, _ clear: (DeviceMatrix, Int, Float) -> Void,
  _ evaluate: (_ index: Int, _ label: Int, _ gradientScale: Double) -> Double
) {
  let summary = BatchSummary(call)
  var index = Int(gpu_block())
  while index < Int(call.pointee.rows) {
    let label = call.label(index)
    var loss = summary.isBad ? Double.nan : 0
    if summary.isBad || label < 0 {
      clear(call.pointee.gradient, index, Float(loss))
      clear(call.pointee.second_gradient, index, Float(loss))
    } else {
      let value = evaluate(index, label, call.gradientScale(index, summary))
      // Read again, and not kept in registers meanwhile.
      let weight = call.sampleWeight(index)
      loss = weight == 0 && value.isInfinite ? 0 : weight * value
    }
    if Block.place == 0 { call.pointee.row_losses.unsafelyUnwrapped[index] = loss }
    index &+= Int(gpu_blocks())
  }
}

@inline(__always)
func clear<E: Element>(_ row: UnsafeMutablePointer<E>?, _ classes: Int, to number: Float) {
  guard let row else { return }
  var index = Block.place
  while index < classes {
    row[index] = E.narrow(number)
    index &+= Block.width
  }
}
