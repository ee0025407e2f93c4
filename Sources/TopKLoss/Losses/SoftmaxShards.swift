import CKernels
import CSystem
import CTopKLoss

// The softmax-margin family from shards of the classes. A shard's exponentials are counted from its own peak and rest, those
// of all from the highest shard's, e^{s((peak_k − peak) + (rest_k − rest))} times as much: as the pieces of a long row are put
// together (SoftmaxMarginPieces.swift), here in float64 and once for all instruction sets.

extension SoftmaxMarginLoss {
  func shardNeeds(_ batch: Batch) -> RowNeeds {
    RowNeeds(nanosecondsPerRow: 90 + 0.3 * Double(batch.classes), flushesSubnormals: true)
  }

  func writeShard(_ state: UnsafeMutableRawPointer, of row: Row, of call: Call) {
    withShardOfFamily(call, smoothingSum: call.shard.smoothing) { family in
      var kernelRow = shardRow(row, family, call)
      var written = SoftmaxShardState()
      written.common = state.loadUnaligned(as: ShardState.self)
      call.head.batch.kernels.softmax_shard(&kernelRow, &written)
      if written.rival_class >= 0 { written.rival_class &+= Int64(call.shard.first) }
      state.storeBytes(of: written, as: SoftmaxShardState.self)
    }
  }

  func completeShard(_ row: UnsafeMutablePointer<Row>, of call: Call) {
    let states = call.shard.states(ofRow: row.pointee.index)
    let label = row.pointee.label
    var sums = ShardSums(states, scale: member.scale)
    sums.setLabel(
      score(ofLabel: label, states.labelLogit, call.head.batch.element),
      margin: margin(label, rival: sums.rival))
    if sums.areMasked {
      row.pointee.loss =
        (weight(label: label) * (1 - weighting.labelSmoothing) > 0 || weighting.smoothingSum > 0)
        ? .infinity : 0
      clear(row.pointee, of: call)
      return
    }
    let smoothingSum =
      weighting.smoothing == nil ? call.shard.smoothing : weighting.smoothingSum
    withShardOfFamily(call, smoothingSum: smoothingSum) { family in
      var kernelRow = shardRow(row.pointee, family, call)
      let share = share(of: label, call.shard)
      (kernelRow.progress.peak, kernelRow.progress.rest) = sums.ownPeak
      kernelRow.progress.label_shifted = sums.labelShifted
      kernelRow.progress.label_is_masked = sums.labelIsMasked ? 1 : 0
      kernelRow.progress.rivals = sums.rivals
      kernelRow.progress.label_share = share
      kernelRow.progress.other_shares = weighting.smoothingSum - share
      kernelRow.progress.shared_scores = sums.sharedScores
      call.head.batch.kernels.softmax_complete(&kernelRow, sums.ownFactor)
      row.pointee.loss = kernelRow.loss
    }
  }

  private func clear(_ row: Row, of call: Call) {
    if let gradient = row.gradient {
      call.head.batch.kernels.fill(gradient, 0, Int64(call.head.batch.classes))
    }
  }

  /// q_y
  private func share(of label: Int, _ shard: Shard) -> Double {
    weighting.smoothing?[label] ?? weighting.labelSmoothing / Double(shard.allClasses)
  }

  /// b_y − λ b_{j*}
  private func margin(_ label: Int, rival: Int) -> Double {
    guard let margin = member.margin else { return 0 }
    let ofRival = member.lam != 0 && rival >= 0 && rival < margin.count ? margin[rival] : 0
    return margin[label] - member.lam * ofRival
  }

  /// v_y, of the numbers that the kernels have.
  private func score(ofLabel label: Int, _ logit: Double, _ element: ElementType) -> LabelScore {
    func rounded(_ number: Double) -> Double {
      element == .float64 ? number : Double(Float(number))
    }
    return LabelScore(
      product: member.classScale.map { rounded(rounded($0[label]) * logit) } ?? logit,
      offset: member.offset.map { rounded($0[label]) } ?? 0, isMasked: logit == -.infinity)
  }

