import Foundation

// Average-K and learning from one positive label a second time: by sorting whole batches.

/// log(1 + e^x).
func softplus(_ number: Double) -> Double { logAddExp(0, number) }

/// 1 / (1 + e^−x).
func logistic(_ number: Double) -> Double { exp(-softplus(-number)) }

/// Which of the scores are the round(B K) best, halves to even; of equal ones the first. NaN is none of them.
func bestPairs(_ scores: [[Double]], k: Double) -> [[Bool]] {
  let flat = scores.flatMap { $0 }
  let ranking = flat.indices.filter { !flat[$0].isNaN }.sorted {
    flat[$0] == flat[$1] ? $0 < $1 : flat[$0] > flat[$1]
  }
  let count = Int((Double(scores.count) * k).rounded(.toNearestOrEven))
  let kept = Set(ranking.prefix(count))
  var next = 0
  return scores.map { row in
    defer { next += row.count }
    return row.indices.map { kept.contains(next + $0) }
  }
}

/// The midpoint of the last score that is kept and the first that is not; +inf if none is kept.
func referenceThreshold(_ scores: [[Double]], k: Double) -> Double {
  let ranking = scores.flatMap { $0 }.filter { !$0.isNaN }.sorted(by: >)
  let count = Int((Double(scores.count) * k).rounded(.toNearestOrEven))
  if count == 0 { return .infinity }
  let (last, next) = (ranking[count - 1], ranking[count])
  return last == next ? last : last / 2 + next / 2
}

/// The two-head loss of a batch: each row's, and the threshold.
struct TwoHeadReference {
  var options: LossCase

  /// - Parameter counted: which rows are not ignored.
  func rows(_ problem: Problem, counted: [Bool]) -> (rows: [RowLoss?], threshold: Double) {
    let used = (0..<problem.rows).filter { counted[$0] }
    let shares = used.map { softmax(problem.row($0)).shares }
    var threshold = referenceThreshold(shares, k: options["k"])
    var candidates = bestPairs(shares, k: options["k"])
    if options["threshold_decay"] > 0, problem.threshold > 0 {
      threshold =
        options["threshold_decay"] * problem.threshold + (1 - options["threshold_decay"])
        * threshold
      candidates = shares.map { $0.map { $0 >= threshold } }
    }
    var rows = [RowLoss?](repeating: nil, count: problem.rows)
    for (place, index) in used.enumerated() {
      rows[index] = row(
        problem.row(index), problem.multiLabelRow(index), label: Int(problem.labels[index]),
        candidates[place])
    }
    return (rows, threshold)
  }

  private func row(
    _ logits: [Double], _ multiLabel: [Double], label: Int, _ candidates: [Bool]
  ) -> RowLoss {
    let (normalizer, shares) = softmax(logits)
    let unit =
      options["multi_label_weight"] / (options["class_reduction"] == 1 ? Double(logits.count) : 1)
    let weights = logits.indices.map {
      candidates[$0] && $0 != label ? unit * options["candidate_weight"] : unit
    }
    let targets = logits.indices.map { candidates[$0] || $0 == label ? 1.0 : 0 }
    let terms = logits.indices.map {
      // -log f for what is there, -log(1 - f) for what is not.
      let entropy = targets[$0] == 1 ? softplus(-multiLabel[$0]) : softplus(multiLabel[$0])
      return weights[$0] == 0 ? 0 : weights[$0] * entropy
    }
    return RowLoss(
      value: normalizer - logits[label] + exactSum(terms),
      gradient: logits.indices.map {
        logits[$0] == -.infinity ? 0 : shares[$0] - ($0 == label ? 1 : 0)
      },
      multiLabelGradient: logits.indices.map {
        weights[$0] * (targets[$0] == 1 ? -logistic(-multiLabel[$0]) : logistic(multiLabel[$0]))
      })
  }
}

/// The losses of Cole et al. for a batch.
struct SinglePositiveReference {
  var options: LossCase

  func rows(_ problem: Problem, counted: [Bool]) -> [RowLoss?] {
    let used = (0..<problem.rows).filter { counted[$0] }
    let weights = used.map { problem.sampleWeight?[$0] ?? 1 }
    let total = exactSum(weights)
    let positives = used.map { exactSum(problem.row($0).map(logistic)) }
    let mean = total == 0 ? 0 : exactSum(zip(weights, positives).map(*)) / total
    let count = Double(problem.classes)
    let distance = (mean - options["expected_positives"]) / count
    var rows = [RowLoss?](repeating: nil, count: problem.rows)
    for (place, index) in used.enumerated() {
      let logits = problem.row(index)
      var row = row(logits, label: Int(problem.labels[index]))
      if options["method"] == 2 {
        row.value += options["regularization"] * distance * distance
        let slope = 2 * options["regularization"] * distance / count
        let part = total == 0 ? 0 : weights[place] / total
        row.shared = logits.map { slope * part * logistic($0) * logistic(-$0) }
      }
      rows[index] = row
    }
    return rows
  }

  private func row(_ logits: [Double], label: Int) -> RowLoss {
    let count = Double(logits.count)
    let (positive, negative) =
      switch options["method"] {
      case 0: (1 / count, 1 / count)
      case 1: (1 / count, logits.count > 1 ? 1 / count / (count - 1) : 0)
      default: (1.0, 0.0)
      }
    return RowLoss(
      value: exactSum(
        logits.indices.map {
          $0 == label
            ? positive * softplus(-logits[$0])
            : negative == 0 ? 0 : negative * softplus(logits[$0])
        }),
      gradient: logits.indices.map {
        $0 == label ? -positive * logistic(-logits[$0]) : negative * logistic(logits[$0])
      })
  }
}
