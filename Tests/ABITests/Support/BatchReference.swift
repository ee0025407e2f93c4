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
  var smoothedCounts: [Double]? { counts?.map { $0 + countSmoothing } }

  private var softmaxMargin: SoftmaxMarginReference {
    func all(_ number: Double) -> [Double] { [Double](repeating: number, count: classes) }
    var reference = SoftmaxMarginReference(
      classScale: all(1), offset: all(0), margin: all(0), classWeight: classWeight ?? all(1),
      labelSmoothing: labelSmoothing)
    let counts = smoothedCounts ?? all(1)
    switch kind {
    case .logitAdjusted(let tau):
      reference.offset = referenceLogPrior(counts: counts).map { tau * $0 }
    case .ldam(let maxMargin, let scale):
      reference.margin = referenceMargins(counts: counts, maxMargin: maxMargin)
      reference.scale = scale
    case .elm(let maxMargin, let scale, let lam):
      reference.margin = referenceMargins(counts: counts, maxMargin: maxMargin)
      reference.scale = scale
      reference.rivalShare = lam
    case .vectorScaling(let gamma, let tau):
      let largest = counts.max() ?? 1
      reference.classScale = counts.map { pow($0 / largest, gamma) }
      reference.offset = referenceLogPrior(counts: counts).map { tau * $0 }
    case .marginSoftmax(let options):
      reference.classScale = options.classScale ?? all(1)
      reference.offset = options.offset ?? all(0)
      reference.margin = options.margin ?? all(0)
      reference.scale = options.scale
      reference.rivalShare = options.lam
    default: break
    }
    return reference
  }

  /// The order statistic that a loss of the top-K family stands on.
  private func orderStatistic(
    _ logits: [Double], above: Int, _ options: NoisedTopK, noise: [[Double]]
  ) -> OrderStatistic {
    if options.isExact {
      return exactOrderStatistic(logits, above: above, epsilon: options.epsilon)
    }
    return sampledOrderStatistic(logits, above: above, epsilon: options.epsilon, noise: noise)
  }

  /// The loss of one row, where it depends on no other; `noise` is looked at by the losses that draw it.
  func referenceRow(_ logits: [Double], label: Int, noise: [[Double]] = []) -> RowLoss {
    switch kind {
    case .focal(let gamma):
      return referenceFocalRow(
        logits, label: label, gamma: gamma, classWeight: classWeight?[label] ?? 1)
    case .noisedTopK(let options):
      let margins = smoothedCounts.map {
        referenceMargins(counts: $0, maxMargin: options.maxMargin)
      }
      return referenceHingeRow(
        logits, label: label, margin: margins?[label] ?? options.margin, scale: options.scale,
        orderStatistic(logits, above: options.k, options, noise: noise))
    case .noisedTopKOperator(let options):
      let found = orderStatistic(logits, above: options.k - 1, options, noise: noise)
      return RowLoss(value: found.value, gradient: found.holders)
    case .topKHinge(let k, let margin):
      return referenceHingeRow(
        logits, label: label, margin: margin, plainOrderStatistic(logits, above: k))
    case .smoothTopKSVM(let k, let tau, let alpha):
      return SmoothTopKSVMReference(k: k, tau: tau, alpha: alpha).row(logits, label: label)
    case .outlyingMSE(let alpha, let teacher):
      let own = teacher ?? referenceTeacher(counts: smoothedCounts ?? [], alpha: alpha)
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
    switch kind {
    case .twoHeadAverageK(let options):
      let found = TwoHeadReference(options: options).rows(problem, counted: counted)
      (rows, batch.threshold, batch.multiLabelGradient) = (found.rows, found.threshold, [])
    case .singlePositive(let options):
      rows = SinglePositiveReference(options: options).rows(problem, counted: counted)
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
