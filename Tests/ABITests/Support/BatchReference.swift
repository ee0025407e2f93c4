// A whole batch in Double: rows, weights, reduction, and the factor from further up the chain rule.

/// What an evaluation should come to.
struct BatchLoss {
  var value = 0.0
  var totalWeight = 0.0
  var rowValues: [Double] = []
  /// Row by row.
  var gradient: [Double] = []
}

extension LossCase {
  /// The counts that the loss works with.
  private var smoothedCounts: [Double]? { counts?.map { $0 + countSmoothing } }

  private var softmaxMargin: SoftmaxMarginReference? {
    var reference = SoftmaxMarginReference(
      offset: [Double](repeating: 0, count: classes),
      margin: [Double](repeating: 0, count: classes),
      classWeight: classWeight ?? [Double](repeating: 1, count: classes),
      labelSmoothing: labelSmoothing)
    let counts = smoothedCounts ?? [Double](repeating: 1, count: classes)
    switch kind {
    case .crossEntropy: break
    case .logitAdjusted(let tau):
      reference.offset = referenceLogPrior(counts: counts).map { tau * $0 }
    case .ldam(let maxMargin, let scale):
      reference.margin = referenceMargins(counts: counts, maxMargin: maxMargin)
      reference.scale = scale
    case .elm(let maxMargin, let scale, let lam):
      reference.margin = referenceMargins(counts: counts, maxMargin: maxMargin)
      reference.scale = scale
      reference.rivalShare = lam
    case .noisedTopK: return nil
    }
    return reference
  }

  /// The loss of one row; `noise` is looked at by the noised losses only.
  func referenceRow(_ logits: [Double], label: Int, noise: [[Double]]) -> RowLoss {
    if case .noisedTopK(let options) = kind {
      let margins = smoothedCounts.map {
        referenceMargins(counts: $0, maxMargin: options.maxMargin)
      }
      let reference = NoisedTopKReference(
        k: options.k, epsilon: options.epsilon,
        margin: margins ?? [Double](repeating: options.margin, count: classes),
        scale: options.scale)
      return reference.row(logits, label: label, noise: noise)
    }
    return softmaxMargin?.row(logits, label: label) ?? RowLoss(value: .nan, gradient: [])
  }

  /// - Parameter noise: the noise of a row, one array a sample.
  func reference(
    _ problem: Problem, noise: (_ row: Int) -> [[Double]] = { _ in [] }
  ) -> BatchLoss {
    var batch = BatchLoss()
    for index in 0..<problem.rows {
      guard problem.labels[index] != ignoreIndex else {
        batch.rowValues.append(0)
        batch.gradient += [Double](repeating: 0, count: classes)
        continue
      }
      let label = Int(problem.labels[index])
      let row = referenceRow(problem.row(index), label: label, noise: noise(index))
      let weight = problem.sampleWeight?[index] ?? 1
      batch.value += weight * row.value
      batch.totalWeight += weight * (classWeight?[label] ?? 1)
      batch.rowValues.append(weight * row.value)
      batch.gradient += row.gradient.map { weight * $0 * upstream(problem, row: index) }
    }
    guard reduction == .mean else { return batch }
    let factor = batch.totalWeight == 0 ? 0 : 1 / batch.totalWeight
    batch.value *= factor
    batch.gradient = batch.gradient.map { $0 * factor }
    return batch
  }

  private func upstream(_ problem: Problem, row: Int) -> Double {
    guard let upstream = problem.upstream else { return 1 }
    return reduction == .none ? upstream[row] : upstream[0]
  }

  /// How large the numbers inside the loss get, which is what rounding errors are relative to.
  func magnitude(_ problem: Problem) -> Double {
    let largest = problem.logits.lazy.filter(\.isFinite).map(abs).max() ?? 0
    let weights = [classWeight ?? [1], problem.sampleWeight ?? [1]].map { $0.map(abs).max() ?? 1 }
    let options: (scale: Double, shift: Double) =
      switch kind {
      case .crossEntropy: (1, 0)
      case .logitAdjusted(let tau): (1, 20 * abs(tau))
      case .ldam(let maxMargin, let scale): (scale, maxMargin)
      case .elm(let maxMargin, let scale, let lam): (scale, maxMargin * (1 + abs(lam)))
      case .noisedTopK(let options): (options.scale, abs(options.margin) + 7 * options.epsilon)
      }
    return (1 + options.scale * (largest + options.shift)) * weights[0] * weights[1]
  }
}
