import Foundation

// The top-K family a second time. An order statistic is an expectation, a mean over samples, or
// the plain one; the losses are hinges on it.

/// An order statistic of a row's scores, and the probability with which each class holds it.
struct OrderStatistic {
  var value = 0.0
  var holders: [Double]
}

/// The score of which `above` others are higher; of several classes with it, the lowest holds it.
func plainOrderStatistic(_ scores: [Double], above: Int) -> OrderStatistic {
  let score = scores.sorted(by: >)[above]
  var found = OrderStatistic(value: score, holders: [Double](repeating: 0, count: scores.count))
  if let holder = scores.firstIndex(of: score) { found.holders[holder] = 1 }
  return found
}

/// The mean over the samples of a noise.
func sampledOrderStatistic(
  _ scores: [Double], above: Int, epsilon: Double, noise: [[Double]]
) -> OrderStatistic {
  var found = OrderStatistic(holders: [Double](repeating: 0, count: scores.count))
  for sample in noise {
    let one = plainOrderStatistic(zip(scores, sample).map { $0 + epsilon * $1 }, above: above)
    found.value += one.value / Double(noise.count)
    for index in scores.indices { found.holders[index] += one.holders[index] / Double(noise.count) }
  }
  return found
}

/// The expectation under normal noise: a trapezoid rule over thresholds t, in units of epsilon,
///
///     T = t_hi − ∫ P(N(t) ≤ above) dt      ∂T/∂z_j = ∫ φ(t − z_j) P(N_{−j}(t) = above) dt,
///
/// over the plain product of the polynomials (1 − p_j) + p_j x, cut off above x^above.
func exactOrderStatistic(
  _ scores: [Double], above: Int, epsilon: Double, step: Double = 0.0625
) -> OrderStatistic {
  var found = OrderStatistic(
    value: -.infinity, holders: [Double](repeating: 0, count: scores.count))
  // Of classes that are masked out nothing is left.
  let present = scores.indices.filter { scores[$0] != -.infinity }
  guard present.count > above else { return found }
  if epsilon == 0 { return plainOrderStatistic(scores, above: above) }
  let center = plainOrderStatistic(scores, above: above).value
  // Ten deviations below, one of the classes above would have to fall as far; as many above, and some for the
  // number of classes that may rise.
  let lowest = -10.0
  let highest = 10 + (2 * log(Double(present.count))).squareRoot()
  // What does not come within nine deviations of the lowest threshold never is above one.
  let near = present.filter { (scores[$0] - center) / epsilon > lowest - 9 }
  let places = near.map { (scores[$0] - center) / epsilon }
  let nodes = Int(((highest - lowest) / step).rounded(.up))
  var product = CountProduct(factors: near.count, degree: above)
  var below = 0.0
  for node in 0...nodes {
    let threshold = lowest + Double(node) * step
    product.multiply(places.map { exceedance($0, threshold) })
    below += (node == 0 || node == nodes ? 0.5 : 1) * product.atMost * step
    for (index, count) in product.others().enumerated() {
      let distance = threshold - places[index]
      found.holders[near[index]] +=
        count * exp(-0.5 * distance * distance) * step / (2 * Double.pi).squareRoot()
    }
  }
  found.value = center + epsilon * (lowest + Double(nodes) * step - below)
  return found
}

/// The probabilities that a score with normal noise is above a threshold, and below it.
private func exceedance(_ place: Double, _ threshold: Double) -> (above: Double, below: Double) {
  let distance = (threshold - place) / 2.0.squareRoot()
  return (0.5 * erfc(distance), 0.5 * erfc(-distance))
}

/// The product of the (1 − p_j) + p_j x, up to a degree, and of all factors before each one.
private struct CountProduct {
  private let factors: Int
  private let degree: Int
  private var chances: [(above: Double, below: Double)] = []
  /// Coefficients of the product of the first i factors, one row for each i.
  private var before: [Double]

  init(factors: Int, degree: Int) {
    (self.factors, self.degree) = (factors, degree)
    before = [Double](repeating: 0, count: (factors + 1) * (degree + 1))
  }

  mutating func multiply(_ chances: [(above: Double, below: Double)]) {
    self.chances = chances
    let width = degree + 1
    before[0] = 1
    for index in 0..<factors {
      let (above, below) = chances[index]
      var carried = 0.0
      for power in 0..<width {
        let coefficient = before[index * width + power]
        before[(index + 1) * width + power] = coefficient * below + carried
        carried = coefficient * above
      }
    }
  }

  /// The probability of no more than `degree` exceedances.
  var atMost: Double { before[(factors * (degree + 1))...].reduce(0, +) }

  /// For each class, the probability of exactly `degree` exceedances among the others.
  func others() -> [Double] {
    let width = degree + 1
    var after = [Double](repeating: 0, count: width)
    after[0] = 1
    var found = [Double](repeating: 0, count: factors)
    for index in (0..<factors).reversed() {
      for power in 0..<width {
        found[index] += before[index * width + power] * after[degree - power]
      }
      let (above, below) = chances[index]
      var carried = 0.0
      for power in 0..<width {
        let coefficient = after[power]
        after[power] = coefficient * below + carried
        carried = coefficient * above
      }
    }
    return found
  }
}

