import Foundation

// What the losses are, written a second time: in Double, from the definitions, without a thought
// for speed.

/// A row's loss, with its class weight in it, and the loss's gradient with respect to the logits.
struct RowLoss {
  var value: Double
  var gradient: [Double]
  /// The class weight in it.
  var classWeight = 1.0
  /// Gradient with respect to the logits of the other head, where there is one.
  var multiLabelGradient: [Double]?
  /// Gradient, with respect to this row's logits, of a term that every row's loss contains.
  var shared: [Double]?

  static func nothing(_ classes: Int) -> RowLoss {
    RowLoss(value: 0, gradient: [Double](repeating: 0, count: classes))
  }
}

/// The softmax-margin family: cross-entropy, against a target that need not sum to 1, of
///
///     u_j = s (d_j z_j + a_j − [j = y] (b_y − λ b_{j*}))
struct SoftmaxMarginReference {
  var scale = 1.0
  var classScale: [Double]
  var offset: [Double]
  var margin: [Double]
  var lam = 0.0
  var classWeight: [Double]
  var labelSmoothing = 0.0

  func row(_ logits: [Double], label: Int) -> RowLoss {
    let classes = logits.count
    var scores = (0..<classes).map { classScale[$0] * logits[$0] + offset[$0] }
    var ownMargin = margin[label]
    let rivals = (0..<classes).filter { $0 != label }
    if let first = rivals.first {
      let rival = rivals.reduce(first) { logits[$1] > logits[$0] ? $1 : $0 }
      ownMargin -= lam * margin[rival]
    }
    scores[label] -= ownMargin
    scores = scores.map { scale * $0 }

    // The target's mass on each class: the label's share and, spread over all classes, the smooth
    // share.
    var target = classWeight.map { labelSmoothing / Double(classes) * $0 }
    target[label] += (1 - labelSmoothing) * classWeight[label]

    let (normalizer, probabilities) = softmax(scores)
    let mass = exactSum(target)
    return RowLoss(
      value: exactSum(zip(target, scores).map { $0 == 0 ? 0 : $0 * (normalizer - $1) }),
      // A class that is masked out has no gradient, whatever its target.
      gradient: logits.indices.map {
        let slope = scale * classScale[$0] * (mass * probabilities[$0] - target[$0])
        return logits[$0] == -.infinity ? 0 : slope
      }, classWeight: classWeight[label])
  }
}

/// The logarithm of the sum of exponentials, and each one's share of it.
func softmax(_ scores: [Double]) -> (normalizer: Double, shares: [Double]) {
  let largest = scores.max() ?? 0
  let peak = largest == -.infinity ? 0 : largest
  let normalizer = peak + log(exactSum(scores.map { exp($0 - peak) }))
  return (normalizer, scores.map { $0 == -.infinity ? 0 : exp($0 - normalizer) })
}

/// Focal loss: w_y (1 − p_y)^γ (−log p_y).
func referenceFocalRow(
  _ logits: [Double], label: Int, gamma: Double, classWeight: Double
) -> RowLoss {
  let (normalizer, shares) = softmax(logits)
  // The probability of being wrong without 1 - p_y, which cancels.
  let wrong = exactSum(logits.indices.filter { $0 != label }.map { shares[$0] })
  let right = shares[label]
  let loss = wrong < 0.5 ? -log1p(-wrong) : normalizer - logits[label]
  let damping = pow(wrong, gamma)
  // γ p (1 − p)^(γ − 1) (−log p), which tends to 0 with p and with 1 − p.
  let bend = right == 0 || wrong == 0 || gamma == 0 ? 0 : gamma * right * damping / wrong * loss
  let slope = classWeight * (damping + bend)
  return RowLoss(
    value: damping == 0 ? 0 : classWeight * damping * loss,
    gradient: logits.indices.map {
      if logits[$0] == -.infinity { return 0 }
      return slope * ($0 == label ? -wrong : shares[$0])
    }, classWeight: classWeight)
}

/// The sum of numbers with the roundings carried along (Neumaier's algorithm).
func exactSum(_ numbers: [Double]) -> Double {
  var (sum, rest) = (0.0, 0.0)
  for number in numbers {
    let next = sum + number
    rest += abs(sum) >= abs(number) ? (sum - next) + number : (number - next) + sum
    sum = next
  }
  // Of an infinite sum there is no rest.
  return sum.isFinite ? sum + rest : sum
}

/// Mean squared error with outlying label: (1/C) Σ_j (z_j − [j = y] t_y)².
func referenceOutlyingRow(_ logits: [Double], label: Int, teacher: [Double]) -> RowLoss {
  let errors = logits.indices.map { logits[$0] - ($0 == label ? teacher[label] : 0) }
  let count = Double(logits.count)
  return RowLoss(
    value: exactSum(errors.map { $0 * $0 }) / count, gradient: errors.map { 2 * $0 / count })
}

/// α r_c, with r_c the rank of class c by decreasing count, of equal counts the lower index first.
func referenceTeacher(counts: [Double], alpha: Double) -> [Double] {
  counts.indices.map { own in
    let before = counts.indices.count {
      counts[$0] > counts[own] || (counts[$0] == counts[own] && $0 < own)
    }
    return alpha * Double(before + 1)
  }
}

/// Margins of LDAM's kind: maxMargin n_c^(−1/4) / max_k n_k^(−1/4).
func referenceMargins(counts: [Double], maxMargin: Double) -> [Double] {
  let raw = counts.map { pow($0, -0.25) }
  let largest = raw.max() ?? 1
  return raw.map { maxMargin * $0 / largest }
}

/// log π_c.
func referenceLogPrior(counts: [Double]) -> [Double] {
  let total = counts.reduce(0, +)
  return counts.map { log($0 / total) }
}
