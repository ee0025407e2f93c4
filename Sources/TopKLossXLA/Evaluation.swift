import CTopKLoss
import CXLA

/// Evaluates the batches of a call, one after the other.
func evaluate(
  _ call: Call, _ loss: OpaquePointer, _ library: Library, _ api: Interface
) throws(Fault) {
  let shape = call.shape
  let isOne = call.isOneBatch && !call.isTooLargeToExpand
  // The loss of a batch without a row would not look at the threshold.
  if shape.slices == 0 || shape.rows == 0 {
    if call.newThreshold != nil { for place in 0..<shape.slices { keepThreshold(call, place) } }
    return
  }
  var memory = try Memory(
    api, bytes: isOne ? call.expandedBytes : 0,
    numbers: call.upstream == nil && call.scale == 1 ? 0 : shape.rows * (isOne ? shape.slices : 1))
  defer { memory.free() }
  var batch = topkloss_batch()
  batch.struct_size = MemoryLayout<topkloss_batch>.size
  batch.rows = Int64(isOne ? shape.rows * shape.slices : shape.rows)
  batch.classes = Int64(call.classes)
  batch.dtype = call.dtype
  for place in 0..<(isOne ? 1 : shape.slices) {
    func start(_ slices: Slices?) -> UnsafeMutableRawPointer? {
      guard let slices else { return nil }
      return isOne ? memory.expand(slices, shape) : slices.slice(place, shape)
    }
    batch.logits = UnsafeRawPointer(start(call.logits))
    batch.multi_label_logits = UnsafeRawPointer(start(call.multiLabelLogits))
    batch.soft_labels = UnsafeRawPointer(start(call.softLabels))
    batch.labels = UnsafeRawPointer(start(call.labels))
    batch.label_type = topkloss_label_type(
      call.labels?.dtype == Int(XLA_S64) ? TOPKLOSS_INT64 : TOPKLOSS_INT32)
    batch.noise = UnsafeRawPointer(start(call.noise))
    batch.step = call.step?.slice(place, shape).map(wholeStep) ?? 0
    batch.first_row = isOne ? 0 : firstRow(call, place)
    var result = topkloss_result()
    result.struct_size = MemoryLayout<topkloss_result>.size
    result.row_values = call.values?.slice(place, shape)
    result.gradient = call.gradient?.slice(place, shape)
    result.multi_label_gradient = call.multiLabelGradient?.slice(place, shape)
    if let threshold = call.threshold { result.threshold = number(threshold, place, shape) }

    batch.upstream = nil
    if let numbers = memory.numbers {
      if fill(numbers, Int(batch.rows), start(call.upstream), call) {
        batch.upstream = UnsafePointer(numbers)
      } else {
        // As the chain rule has it, and no error: the library would refuse such an upstream.
        spoil(result.gradient, Int(batch.rows), call)
        spoil(result.multi_label_gradient, Int(batch.rows), call)
        guard call.values != nil || call.newThreshold != nil else { continue }
        (result.gradient, result.multi_label_gradient) = (nil, nil)
      }
    }
    let status = library.evaluate(loss, &batch, &result)
    guard status == TOPKLOSS_OK else { throw Fault(api, status, library) }
    write(result.threshold, call.newThreshold, place, shape)
  }
}

/// A step is two numbers, the high half first.
private func wholeStep(_ words: UnsafeMutableRawPointer) -> UInt64 {
  let (high, low) = (
    words.loadUnaligned(as: UInt32.self), words.loadUnaligned(fromByteOffset: 4, as: UInt32.self)
  )
  return UInt64(high) << 32 | UInt64(low)
}

/// The number of a slice's first row: an axis along which the step is the same adds to the rows that are drawn with it.
private func firstRow(_ call: Call, _ place: Int) -> Int64 {
  guard let step = call.step else { return Int64(place * call.shape.rows) }
  var (left, before, factor) = (place, 0, 1)
  for axis in (0..<call.shape.mapped).reversed() {
    let length = call.shape.length(axis)
    if step.length(axis) == 1 {
      before += left % length * factor
      factor *= length
    }
    left /= length
  }
  return Int64(before * call.shape.rows)
}

/// Writes what multiplies the gradient of each row. False if one is not finite.
private func fill(
  _ numbers: UnsafeMutablePointer<Double>, _ count: Int, _ upstream: UnsafeMutableRawPointer?,
  _ call: Call
) -> Bool {
  var isFinite = true
  for row in 0..<count {
    var number = call.scale
    if let upstream {
      number *=
        call.upstream?.dtype == Int(XLA_F64)
        ? upstream.loadUnaligned(fromByteOffset: row * 8, as: Double.self)
        : Double(upstream.loadUnaligned(fromByteOffset: row * 4, as: Float.self))
    }
    numbers[row] = number
    isFinite = isFinite && number.isFinite
  }
  return isFinite
}

/// Makes a gradient NaN.
private func spoil(_ gradient: UnsafeMutableRawPointer?, _ rows: Int, _ call: Call) {
  guard let gradient else { return }
  for element in 0..<rows * call.classes {
    switch Int(call.dtype) {
    case Int(TOPKLOSS_FLOAT64):
      gradient.storeBytes(of: Double.nan, toByteOffset: element * 8, as: Double.self)
    case Int(TOPKLOSS_FLOAT32):
      gradient.storeBytes(of: Float.nan, toByteOffset: element * 4, as: Float.self)
    case let type:
      let bits: UInt16 = type == Int(TOPKLOSS_FLOAT16) ? 0x7E00 : 0x7FC0
      gradient.storeBytes(of: bits, toByteOffset: element * 2, as: UInt16.self)
    }
  }
}

private func number(_ slices: Slices, _ place: Int, _ shape: Shape) -> Double {
  guard let start = slices.slice(place, shape) else { return 0 }
  return slices.dtype == Int(XLA_F64)
    ? start.loadUnaligned(as: Double.self) : Double(start.loadUnaligned(as: Float.self))
}

private func write(_ number: Double, _ slices: Slices?, _ place: Int, _ shape: Shape) {
  guard let slices, let start = slices.slice(place, shape) else { return }
  if slices.dtype == Int(XLA_F64) {
    start.storeBytes(of: number, as: Double.self)
  } else {
    start.storeBytes(of: Float(number), as: Float.self)
  }
}

/// The threshold of no rows is the one before.
private func keepThreshold(_ call: Call, _ place: Int) {
  guard let threshold = call.threshold else { return }
  write(number(threshold, place, call.shape), call.newThreshold, place, call.shape)
}