/// s (m + T − z_y)+ with T an order statistic.
func referenceHingeRow(
  _ logits: [Double], label: Int, margin: Double, scale: Double = 1, _ statistic: OrderStatistic
) -> RowLoss {
  let hinge = margin + statistic.value - logits[label]
  // Without K + 1 classes there is no rival, and NaN where the label is not there either.
  guard statistic.value > -.infinity, hinge > 0 else { return .nothing(logits.count) }
  var gradient = statistic.holders.map { scale * $0 }
  gradient[label] -= scale
  return RowLoss(value: scale * hinge, gradient: gradient)
}

/// The top-K cross-entropy: −log Σ_k P_k q_k, q_1 the softmax, by a trapezoid rule over the label's own score with noise,
///
///     q_k = ∫ φ(t − z_y) P(N_{−y}(t) < k) dt,   ∂q_k/∂z_j = −∫ φ(t − z_y) φ(t − z_j) P(N_{−y,−j}(t) = k − 1) dt.
func referenceTopKCrossEntropyRow(
  _ logits: [Double], label: Int, k: Int, epsilon: Double, weights: [Double]?
) -> RowLoss {
  var row = RowLoss.nothing(logits.count)
  if logits[label] == -.infinity {
    row.value = .infinity
    return row
  }
  var halves = [Double](repeating: 0, count: k)
  halves[0] += 0.5
  halves[k - 1] += 0.5
  let shares = weights ?? halves
  let peak = logits.max() ?? 0
  let exponentials = logits.map { exp($0 - peak) }
  let softmax = exponentials.map { $0 / exponentials.reduce(0, +) }
  var sum = shares[0] * softmax[label]
  row.gradient = softmax.map { sum * $0 }
  let rivals = logits.indices.filter { $0 != label && logits[$0] != -.infinity }
  let places = rivals.map { (logits[$0] - logits[label]) / epsilon }
  let step = 0.0625
  for rank in 2..<max(k, 1) + 1 where shares[rank - 1] > 0 {
    var product = CountProduct(factors: rivals.count, degree: rank - 1)
    for threshold in stride(from: -9.0, through: 25, by: step) {
      product.multiply(places.map { exceedance($0, threshold) })
      let node = shares[rank - 1] * step * density(threshold)
      sum += node * product.atMost
      for (index, count) in product.others().enumerated() {
        row.gradient[rivals[index]] += node * count * density(threshold - places[index]) / epsilon
      }
    }
  }
  row.gradient[label] = 0
  row.gradient[label] = -row.gradient.reduce(0, +)
  row.gradient = row.gradient.map { $0 / sum }
  row.value = -log(sum)
  return row
}

private func density(_ distance: Double) -> Double {
  exp(-0.5 * distance * distance) / (2 * Double.pi).squareRoot()
}

/// The smooth top-K SVM in logarithms, with sums over products taken class by class.
struct SmoothTopKSVMReference {
  var k: Int
  var tau: Double
  var alpha: Double

  func row(_ logits: [Double], label: Int) -> RowLoss {
    var row = RowLoss.nothing(logits.count)
    let rivals = logits.indices.filter { $0 != label && logits[$0] != -.infinity }
    guard rivals.count >= k else { return row }
    // Relative to the largest, so that small differences between large logits stay.
    let peak = logits.max() ?? 0
    let logs = rivals.map { (logits[$0] - peak) / (Double(k) * tau) }
    let before = logs.reduce(into: [Self.one(k)]) { $0.append(Self.times($0[$0.count - 1], $1)) }
    let sigma = before[logs.count]
    let gap = alpha / tau + sigma[k] - sigma[k - 1] - (logits[label] - peak) / (Double(k) * tau)
    row.value = tau * logAddExp(0, gap)
    let active = exp(-logAddExp(0, -gap)) / Double(k)
    row.gradient[label] = logits[label] == -.infinity ? 0 : -active
    var after = Self.one(k)
    for index in logs.indices.reversed() {
      // The part of σ_r whose products contain the class.
      func share(_ degree: Int) -> Double {
        let others = (0..<degree).map { before[index][$0] + after[degree - 1 - $0] }
        return exp(others.reduce(-.infinity, logAddExp) + logs[index] - sigma[degree])
      }
      row.gradient[rivals[index]] = active * (share(k) - share(k - 1))
      after = Self.times(after, logs[index])
    }
    return row
  }

  /// Logarithms of the coefficients of 1.
  private static func one(_ degree: Int) -> [Double] {
    [0] + [Double](repeating: -.infinity, count: degree)
  }

  /// Logarithms of the coefficients of a polynomial times (1 + e^log x).
  private static func times(_ polynomial: [Double], _ log: Double) -> [Double] {
    polynomial.indices.map {
      $0 == 0 ? polynomial[0] : logAddExp(polynomial[$0], polynomial[$0 - 1] + log)
    }
  }
}

/// log(e^a + e^b).
func logAddExp(_ first: Double, _ second: Double) -> Double {
  let larger = max(first, second)
  if larger.isInfinite { return larger }
  return larger + log1p(exp(min(first, second) - larger))
}
