import CDevice
import CKernels
import CTopKLoss

// Noised top-K (Garcin, Servajean, Joly & Salmon, ICML 2022), and without noise the top-K calibrated hinge (Yang &
// Koyejo, ICML 2020):
//
//   ℓ = s (m_y + T − z_y)+,   T = E[(z + ε Z)_[K+1]]
//
// balanced: m_y = m; imbalanced: m_y = m_max n_y^(−1/4) / max_c n_c^(−1/4), on cosines, with the authors' ε and s for
// Pl@ntNet-300K where none are given.

/// The options of a noised top-K loss, checked.
struct NoisedTopKOptions {
  let k: Int
  let statistic: SmoothedOrderStatistic
  let scale: Double
  /// m of the balanced loss.
  let margin: Double
  /// m_y of the imbalanced loss; nil for the balanced.
  let classMargins: ClassNumbers?

  init(_ raw: topkloss_noised_topk_options) throws(Failure) {
    let (epsilon, scale) = raw.class_counts == nil ? (1.0, 1.0) : (0.01, 60.0)
    k = try Self.checkedK(raw.k)
    statistic = try SmoothedOrderStatistic(
      rank: k &+ 1, epsilon: raw.epsilon.isNaN ? epsilon : raw.epsilon, estimator: raw.estimator,
      samples: raw.n_samples,
      seed: raw.seed)
    self.scale = raw.scale.isNaN ? scale : raw.scale
    try checkPositive(self.scale, "options.scale")
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

  /// The hinge without noise.
  init(hingeAtK rawK: Int64, margin: Double) throws(Failure) {
    k = try Self.checkedK(rawK)
    statistic = SmoothedOrderStatistic(rank: k &+ 1)
    try checkOption(margin, "options.margin")
    self.margin = margin
    (scale, classMargins) = (1, nil)
  }

  static func checkedK(_ raw: Int64) throws(Failure) -> Int {
    guard raw >= 1, let k = Int(exactly: raw), k < Int.max else {
      throw Failure(
        TOPKLOSS_ERROR_OPTION, "options.k is \(raw): K is 1 to the number of classes minus 1")
    }
    return k
  }

  static func checkRank(_ k: Int, classes: Int, _ name: StaticString) throws(Failure) {
    guard k < classes else {
      throw Failure(
        TOPKLOSS_ERROR_OPTION,
        "options.k is \(k) and \(name) is \(classes): K is 1 to the number of classes minus 1")
    }
  }
}

extension topkloss_noised_topk_options: LossOptions {
  func makeLoss() throws(Failure) -> Loss {
    NoisedTopKLoss(try NoisedTopKOptions(self), common: try common())
  }
}

extension topkloss_topk_hinge_options: LossOptions {
  func makeLoss() throws(Failure) -> Loss {
    NoisedTopKLoss(try NoisedTopKOptions(hingeAtK: k, margin: margin), common: try common())
  }
}

final class NoisedTopKLoss: Loss {
  private let options: NoisedTopKOptions

  init(_ options: NoisedTopKOptions, common: CommonOptions) {
    self.options = options
    super.init(common: common, classes: options.classMargins?.count)
  }

  override func check(_ batch: Batch, reading inputs: inout Output.Inputs) throws(Failure) {
    try NoisedTopKOptions.checkRank(
      options.k, classes: batch.allClasses, batch.nameOfAllClasses)
    inputs.noise = try options.statistic.checkedNoise(batch)
  }

  override func describe(_ call: inout TopkDeviceCall) {
    options.statistic.describe(&call)
    call.noised_topk.has_label = 1
    call.noised_topk.class_margin = options.classMargins?.ofFloat64 ?? DeviceVector()
    call.noised_topk.margin = options.margin
    call.noised_topk.scale = options.scale
  }

  override func needs(_ batch: Batch) throws(Failure) -> RowNeeds {
    try options.statistic.needs(batch)
  }

  override func evaluate(_ row: Row, in piece: Piece, of call: Call) -> Double {
    var kernelRow = options.statistic.kernelRow(row, in: piece, of: call)
    kernelRow.label = Int64(row.label)
    kernelRow.margin = options.classMargins?[row.label] ?? options.margin
    kernelRow.scale = options.scale
    return call.head.batch.kernels.noised_topk(&kernelRow)
  }

  override func stateBytes() throws(Failure) -> Int {
    if options.statistic.samples == 0 { return try super.stateBytes() }
    return try options.statistic.stateBytes()
  }

  override var looksForBadLogits: Bool { true }

  override func check(_ shard: Shard, of batch: Batch) throws(Failure) {
    try options.statistic.check(shard, of: batch)
  }

  override func completionNeeds(_ batch: Batch) -> RowNeeds { options.statistic.completionNeeds() }

  override func write(
    _ state: UnsafeMutableRawPointer, of row: Row, in piece: Piece, of call: Call
  ) {
    var kernelRow = options.statistic.kernelRow(row, in: piece, of: call)
    call.head.batch.kernels.noised_topk_shard(&kernelRow, state)
  }

  override func complete(_ row: UnsafeMutablePointer<Row>, in piece: Piece, of call: Call) {
    row.pointee.loss = completeShard(
      row.pointee, options.statistic, scale: options.scale,
      margin: options.classMargins?[row.pointee.label] ?? options.margin, in: piece, of: call)
  }
}

extension topkloss_noised_topk_operator_options: LossOptions {
  func makeLoss() throws(Failure) -> Loss {
    guard k >= 1, let rank = Int(exactly: k) else {
      throw Failure(TOPKLOSS_ERROR_OPTION, "options.k is \(k): k is 1 to the number of classes")
    }
    let statistic = try SmoothedOrderStatistic(
      rank: rank, epsilon: epsilon, estimator: estimator, samples: n_samples, seed: seed)
    let common = try CommonOptions(
      reduction: topkloss_reduction(TOPKLOSS_NONE), checkFinite: check_finite,
      ignoreIndex: Int64(TOPKLOSS_IGNORE_INDEX))
    return NoisedTopKOperator(statistic, common: common)
  }
}

/// T by itself, as an operator: a row's value is T, its gradient ∂T/∂z.
final class NoisedTopKOperator: Loss {
  private let statistic: SmoothedOrderStatistic

  init(_ statistic: SmoothedOrderStatistic, common: CommonOptions) {
    self.statistic = statistic
    super.init(common: common, classes: nil, use: .scoresAndWeights)
  }

  override func check(_ batch: Batch, reading inputs: inout Output.Inputs) throws(Failure) {
    guard statistic.rank <= batch.classes else {
      throw Failure(
        TOPKLOSS_ERROR_OPTION,
        "options.k is \(statistic.rank) and batch.classes is \(batch.classes): k is 1 to the number of "
          + "classes")
    }
    inputs.noise = try statistic.checkedNoise(batch)
  }

  override func describe(_ call: inout TopkDeviceCall) {
    statistic.describe(&call)
  }

  override func needs(_ batch: Batch) throws(Failure) -> RowNeeds { try statistic.needs(batch) }

  override func evaluate(_ row: Row, in piece: Piece, of call: Call) -> Double {
    var kernelRow = statistic.kernelRow(row, in: piece, of: call)
    return call.head.batch.kernels.noised_topk(&kernelRow)
  }
}
