import CKernels

// Noised top-K on one row, Monte Carlo (Garcin et al., ICML 2022):
//
//   ℓ = s (m + T − z_y)+,   T = mean over S samples of the (K+1)-th largest of x = z + ε Z
//   ∂T/∂z_j = the share of the samples in which class j holds rank K+1
//
// Noise is made a block of classes at a time and used at once. The product ε Z and the sum are rounded one by one,
// so that ranks are the same on every instruction set and in any implementation given the same noise.

/// Classes whose noise is made at once: a multiple of `RowNoise.blockSize` that stays in the first-level cache.
private let noiseBlock = 1024

/// Where a call keeps its working memory.
private struct Scratch<Score: BinaryFloatingPoint & BitwiseCopyable> {
  let noise: UnsafeMutablePointer<Float>
  let heapScores: UnsafeMutablePointer<Score>
  let heapClasses: UnsafeMutablePointer<Int>
  let chosen: UnsafeMutablePointer<Int>

  init(_ memory: UnsafeMutableRawPointer, rank: Int) {
    noise = memory.assumingMemoryBound(to: Float.self)
    let heap = memory + noiseBlock &* 4
    heapScores = heap.assumingMemoryBound(to: Score.self)
    heapClasses = (heap + rank &* 8).assumingMemoryBound(to: Int.self)
    chosen = (heap + rank &* 16).assumingMemoryBound(to: Int.self)
  }
}

/// Bytes of scratch for any element type, or −1 if that overflows.
func noisedTopKScratchBytes(rank: Int, samples: Int) -> Int {
  let (heap, heapOverflows) = rank.multipliedReportingOverflow(by: 16)
  let (chosen, chosenOverflows) = samples.multipliedReportingOverflow(by: 8)
  let (both, bothOverflow) = heap.addingReportingOverflow(chosen)
  let (all, allOverflow) = both.addingReportingOverflow(noiseBlock &* 4)
  return heapOverflows || chosenOverflows || bothOverflow || allOverflow ? -1 : all
}

@inline(never)
func noisedTopK<E: Element>(_ row: NoisedTopKRow, _: E.Type) -> Double {
  let logits = row.logits
  let classes = Int(truncatingIfNeeded: row.classes)
  let samples = Int(truncatingIfNeeded: row.samples)
  let label = Int(truncatingIfNeeded: row.label)
  let scratch = Scratch<E.Vector.Scalar>(row.scratch, rank: Int(truncatingIfNeeded: row.rank))
  let noise = RowNoise(seed: row.seed, step: row.step, row: row.row)

  var isBad = firstNotFinite(logits, classes, E.self) >= 0
  var sum = 0.0
  var sample = 0
  while sample < samples && !isBad {
    if let chosen = selectAtRank(row, logits, sample, noise, scratch, E.self) {
      sum += Double(chosen.score)
      scratch.chosen[sample] = chosen.classIndex
    } else {
      isBad = true
    }
    sample &+= 1
  }
  if isBad {
    if let gradient = row.gradient { fill(gradient, with: .nan, classes, E.self) }
    return .nan
  }

  let labelScore = Double(E.loadScalar(logits, label))
  let threshold = sum / Double(samples)
  // Both masked out: the label is as good as the class at the rank.
  let gap = threshold == labelScore ? 0 : threshold - labelScore
  let hinge = row.margin + gap
  if !(hinge > 0) {
    let nothing: E.Vector.Scalar = hinge.isNaN ? .nan : 0
    if let gradient = row.gradient { fill(gradient, with: nothing, classes, E.self) }
    return Double(nothing)
  }
  if let gradient = row.gradient {
    fill(gradient, with: 0, classes, E.self)
    let weight = row.scale * row.gradient_scale
    E.storeScalar(E.Vector.Scalar(-weight), gradient, label)
    sortAscending(scratch.chosen, samples)
    var first = 0
    while first < samples {
      let classIndex = scratch.chosen[first]
      var end = first &+ 1
      while end < samples && scratch.chosen[end] == classIndex { end &+= 1 }
      let share = Double(end &- first) / Double(samples)
      E.storeScalar(
        E.Vector.Scalar(weight * (classIndex == label ? share - 1 : share)), gradient, classIndex)
      first = end
    }
  }
  return row.scale * hinge
}

