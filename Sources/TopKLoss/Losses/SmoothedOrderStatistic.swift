import CDevice
import CKernels
import CTopKLoss

// The smoothed order statistic T = E[(z + ε Z)_[r]], on which noised top-K rests: by drawing noise, or exactly.

/// Which order statistic, and how its expectation is taken; checked.
struct SmoothedOrderStatistic {
  static let mostSamples: Int64 = 1_000_000

  /// r, counted from 1.
  let rank: Int
  let epsilon: Double
  /// S; 0 for the exact expectation.
  let samples: Int
  let seed: UInt64

  init(
    rank: Int, epsilon: Double, estimator: topkloss_estimator, samples: Int64, seed: UInt64
  ) throws(Failure) {
    try checkNotNegative(epsilon, "options.epsilon")
    switch Int(estimator) {
    case TOPKLOSS_MONTE_CARLO:
      guard samples >= 1 && samples <= Self.mostSamples else {
        throw Failure(
          TOPKLOSS_ERROR_OPTION,
          "options.n_samples is \(samples): it must be 1 to \(Self.mostSamples)")
      }
      self.samples = Int(truncatingIfNeeded: samples)
    // Without noise one sample is the expectation.
    case TOPKLOSS_EXACT: self.samples = epsilon == 0 ? 1 : 0
    default:
      throw Failure(
        TOPKLOSS_ERROR_ENUMERATOR,
        "options.estimator is \(estimator): it must be TOPKLOSS_MONTE_CARLO or TOPKLOSS_EXACT")
    }
    self.rank = rank
    self.epsilon = epsilon
    self.seed = seed
    source = Int(estimator) == TOPKLOSS_EXACT ? .none : .samples
  }

  /// z_[r], without noise.
  init(rank: Int) {
    (self.rank, epsilon, samples, seed, source) = (rank, 0, 1, 0, .notAsked)
  }

  /// Where noise comes from.
  private enum NoiseSource {
    case samples
    /// The exact expectation has none, and a caller who passes some is mistaken.
    case none
    /// A loss without noise does not look.
    case notAsked
  }

  private let source: NoiseSource

  /// Whether a caller may pass noise.
  var takesNoise: Bool { source == .samples }

  /// Checks a batch's noise, and where its rows stand among those that noise is drawn for. Returns the memory that noise
  /// passed in covers; nil if there is none.
  func checkedNoise(_ batch: Batch) throws(Failure) -> MemorySpan? {
    if source == .none && batch.noise.given != nil {
      throw Failure(
        TOPKLOSS_ERROR_OPTION, "batch.noise is not NULL: the exact expectation takes no noise")
    }
    guard source == .samples else { return nil }
    try Self.checkFirstRow(batch.noise.firstRow, "batch.first_row", rows: batch.rows)
    return try batch.noise.given.flatMap { noise throws(Failure) in
      try batch.rows > 0 ? span(noise, batch) : nil
    }
  }

  /// Checks where rows stand among those that noise is drawn for.
  static func checkFirstRow(_ first: Int64, _ name: StaticString, rows: Int) throws(Failure) {
    guard first >= 0 else {
      throw Failure(TOPKLOSS_ERROR_SIZE, "\(name) is \(first): it must be 0 or more")
    }
    if first.addingReportingOverflow(Int64(rows)).overflow {
      throw Failure(
        TOPKLOSS_ERROR_SIZE, "\(name) is \(first): \(rows) rows from it on are more than 2^63 - 1")
    }
  }

  private func span(
    _ noise: UnsafeRawPointer, _ batch: Batch
  ) throws(Failure) -> MemorySpan {
    // A row's noise is a matrix of samples; the batch's is a matrix of those, each as wide as its span.
    let samples = try MatrixLayout(
      "batch.noise (samples)", rows: samples, columns: batch.classes,
      Strides(row: batch.noise.sampleStride),
      elementBytes: batch.element.arithmeticByteCount,
      mayOverlap: true)
    guard let rowStride = noiseRowStride(batch) else {
      throw Failure(TOPKLOSS_ERROR_SIZE, "batch.noise is more than can be addressed")
    }
    let rows = try MatrixLayout(
      "batch.noise (rows)", rows: batch.rows, columns: 0, Strides(row: rowStride),
      elementBytes: batch.element.arithmeticByteCount, mayOverlap: true)
    let (ofRow, ofBatch) = (samples.span(at: noise), rows.span(at: noise))
    let base = UInt(bitPattern: noise)
    let (end, overflows) = ofBatch.end.addingReportingOverflow(ofRow.end &- base)
    let (start, underflows) = ofBatch.start.subtractingReportingOverflow(base &- ofRow.start)
    guard !overflows && !underflows else {
      throw Failure(TOPKLOSS_ERROR_SIZE, "batch.noise is more than can be addressed")
    }
    return MemorySpan(start: start, end: end)
  }

  /// Elements from one row's noise to the next; nil if that overflows, which `checkedNoise` refuses.
  private func noiseRowStride(_ batch: Batch) -> Int64? {
    if batch.noise.rowStride != 0 { return batch.noise.rowStride }
    let (stride, overflows) = samples.multipliedReportingOverflow(by: batch.classes)
    return overflows ? nil : Int64(stride)
  }

  /// What a device's kernels are told, but for the batch's own noise.
  func describe(_ call: inout TopkDeviceCall) {
    call.family = Int64(TOPK_DEVICE_NOISED_TOPK)
    call.noised_topk.rank = Int64(rank)
    call.noised_topk.samples = Int64(samples)
    call.noised_topk.seed = seed
    call.noised_topk.epsilon = epsilon
    call.noised_topk.scale = 1
    if source != .samples { call.noised_topk.noise = nil }
    if call.noised_topk.noise_row_stride == 0 {
      call.noised_topk.noise_row_stride = Int64(samples) &* call.classes
    }
  }

  func needs(_ batch: Batch) throws(Failure) -> RowNeeds {
    // A shard may have fewer classes than the rank.
    let bytes = KernelsInUse.table.noised_topk_scratch_bytes(
      Int64(min(rank, batch.classes)), Int64(samples), Int64(batch.classes), epsilon)
    guard bytes >= 0 else { throw .outOfMemory(bytes: Int.max) }
    return RowNeeds(
      nanosecondsPerRow: 1000 + Double(batch.classes)
        * (samples == 0 ? 5 : 0.7 * Double(samples)),
      scratchBytes: Int(bytes))
  }

  /// A row for the kernel, without a label: it then computes T itself.
  func kernelRow(_ row: Row, in piece: Piece, of call: Call) -> NoisedTopKRow {
    let (noise, classes) = (call.head.batch.noise, Int64(call.head.batch.classes))
    let noiseOffset =
      row.index &* Int(truncatingIfNeeded: noiseRowStride(call.head.batch) ?? 0)
      &* call.head.batch.element.arithmeticByteCount
    return NoisedTopKRow(
      logits: row.logits, gradient: row.gradient, classes: classes,
      label: -1, rank: Int64(rank), samples: Int64(samples),
      noise: source == .samples ? noise.given.map { $0 + noiseOffset } : nil,
      noise_sample_stride: noise.sampleStride == 0 ? classes : noise.sampleStride,
      seed: seed, step: noise.step, row: UInt64(bitPattern: noise.firstRow) &+ UInt64(row.index),
      first_class: UInt64(call.shard.first), epsilon: epsilon, margin: 0, scale: 1,
      gradient_scale: row.gradientScale,
      scratch: piece.scratch)
  }
}
