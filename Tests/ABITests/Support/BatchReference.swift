import Foundation

// A whole batch in Double: rows, weights, reduction, and the factor from further up the chain rule.

/// What an evaluation should come to.
struct BatchLoss {
  var value = 0.0
  var totalWeight = 0.0
  var rowValues: [Double] = []
  /// Row by row.
  var gradient: [Double] = []
  /// With respect to the other head; nil of a loss that has none.
  var multiLabelGradient: [Double]?
  /// The threshold on probabilities; nil of a loss that has none.
  var threshold: Double?
}

extension LossCase {
  /// The counts that the loss works with.
  var smoothedCounts: [Double]? { counts?.map { $0 + self["count_smoothing"] } }

  private var softmaxMargin: SoftmaxMarginReference {
    func all(_ number: Double) -> [Double] { [Double](repeating: number, count: classes) }
    func margins() -> [Double] {
      referenceMargins(counts: smoothedCounts ?? [], maxMargin: self["max_margin"])
    }
    func offsets() -> [Double] {
      referenceLogPrior(counts: smoothedCounts ?? []).map { self["tau"] * $0 }
    }
    var reference = SoftmaxMarginReference(
      classScale: all(1), offset: all(0), margin: all(0),
      classWeight: vector("class_weight") ?? all(1), labelSmoothing: self["label_smoothing"])
    switch name {
    case "logit_adjusted": reference.offset = offsets()
    case "ldam": (reference.margin, reference.scale) = (margins(), self["scale"])
    case "elm":
      (reference.margin, reference.scale) = (margins(), self["scale"])
      reference.lam = self["lam"]
    case "vector_scaling":
      let (counts, largest) = (smoothedCounts ?? [], smoothedCounts?.max() ?? 1)
      reference.classScale = counts.map { pow($0 / largest, self["gamma"]) }
      reference.offset = offsets()
    case "margin_softmax":
      reference.classScale = vector("class_scale") ?? all(1)
      reference.offset = vector("offset") ?? all(0)
      reference.margin = vector("margin") ?? all(0)
      (reference.scale, reference.lam) = (self["scale"], self["lam"])
    default: break
    }
    return reference
  }

  /// The order statistic that a loss of the top-K family stands on.
  private func orderStatistic(
    _ logits: [Double], above: Int, noise: [[Double]]
  ) -> OrderStatistic {
    isExact
      ? exactOrderStatistic(logits, above: above, epsilon: self["epsilon"])
      : sampledOrderStatistic(logits, above: above, epsilon: self["epsilon"], noise: noise)
  }

  /// The loss of one row, where it depends on no other; `noise` is looked at by the losses that draw it.
  func referenceRow(_ logits: [Double], label: Int, noise: [[Double]] = []) -> RowLoss {
    switch name {
    case "seesaw":
      // Without q, whose factor the gradient takes for a constant.
      var reference = softmaxMargin
      let logs = (smoothedCounts ?? []).map { log($0) }
      reference.offset = logs.map { self["p"] * min(0, $0 - logs[label]) }
      return reference.row(logits, label: label)
    case "focal":
      return referenceFocalRow(
        logits, label: label, gamma: self["gamma"],
        classWeight: vector("class_weight")?[label] ?? 1)
    case "noised_topk":
      let margins = smoothedCounts.map {
        referenceMargins(counts: $0, maxMargin: self["max_margin"])
      }
      return referenceHingeRow(
        logits, label: label, margin: margins?[label] ?? self["margin"], scale: self["scale"],
        orderStatistic(logits, above: Int(self["k"]), noise: noise))
    case "noised_topk_operator":
      let found = orderStatistic(logits, above: Int(self["k"]) - 1, noise: noise)
      return RowLoss(value: found.value, gradient: found.holders)
    case "topk_hinge":
      return referenceHingeRow(
        logits, label: label, margin: self["margin"],
        plainOrderStatistic(logits, above: Int(self["k"])))
    case "smooth_topk_svm":
      let svm = SmoothTopKSVMReference(k: Int(self["k"]), tau: self["tau"], alpha: self["alpha"])
      return svm.row(logits, label: label)
    case "topk_cross_entropy":
      return referenceTopKCrossEntropyRow(
        logits, label: label, k: Int(self["k"]), epsilon: self["epsilon"],
        weights: vector("weights"))
    case "outlying_mse":
      let own =
        vector("teacher") ?? referenceTeacher(counts: smoothedCounts ?? [], alpha: self["alpha"])
      return referenceOutlyingRow(logits, label: label, teacher: own)
    default: return softmaxMargin.row(logits, label: label)
    }
  }

  /// - Parameter noise: the noise of a row, one array a sample.
  func reference(
    _ problem: Problem, noise: (_ row: Int) -> [[Double]] = { _ in [] }
  ) -> BatchLoss {
    let counted = problem.labels.map { !usesLabels || $0 != ignoreIndex }
    var batch = BatchLoss()
    var rows: [RowLoss?] = []
    switch name {
    case "two_head_average_k":
      let found = TwoHeadReference(options: self).rows(problem, counted: counted)
      (rows, batch.threshold, batch.multiLabelGradient) = (found.rows, found.threshold, [])
    case "single_positive":
      rows = SinglePositiveReference(options: self).rows(problem, counted: counted)
    default:
      rows = counted.indices.map { index in
        let label = usesLabels ? Int(problem.labels[index]) : 0
        return counted[index]
          ? referenceRow(problem.row(index), label: label, noise: noise(index)) : nil
      }
    }
    reduce(&batch, rows, problem)
    return batch
  }

  /// Puts the rows together.
  private func reduce(_ batch: inout BatchLoss, _ rows: [RowLoss?], _ problem: Problem) {
    /// What each row's loss is multiplied by on its way to what the gradient is of.
    var factors: [Double] = []
    for (index, row) in rows.enumerated() {
      let weight = row == nil ? 0 : problem.sampleWeight?[index] ?? 1
      batch.rowValues.append(row.map { weight * $0.value } ?? 0)
      batch.value += batch.rowValues[index]
      batch.totalWeight += weight * (row?.classWeight ?? 0)
      factors.append(weight * upstream(problem, row: index))
    }
    if reduction == .mean {
      let factor = batch.totalWeight == 0 ? 0 : 1 / batch.totalWeight
      batch.value *= factor
      factors = factors.map { $0 * factor }
    }
    let all = exactSum(factors)
    let zeros = [Double](repeating: 0, count: classes)
    for (row, factor) in zip(rows, factors) {
      let shared = row?.shared ?? zeros
      batch.gradient += zip(row?.gradient ?? zeros, shared).map { factor * $0 + all * $1 }
      batch.multiLabelGradient? += (row?.multiLabelGradient ?? zeros).map { factor * $0 }
    }
  }

  private func upstream(_ problem: Problem, row: Int) -> Double {
    guard let upstream = problem.upstream else { return 1 }
    return reduction == .none ? upstream[row] : upstream[0]
  }
}
