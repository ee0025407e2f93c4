import CKernels

// The highest noised scores of a row in one sample, with the caller's noise or with none.

/// The score and class at the rank, or nil if a noised score is NaN.
@inline(never)
func selectWithGivenNoise<V: ProcessorLanes>(
  _ row: NoisedTopKRow, _ sample: Int, heapScores: UnsafeMutablePointer<V.Scalar>,
  heapClasses: UnsafeMutablePointer<Int>, _: V.Type
) -> (score: V.Scalar, classIndex: Int)? {
  let classes = Int(truncatingIfNeeded: row.classes)
  let epsilon = V.splat(V.Scalar(row.epsilon))
  let noise = row.noise.map {
    $0 + sample &* Int(truncatingIfNeeded: row.noise_sample_stride) &* V.scalarBytes
  }
  var selection = TopSelection<V>(
    scores: heapScores, classes: heapClasses, rank: Int(truncatingIfNeeded: row.rank))
  var index = 0
  while index < classes {
    let count = min(V.width, classes &- index)
    let logit = V.load(row.logits, index, count: count, filler: -.infinity)
    let draw = noise.map { V.load($0, index, count: count, filler: 0) } ?? V.zero
    let score = logit + draw * epsilon
    // NaN is not below the threshold either. Classes come in order: one that is equal ranks behind.
    let threshold = V.splat(selection.threshold)
    if index < selection.rank || !V.allTrue(V.lessOrEqual(score, threshold)) {
      if !admit(score, count, index, &selection) { return nil }
    }
    index &+= V.width
  }
  return (selection.threshold, selection.lowestClassAtThreshold)
}

/// Takes in the first `count` lanes, scores of consecutive classes from `first` on. False if one is NaN.
@inline(__always)
private func admit<V: ProcessorLanes>(
  _ scores: V, _ count: Int, _ first: Int, _ selection: inout TopSelection<V>
) -> Bool {
  withUnsafeBytes(of: scores) { lanes in
    guard let base = lanes.baseAddress else { return false }
    var lane = 0
    while lane < count {
      let score = base.loadUnaligned(
        fromByteOffset: lane &* MemoryLayout<V.Scalar>.size, as: V.Scalar.self)
      if score.isNaN { return false }
      if score >= selection.threshold { selection.admit(score, of: first &+ lane) }
      lane &+= 1
    }
    return true
  }
}
