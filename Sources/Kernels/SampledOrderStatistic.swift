import CKernels

// The order statistic of noised scores as a mean over samples (Garcin et al., ICML 2022):
//
//   T = mean over S samples of the r-th largest of x = z + ε Z
//   ∂T/∂z_j = the share of the samples in which class j holds rank r
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
func sampledOrderStatisticScratchBytes(rank: Int, samples: Int) -> Int {
  let (heap, heapOverflows) = rank.multipliedReportingOverflow(by: 16)
  let (chosen, chosenOverflows) = samples.multipliedReportingOverflow(by: 8)
  let (both, bothOverflow) = heap.addingReportingOverflow(chosen)
  let (all, allOverflow) = both.addingReportingOverflow(noiseBlock &* 4)
  return heapOverflows || chosenOverflows || bothOverflow || allOverflow ? -1 : all
}

/// T on one row, with the class that held the rank in every sample.
struct SampledOrderStatistic<Vector: Lanes>: OrderStatistic {
  let value: Double
  private let row: NoisedTopKRow
  private let chosen: UnsafeMutablePointer<Int>

  /// Nil if a noised score is NaN.
  @inline(never)
  init?(_ row: NoisedTopKRow) {
    let samples = Int(truncatingIfNeeded: row.samples)
    let scratch = Scratch<Vector.Scalar>(row.scratch, rank: Int(truncatingIfNeeded: row.rank))
    let noise = RowNoise(seed: row.seed, step: row.step, row: row.row)
    var sum = 0.0
    var sample = 0
    while sample < samples {
      guard let choice = selectAtRank(row, row.logits, sample, noise, scratch, Vector.self) else {
        return nil
      }
      sum += Double(choice.score)
      scratch.chosen[sample] = choice.classIndex
      sample &+= 1
    }
    value = sum / Double(samples)
    self.row = row
    chosen = scratch.chosen
  }

  @inline(never)
  func writeGradient(_ gradient: UnsafeMutableRawPointer, weight: Double) {
    let samples = Int(truncatingIfNeeded: row.samples)
    let label = Int(truncatingIfNeeded: row.label)
    fill(gradient, with: 0, Int(truncatingIfNeeded: row.classes), Vector.self)
    if label >= 0 { Vector.storeScalar(Vector.Scalar(-weight), gradient, label) }
    sortAscending(chosen, samples)
    var first = 0
    while first < samples {
      let classIndex = chosen[first]
      var end = first &+ 1
      while end < samples && chosen[end] == classIndex { end &+= 1 }
      let share = Double(end &- first) / Double(samples)
      Vector.storeScalar(
        Vector.Scalar(weight * (classIndex == label ? share - 1 : share)), gradient, classIndex)
      first = end
    }
  }
}

/// The score and class at the rank in one sample, or nil if a noised score is NaN.
@inline(__always)
private func selectAtRank<V: Lanes>(
  _ row: NoisedTopKRow, _ logits: UnsafeRawPointer, _ sample: Int, _ noise: RowNoise,
  _ scratch: Scratch<V.Scalar>, _: V.Type
) -> (score: V.Scalar, classIndex: Int)? {
  let classes = Int(truncatingIfNeeded: row.classes)
  let epsilon = V.splat(V.Scalar(row.epsilon))
  var selection = TopSelection(
    scores: scratch.heapScores, classes: scratch.heapClasses,
    rank: Int(truncatingIfNeeded: row.rank))
  var threshold = V.minusInfinity

  var blockStart = 0
  while blockStart < classes {
    let blockCount = min(noiseBlock, classes &- blockStart)
    if row.noise == nil && row.epsilon != 0 {
      noise.fill(scratch.noise, first: blockStart, count: blockCount, sample: sample)
    }
    var index = 0
    while index < blockCount {
      let count = min(V.width, blockCount &- index)
      let logit = V.load(logits, blockStart &+ index, count: count, filler: -.infinity)
      let draw: V
      if let given = row.noise {
        let offset = sample &* Int(truncatingIfNeeded: row.noise_sample_stride) &+ blockStart
        draw = V.load(given, offset &+ index, count: count, filler: 0)
      } else if row.epsilon == 0 {
        draw = V.zero
      } else {
        draw = V.widen(scratch.noise + index)
      }
      let score = logit + draw * epsilon
      // NaN is not at or below the threshold either.
      if !selection.isFull || !V.allTrue(V.lessOrEqual(score, threshold)) {
        let admitted = admit(score, count, blockStart &+ index, &selection)
        if !admitted { return nil }
        if selection.isFull { threshold = V.splat(selection.threshold) }
      }
      index &+= V.width
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