  /// Hands over the family as the shard's rows have it: of the margins whether there are any, and λ, for the label's score is
  /// put together here.
  private func withShardOfFamily(
    _ call: Call, smoothingSum: Double, _ body: (UnsafePointer<SoftmaxMarginFamily>) -> Void
  ) {
    var family = family(of: call)
    family.smoothing_sum = smoothingSum
    body(&family)
  }

  private func shardRow(
    _ row: Row, _ family: UnsafePointer<SoftmaxMarginFamily>, _ call: Call
  ) -> SoftmaxMarginRow {
    let next = min(row.index &+ 1, call.head.batch.rows &- 1)
    return SoftmaxMarginRow(
      family: family, logits: UnsafeMutableRawPointer(mutating: row.logits),
      gradient: row.gradient, stored_logits: nil, stored_gradient: nil, targets: nil,
      label: Int64(call.shard.place(of: row.label)),
      hard: (1 - weighting.labelSmoothing) * weight(label: row.label),
      gradient_scale: row.gradientScale, next_logits: call.head.batch.row(next),
      next_gradient: call.head.output.row(next), next_targets: nil,
      progress: SoftmaxMarginProgress(), loss: 0)
  }
}

/// v_y = d_y z_y + a_y, not yet added up.
private struct LabelScore {
  let product: Double
  let offset: Double
  let isMasked: Bool
}

/// The sums of all shards of a row: the same on every rank, for all are given the same states in the same order.
private struct ShardSums {
  private(set) var rivals = 0.0
  /// Σ q_j (u_j − what it is counted from)
  private(set) var sharedScores = 0.0
  /// The class of the strongest rival; −1 if none was found.
  private(set) var rival = -1
  /// log of the label's exponential.
  private(set) var labelShifted = 0.0
  private(set) var labelIsMasked = false
  /// What the own shard's exponentials are counted from, and what they are multiplied by.
  private(set) var ownFactor = 0.0
  var ownPeak: (Double, Double) {
    let own = state(states.own)
    return (own.peak, own.rest)
  }

  private let states: RowStates
  private let scale: Double
  /// What all are counted from: the peak of the highest shard and its rest; −∞ if all are masked out.
  private var (peak, rest) = (-Double.infinity, 0.0)

  init(_ states: RowStates, scale: Double) {
    (self.states, self.scale) = (states, scale)
    var highest = -Double.infinity
    for shard in 0..<states.count {
      let state = state(shard)
      if state.peak > -.infinity
        && (peak == -.infinity || (state.peak - peak) + (state.rest - rest) > 0)
      {
        (peak, rest) = (state.peak, state.rest)
      }
      guard state.rival_class >= 0, let place = Int(exactly: state.rival_class) else { continue }
      if rival < 0 || state.rival_logit > highest
        || state.rival_logit == highest && place < rival
      {
        (highest, rival) = (state.rival_logit, place)
      }
    }
  }

  private func state(_ shard: Int) -> SoftmaxShardState {
    states[shard].loadUnaligned(as: SoftmaxShardState.self)
  }

  /// Whether no class is left, and all are numbers.
  var areMasked: Bool { labelIsMasked && peak == -.infinity && rivals == 0 }

  /// Adds all up, once it is known what from.
  mutating func setLabel(_ score: LabelScore, margin: Double) {
    labelIsMasked = score.isMasked
    // Rivals that are all masked out count for nothing, and the label from itself.
    let isAlone = peak == -.infinity
    let own =
      isAlone && !score.isMasked
      ? (score.product - score.product)
      : scale * ((((score.product - peak) + score.offset) - margin) - rest)
    // A label that is above by more, in float64, is counted from itself.
    let lift = own > 600 ? own : 0
    labelShifted = own - lift
    for shard in 0..<states.count {
      let state = state(shard)
      // Of a shard in which all are masked out the sum is 0, or NaN.
      let below =
        state.peak == -.infinity
        ? 0 : scale * ((state.peak - peak) + (state.rest - rest)) - lift
      let factor = exp(below)
      rivals += state.rivals * factor
      sharedScores += state.shared_scores + (state.shares == 0 ? 0 : state.shares * below)
      if shard == states.own { ownFactor = factor }
    }
  }
}
