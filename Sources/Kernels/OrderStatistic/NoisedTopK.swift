import CKernels

// Noised top-K on one row (Garcin et al., ICML 2022):
//
//   ℓ = s (m + T − z_y)+,   T = E[(z + ε Z)_[r]],   ∂T/∂z_j = P( class j holds rank r of z + ε Z )
//
// Without a label the row's value is T itself.

/// Bytes of scratch for either arithmetic type, or −1 if that overflows. No samples: the exact expectation.
func noisedTopKScratchBytes(rank: Int, samples: Int, classes: Int, epsilon: Double) -> Int {
  samples == 0
    ? exactOrderStatisticScratchBytes(rank: rank, classes: classes, epsilon: epsilon)
    : sampledOrderStatisticScratchBytes(rank: rank, samples: samples, classes: classes)
}

/// T on one row, however it is estimated.
protocol OrderStatistic {
  associatedtype Vector: ProcessorLanes

  var value: Double { get }

  /// Writes weight · (∂T/∂z_j − [j = y]) for every class; y = −1 for no label.
  func writeGradient(_ gradient: UnsafeMutableRawPointer, weight: Double)
}

@inline(never)
func noisedTopK<V: ProcessorLanes>(_ row: NoisedTopKRow, _: V.Type) -> Double {
  if firstNotFinite(row.logits, Int(truncatingIfNeeded: row.classes), V.self) >= 0 {
    return notANumber(row, V.self)
  }
  if row.samples == 0 {
    // Probabilities far from a node, and their products, are subnormal by the thousand.
    let environment = lanes_flush_subnormals()
    defer { lanes_restore(environment) }
    return exactNoisedTopK(row, V.self)
  }
  guard let statistic = SampledOrderStatistic<V>(row) else { return notANumber(row, V.self) }
  return hinge(row, statistic)
}

@inline(never)
private func exactNoisedTopK<V: ProcessorLanes>(_ row: NoisedTopKRow, _: V.Type) -> Double {
  hinge(row, ExactOrderStatistic<V>(row))
}

private func notANumber<V: ProcessorLanes>(_ row: NoisedTopKRow, _: V.Type) -> Double {
  if let gradient = row.gradient {
    fill(gradient, with: .nan, Int(truncatingIfNeeded: row.classes), V.self)
  }
  return .nan
}

@inline(never)
private func hinge<S: OrderStatistic>(_ row: NoisedTopKRow, _ statistic: S) -> Double {
  var value = statistic.value
  var weight = row.gradient_scale
  if row.label >= 0 {
    let label = Int(truncatingIfNeeded: row.label)
    let labelScore = Double(S.Vector.loadScalar(row.logits, label))
    // Both masked out: the label is as good as the class at the rank.
    let gap = value == labelScore ? 0 : value - labelScore
    let hinge = row.margin + gap
    if !(hinge > 0) {
      let nothing: S.Vector.Scalar = hinge.isNaN ? .nan : 0
      if let gradient = row.gradient {
        fill(gradient, with: nothing, Int(truncatingIfNeeded: row.classes), S.Vector.self)
      }
      return Double(nothing)
    }
    value = row.scale * hinge
    weight *= row.scale
  }
  if let gradient = row.gradient { statistic.writeGradient(gradient, weight: weight) }
  return value
}
