import CKernels
import CTopKLoss

// Noised top-K (Garcin, Servajean, Joly & Salmon, ICML 2022):
//
//   ℓ = s (m_y + T − z_y)+,   T = E[(z + ε Z)_[K+1]]
//
// balanced: m_y = m; imbalanced: m_y = m_max n_y^(−1/4) / max_c n_c^(−1/4).

/// The options of a noised top-K loss, checked.
struct NoisedTopKOptions {
  static let mostSamples: Int64 = 1_000_000

  let k: Int
  let samples: Int
  let seed: UInt64
  let epsilon: Double
  let scale: Double
  /// m of the balanced loss.
  let margin: Double
  /// m_y of the imbalanced loss; nil for the balanced.
  let classMargins: ClassNumbers?

  init(_ raw: topkloss_noised_topk_options) throws(Failure) {
    guard Int(raw.estimator) == TOPKLOSS_MONTE_CARLO else {
      throw Failure(
        TOPKLOSS_ERROR_ENUMERATOR,
        "options.estimator is \(raw.estimator): it must be TOPKLOSS_MONTE_CARLO")
    }
    guard raw.k >= 1, let k = Int(exactly: raw.k), k < Int.max else {
      throw Failure(
        TOPKLOSS_ERROR_OPTION, "options.k is \(raw.k): K is 1 to the number of classes minus 1")
    }
    self.k = k
    guard raw.n_samples >= 1 && raw.n_samples <= Self.mostSamples else {
      throw Failure(
        TOPKLOSS_ERROR_OPTION,
        "options.n_samples is \(raw.n_samples): it must be 1 to \(Self.mostSamples)")
    }
    samples = Int(truncatingIfNeeded: raw.n_samples)
    seed = raw.seed
    try checkNotNegative(raw.epsilon, "options.epsilon")
    epsilon = raw.epsilon
    try checkPositive(raw.scale, "options.scale")
    scale = raw.scale
    try checkOption(raw.margin, "options.margin")
    margin = raw.margin
    try checkNotNegative(raw.max_margin, "options.max_margin")
    if raw.class_counts == nil {
      guard raw.classes == 0 else {
        throw Failure(
          TOPKLOSS_ERROR_NULL_POINTER,
          "options.class_counts is NULL although options.classes is \(raw.classes)")
      }
      classMargins = nil
    } else {
      let counts = try ClassCounts(
        raw.class_counts, classes: raw.classes, smoothing: raw.count_smoothing)
      try Self.checkRank(k, classes: counts.count, "options.classes")
      classMargins = try counts.margins(max: raw.max_margin)
    }
  }

  static func checkRank(_ k: Int, classes: Int, _ name: StaticString) throws(Failure) {
    guard k < classes else {
      throw Failure(
        TOPKLOSS_ERROR_OPTION,
        "options.k is \(k) and \(name) is \(classes): K is 1 to the number of classes minus 1")
    }
  }
}

final class NoisedTopKLoss: Loss {
  private let options: NoisedTopKOptions

  init(_ options: NoisedTopKOptions, common: CommonOptions) {
    self.options = options
    super.init(common: common, classes: options.classMargins?.count)
  }

  override func check(_ batch: Batch) throws(Failure) {
    try NoisedTopKOptions.checkRank(options.k, classes: batch.classes, "batch.classes")
    let (_, overflows) = batch.raw.first_row.addingReportingOverflow(batch.raw.rows)
    guard batch.raw.first_row >= 0 && !overflows else {
      throw Failure(
        TOPKLOSS_ERROR_SIZE, "batch.first_row is \(batch.raw.first_row): it must be 0 or more")
    }
  }

  override func noiseSpan(_ batch: Batch) throws(Failure) -> MemorySpan? {
    guard let noise = batch.raw.noise, batch.rows > 0 else { return nil }
    // A row's noise is a matrix of samples; the batch's is a matrix of those, each as wide as its span.
    let samples = try MatrixLayout(
      "batch.noise (samples)", rows: options.samples, columns: batch.classes,
      stride: batch.raw.noise_sample_stride, elementBytes: batch.element.arithmeticByteCount,
      mayOverlap: true)
    guard let rowStride = noiseRowStride(batch) else {
      throw Failure(TOPKLOSS_ERROR_SIZE, "batch.noise is more than can be addressed")
    }
    let rows = try MatrixLayout(
      "batch.noise (rows)", rows: batch.rows, columns: 0, stride: rowStride,
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

  /// Elements from one row's noise to the next; nil if that overflows, which `noiseSpan` refuses.
  private func noiseRowStride(_ batch: Batch) -> Int64? {
    if batch.raw.noise_row_stride != 0 { return batch.raw.noise_row_stride }
    let (stride, overflows) = options.samples.multipliedReportingOverflow(by: batch.classes)
    return overflows ? nil : Int64(stride)
  }

  override func scratchBytes(_ batch: Batch) throws(Failure) -> Int {
    let bytes = KernelChoice.current.table.noised_topk_scratch_bytes(
      Int64(options.k &+ 1), Int64(options.samples))
    guard bytes >= 0 else { throw .outOfMemory(bytes: Int.max) }
    return Int(bytes)
  }

  override func nanosecondsPerRow(_ batch: Batch) -> Double {
    100 + Double(batch.classes) * Double(options.samples)
  }

  override func evaluate(_ row: Row, of batch: Batch) -> Double {
    let raw = batch.raw
    let sampleStride =
      raw.noise_sample_stride == 0 ? Int64(batch.classes) : raw.noise_sample_stride
    let noiseOffset =
      row.index &* Int(truncatingIfNeeded: noiseRowStride(batch) ?? 0)
      &* batch.element.arithmeticByteCount
    var kernelRow = NoisedTopKRow(
      logits: row.logits, gradient: row.gradient, classes: Int64(batch.classes),
      label: Int64(row.label), rank: Int64(options.k &+ 1), samples: Int64(options.samples),
      noise: raw.noise.map { $0 + noiseOffset }, noise_sample_stride: sampleStride,
      seed: options.seed, step: raw.step,
      row: UInt64(bitPattern: raw.first_row) &+ UInt64(row.index),
      epsilon: options.epsilon, margin: options.classMargins?[row.label] ?? options.margin,
      scale: options.scale, gradient_scale: row.gradientScale, scratch: row.scratch)
    return batch.kernels.noised_topk(&kernelRow)
  }
}
