import Foundation

// What the losses are, written a second time: in Double, from the definitions, without a thought
// for speed.

/// A row's loss, with its class weight in it, and the loss's gradient with respect to the logits.
struct RowLoss {
  var value: Double
  var gradient: [Double]
}

/// The softmax-margin family: cross-entropy, against a target that need not sum to 1, of
///
///     u_j = s (d_j z_j + a_j − [j = y] (b_y − λ b_{j*}))
struct SoftmaxMarginReference {
  var scale = 1.0
  var offset: [Double]
  var margin: [Double]
  var rivalShare = 0.0
  var classWeight: [Double]
  var labelSmoothing = 0.0

  func row(_ logits: [Double], label: Int) -> RowLoss {
    let classes = logits.count
    var scores = (0..<classes).map { logits[$0] + offset[$0] }
    var ownMargin = margin[label]
    let rivals = (0..<classes).filter { $0 != label }
    if let first = rivals.first {
      let rival = rivals.reduce(first) { logits[$1] > logits[$0] ? $1 : $0 }
      ownMargin -= rivalShare * margin[rival]
    }
    scores[label] -= ownMargin
    scores = scores.map { scale * $0 }

    // The target's mass on each class: the label's share and, spread over all classes, the smooth
    // share.
    var target = classWeight.map { labelSmoothing / Double(classes) * $0 }
    target[label] += (1 - labelSmoothing) * classWeight[label]

    let peak = scores.max() ?? 0
    let normalizer = peak + log(exactSum(scores.map { exp($0 - peak) }))
    let probabilities = scores.map { exp($0 - normalizer) }
    let mass = exactSum(target)
    return RowLoss(
      value: exactSum(zip(target, scores).map { $0 == 0 ? 0 : $0 * (normalizer - $1) }),
      // A class that is masked out has no gradient, whatever its target.
      gradient: logits.indices.map {
        logits[$0] == -.infinity ? 0 : scale * (mass * probabilities[$0] - target[$0])
      })
  }
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

/// Noised top-K: s (m_y + T − z_y)+ with T the mean over the samples of the (K+1)-th largest noised
/// score. Of several classes with that score, the lowest has the gradient.
struct NoisedTopKReference {
  var k: Int
  var epsilon: Double
  var margin: [Double]
  var scale: Double

  func row(_ logits: [Double], label: Int, noise: [[Double]]) -> RowLoss {
    var threshold = 0.0
    var gradient = [Double](repeating: 0, count: logits.count)
    for sample in noise {
      let scores = zip(logits, sample).map { $0 + epsilon * $1 }
      let score = scores.sorted(by: >)[k]
      threshold += score / Double(noise.count)
      if let holder = scores.firstIndex(of: score) {
        gradient[holder] += scale / Double(noise.count)
      }
    }
    gradient[label] -= scale
    let hinge = margin[label] + threshold - logits[label]
    if hinge <= 0 {
      return RowLoss(value: 0, gradient: [Double](repeating: 0, count: logits.count))
    }
    return RowLoss(value: scale * hinge, gradient: gradient)
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