/// The score and class at the rank in one sample, or nil if a noised score is NaN.
@inline(__always)
private func selectAtRank<E: Element>(
  _ row: NoisedTopKRow, _ logits: UnsafeRawPointer, _ sample: Int, _ noise: RowNoise,
  _ scratch: Scratch<E.Vector.Scalar>, _: E.Type
) -> (score: E.Vector.Scalar, classIndex: Int)? {
  let classes = Int(truncatingIfNeeded: row.classes)
  let epsilon = E.Vector.splat(E.Vector.Scalar(row.epsilon))
  var selection = TopSelection(
    scores: scratch.heapScores, classes: scratch.heapClasses,
    rank: Int(truncatingIfNeeded: row.rank))
  var threshold = E.Vector.minusInfinity

  var blockStart = 0
  while blockStart < classes {
    let blockCount = min(noiseBlock, classes &- blockStart)
    if row.noise == nil {
      noise.fill(scratch.noise, first: blockStart, count: blockCount, sample: sample)
    }
    var index = 0
    while index < blockCount {
      let count = min(E.Vector.width, blockCount &- index)
      let logit = E.load(logits, blockStart &+ index, count: count, filler: -.infinity)
      let draw: E.Vector
      if let given = row.noise {
        let offset = sample &* Int(truncatingIfNeeded: row.noise_sample_stride) &+ blockStart
        draw = loadNumbers(given, offset &+ index, count: count)
      } else {
        draw = E.Vector.widen(scratch.noise + index)
      }
      let score = logit + draw * epsilon
      // NaN is not at or below the threshold either.
      if !selection.isFull || !E.Vector.allTrue(E.Vector.lessOrEqual(score, threshold)) {
        let admitted = admit(score, count, blockStart &+ index, &selection)
        if !admitted { return nil }
        if selection.isFull { threshold = E.Vector.splat(selection.threshold) }
      }
      index &+= E.Vector.width
    }
    blockStart &+= noiseBlock
  }
  return selection.isFull ? (selection.threshold, selection.classAtLastRank) : nil
}

/// Takes in the first `count` lanes, scores of consecutive classes from `first` on. False if one is NaN.
@inline(__always)
private func admit<V: Lanes>(
  _ scores: V, _ count: Int, _ first: Int, _ selection: inout TopSelection<V.Scalar>
) -> Bool {
  withUnsafeBytes(of: scores) { lanes in
    guard let base = lanes.baseAddress else { return false }
    var lane = 0
    while lane < count {
      let score = base.loadUnaligned(
        fromByteOffset: lane &* MemoryLayout<V.Scalar>.size, as: V.Scalar.self)
      if score.isNaN { return false }
      if !selection.isFull || score > selection.threshold {
        selection.admit(score, of: first &+ lane)
      }
      lane &+= 1
    }
    return true
  }
}

/// Heapsort: in place, and n log n whatever the order.
private func sortAscending(_ numbers: UnsafeMutablePointer<Int>, _ count: Int) {
  func siftDown(_ start: Int, _ end: Int) {
    let number = numbers[start]
    var position = start
    while true {
      var child = 2 &* position &+ 1
      if child >= end { break }
      if child &+ 1 < end && numbers[child &+ 1] > numbers[child] { child &+= 1 }
      if numbers[child] <= number { break }
      numbers[position] = numbers[child]
      position = child
    }
    numbers[position] = number
  }
  var start = count / 2
  while start > 0 {
    start &-= 1
    siftDown(start, count)
  }
  var end = count &- 1
  while end > 0 {
    let largest = numbers[0]
    numbers[0] = numbers[end]
    numbers[end] = largest
    siftDown(0, end)
    end &-= 1
  }
}
