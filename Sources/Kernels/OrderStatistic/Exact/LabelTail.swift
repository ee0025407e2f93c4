import CSystem

/// How likely a label's score with noise is to be above a threshold. In units of ε, as the scores.
struct LabelTail {
  /// Without noise.
  let score: Double
  /// −log of a probability to be among the `rank` largest that does not matter.
  let negligible: Double
  let rank: Int

  /// −log of a bound on that probability for a label so far below the score at the rank: one of as many scores must fall
  /// below it with noise, k Φ(−d / √2) <= k exp(−d² / 4).
  func exponent(distance: Double) -> Double {
    distance > 0 ? distance * distance / 4 - log(Double(rank)) : 0
  }

  /// −log of that probability, less log 2 and never below 0; otherwise within 0.3 up to x = 30.
  func exponent(above threshold: Double) -> Double {
    let x = threshold - score
    if !(x > 0) { return 0 }
    return x * x / 2 + 0.8 * x / (1 + 0.22 * x)
  }
}
