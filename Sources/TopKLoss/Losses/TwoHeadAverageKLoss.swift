import CDevice
import CKernels
import CSystem
import CTopKLoss

// The two-head average-K loss (Garcin, Servajean, Joly & Salmon, WACV 2025): of a softmax head z and a multi-label
// head g,
//
//   ℓ = CE(z, y) + μ Σ_j ω_j BCE(g_j, [j ∈ S or j = y])
//
// where S are the row's classes among the round(B K) highest probabilities p = softmax(z) of the whole batch. The
// selection works on log p, which has the same order and does not underflow.

/// The options of a two-head average-K loss, checked.
struct TwoHeadAverageKOptions {
  let k: Double
  /// ω of candidates other than the label.
  let candidateWeight: Double
  /// μ
  let multiLabelWeight: Double
  /// Whether the multi-label term is a mean over classes rather than a sum.
  let isClassMean: Bool
  /// Share of the batches before in the threshold.
  let thresholdDecay: Double

  init(_ raw: topkloss_two_head_average_k_options) throws(Failure) {
    guard raw.k > 0 && raw.k.isFinite else {
      throw Failure(
        TOPKLOSS_ERROR_OPTION,
        "options.k is \(text(raw.k)): K is above 0 and below the number of classes")
    }
    try checkNotNegative(raw.candidate_weight, "options.candidate_weight")
    try checkNotNegative(raw.multi_label_weight, "options.multi_label_weight")
    switch Int(raw.class_reduction) {
    case TOPKLOSS_CLASS_SUM: isClassMean = false
    case TOPKLOSS_CLASS_MEAN: isClassMean = true
    default:
      throw Failure(
        TOPKLOSS_ERROR_ENUMERATOR,
        "options.class_reduction is \(raw.class_reduction): it must be TOPKLOSS_CLASS_SUM or "
          + "TOPKLOSS_CLASS_MEAN")
    }
    guard raw.threshold_decay >= 0 && raw.threshold_decay <= 1 else {
      throw Failure(
        TOPKLOSS_ERROR_OPTION,
        "options.threshold_decay is \(text(raw.threshold_decay)): it must be in [0, 1]")
    }
    k = raw.k
    candidateWeight = raw.candidate_weight
    multiLabelWeight = raw.multi_label_weight
    thresholdDecay = raw.threshold_decay
  }
}

extension topkloss_two_head_average_k_options: LossOptions {
  func makeLoss() throws(Failure) -> Loss {
    TwoHeadAverageKLoss(try TwoHeadAverageKOptions(self), common: try common())
  }
}

final class TwoHeadAverageKLoss: Loss {
  private let options: TwoHeadAverageKOptions

  init(_ options: TwoHeadAverageKOptions, common: CommonOptions) {
    self.options = options
    super.init(common: common, classes: nil, use: .everythingOfTwoHeads)
  }

  override func check(_ batch: Batch, reading inputs: inout Output.Inputs) throws(Failure) {
    try AverageKSelection.checkK(options.k, classes: batch.classes, "options.k")
  }

  override func describe(_ call: inout TopkDeviceCall) {
    call.family = Int64(TOPK_DEVICE_TWO_HEADS)
    call.two_heads = DeviceTwoHeads(
      k: options.k, candidate_weight: options.candidateWeight,
      weight: options.multiLabelWeight * (options.isClassMean ? 1 / Double(call.classes) : 1),
      threshold_decay: options.thresholdDecay, threshold_before: 0)
  }

  override func needs(_ batch: Batch) throws(Failure) -> RowNeeds {
    guard let bytes = Candidates.bytes(rows: batch.rows) else { throw .outOfMemory(bytes: Int.max) }
    return RowNeeds(
      nanosecondsPerRow: 50 + 3 * Double(batch.classes),
      scratchBytes: AverageKSelection.needs(batch).scratchBytes, sharedBytes: bytes,
      otherWidenedRows: 1)
  }

  override func prepare(_ call: Call, _ result: inout topkloss_result) throws(Failure) {
    let before = options.thresholdDecay > 0 ? result.threshold : 0
    guard before >= 0 && before <= 1 else {
      throw Failure(
        TOPKLOSS_ERROR_OPTION,
        "result.threshold is \(text(before)): a probability of the batch before, or 0 for none")
    }
    let candidates = Candidates(at: call.workspace.shared)
    try call.workspace.run(
      NormalizationPass(call: call, normalization: candidates.normalization))
    let rows = ScoreRows(
      batch: call.batch, ignoredLabel: common.ignoredLabel,
      normalization: UnsafePointer(candidates.normalization))
    if options.thresholdDecay == 1 && before > 0 {
      // Nothing of the batch's own is in it.
      candidates.selection.pointee = .from(AverageKSelection.lowestScore(ofProbability: before))
      return
    }
    var selection = try AverageKSelection(k: options.k, of: rows, in: call.workspace)
    // Where no probability is a candidate, the threshold is above all of them.
    var threshold = min(selection.midpoint { exp($0) }, 1)
    if before > 0 && rows.count > 0 {
      threshold = options.thresholdDecay * before + (1 - options.thresholdDecay) * threshold
      selection = .from(AverageKSelection.lowestScore(ofProbability: threshold))
    }
    candidates.selection.pointee = selection
    if rows.count > 0 { result.threshold = threshold }
  }

  override func evaluate(_ row: Row, in piece: Piece, of call: Call) -> Double {
    let batch = call.head.batch
    let classes = Int64(batch.classes)
    let candidates = Candidates(at: call.workspace.shared)
    let normalization = candidates.normalization[row.index]
    let multiLabel = call.second.open(row.index, in: piece, place: 1)
    defer { call.second.close(row.index, in: piece, place: 1) }
    guard normalization.isNumber else {
      if let gradient = row.gradient { batch.kernels.fill(gradient, .nan, classes) }
      if let gradient = multiLabel.gradient { batch.kernels.fill(gradient, .nan, classes) }
      return .nan
    }
    let selection = candidates.selection.pointee
    let weight =
      options.multiLabelWeight * (options.isClassMean ? 1 / Double(batch.classes) : 1)
    // First, because the other term may write over the logits that the scores are made of.
    var multiLabelRow = BinaryCrossEntropyRow(
      logits: multiLabel.logits, gradient: multiLabel.gradient, classes: classes,
      label: Int64(row.label), negative_weight: 1, candidate_weight: options.candidateWeight,
      scores: ScoreRow(
        logits: row.logits, classes: classes, peak: normalization.peak,
        log_sum: normalization.logSum),
      cut: selection.score,
      ties_end: Int64(selection.tiesEnd(row: row.index, classes: batch.classes)),
      gradient_scale: row.gradientScale * weight, probability_slope: 0)
    let multiLabelLoss = batch.kernels.binary_cross_entropy(&multiLabelRow)
    let softmaxLoss = SoftmaxMarginLoss.crossEntropy(row, in: piece, of: call)
    return softmaxLoss + (weight == 0 ? 0 : weight * multiLabelLoss)
  }
}

/// What the rows of a call share: which scores are candidates, and what makes scores of a row's logits.
private struct Candidates {
  let selection: UnsafeMutablePointer<AverageKSelection>
  /// For every row; NaN for those that do not count.
  let normalization: UnsafeMutablePointer<SoftmaxNormalization>

  init(at memory: UnsafeMutableRawPointer) {
    selection = memory.assumingMemoryBound(to: AverageKSelection.self)
    normalization = (memory + Self.tableOffset).assumingMemoryBound(to: SoftmaxNormalization.self)
  }

  private static var tableOffset: Int {
    CheckedSize.ofWholeLines(MemoryLayout<AverageKSelection>.stride)
  }

  /// Nil if that overflows.
  static func bytes(rows: Int) -> Int? {
    var size = CheckedSize()
    _ = size.add(1, of: tableOffset)
    _ = size.add(rows, of: MemoryLayout<SoftmaxNormalization>.stride)
    return size.bytes
  }
}

/// Finds how each row's softmax is normalised.
private struct NormalizationPass: RowPass {
  static var task: topkloss_task { { NormalizationPass.run($0, $1) } }

  let call: Call
  let normalization: UnsafeMutablePointer<SoftmaxNormalization>

  func work(on piece: Piece) {
    for row in piece.rows { normalization[row] = normalization(ofRow: row, in: piece) }
  }

  private func normalization(
    ofRow row: Int, in piece: Piece
  ) -> SoftmaxNormalization {
    let batch = call.batch
    if call.label(row) == nil || call.second.batch.badClass(row: row, in: piece) >= 0 {
      return SoftmaxNormalization(peak: 0, logSum: .nan)
    }
    var peak = 0.0
    let logSum = batch.kernels.log_sum_exp(
      batch.numbers(row, in: piece), Int64(batch.classes), &peak)
    return SoftmaxNormalization(peak: peak, logSum: logSum)
  }
}
