import CKernels

// The order statistic of noised scores as a mean over samples (Garcin et al., ICML 2022):
//
//   T = mean over S samples of the r-th largest of x = z + ε Z
//   ∂T/∂z_j = the share of the samples in which class j holds rank r
//
// The product ε Z and the sum are rounded one by one, so that ranks are the same on every instruction set and in any
// implementation given the same noise.

/// Bytes of scratch for any element type, or −1 if that overflows.
func sampledOrderStatisticScratchBytes(rank: Int, samples: Int, classes: Int) -> Int {
  let selection = NoisedSelectionMemory<Double>.bytes(rank: rank, classes: classes)
  let (chosen, chosenOverflows) = samples.multipliedReportingOverflow(by: 8)
  let full = FullSelectionMemory<Double>.bytes(classes: classes)
  let (both, overflows) = chosen.addingReportingOverflow(selection)
  let (all, allOverflow) = both.addingReportingOverflow(full)
  return selection < 0 || chosenOverflows || overflows || allOverflow ? -1 : all
}

/// T on one row, with the class that held the rank in every sample.
struct SampledOrderStatistic<Vector: ProcessorLanes>: OrderStatistic {
  let value: Double
  private let row: NoisedTopKRow
  private let chosen: UnsafeMutablePointer<Int>

  /// Nil if a noised score is NaN.
  @inline(never)
  init?(_ row: NoisedTopKRow) {
    let samples = Int(truncatingIfNeeded: row.samples)
    let selectionBytes = NoisedSelectionMemory<Double>.bytes(
      rank: Int(truncatingIfNeeded: row.rank), classes: Int(truncatingIfNeeded: row.classes))
    let fullBytes = FullSelectionMemory<Double>.bytes(
      classes: Int(truncatingIfNeeded: row.classes))
    let full = row.scratch + selectionBytes
    let chosen = (full + fullBytes).assumingMemoryBound(to: Int.self)
    let isDrawn = row.noise == nil && row.epsilon != 0
    guard
      let sum = isDrawn
        ? Self.drawnSum(row, samples, full, chosen)
        : Self.givenSum(row, samples, chosen)
    else { return nil }
    value = sum / Double(samples)
    self.row = row
    self.chosen = chosen
  }

  @inline(never)
  private static func drawnSum(
    _ row: NoisedTopKRow, _ samples: Int, _ memory: UnsafeMutableRawPointer,
    _ chosen: UnsafeMutablePointer<Int>
  ) -> Double? {
    var sum = 0.0
    var sample = 0
    func note(_ choice: (score: Vector.Scalar, classIndex: Int)) {
      sum += Double(choice.score)
      chosen[sample] = choice.classIndex
      sample &+= 1
    }
    let partial = NoisedSelection<Vector>(row)
    if partial.mostBlocksMatter, let selection = FullSelection<Vector>(row, memory: memory) {
      var place = 0
      repeat {
        let drawn = min(selection.samplesAtOnce, samples &- sample)
        selection.draw(from: sample, count: drawn)
        place = 0
        while place < drawn, let choice = selection.choose(place) {
          note(choice)
          place &+= 1
        }
        if place < drawn { break }
      } while sample < samples
    }
    if sample == samples { return sum }
    let first = sample
    while sample < samples {
      let place = (sample &- first) % NoisedSelection<Vector>.samplesAtOnce
      if place == 0 {
        partial.drawStrong(
          from: sample, count: min(NoisedSelection<Vector>.samplesAtOnce, samples &- sample))
      }
      note(partial.choose(sample, place))
    }
    return sum
  }

  /// Nil if a noised score is NaN.
  @inline(never)
  private static func givenSum(
    _ row: NoisedTopKRow, _ samples: Int, _ chosen: UnsafeMutablePointer<Int>
  ) -> Double? {
    let memory = NoisedSelectionMemory<Vector.Scalar>(
      row.scratch, rank: Int(truncatingIfNeeded: row.rank),
      classes: Int(truncatingIfNeeded: row.classes))
    var sum = 0.0
    var sample = 0
    while sample < samples {
      guard
        let choice = selectWithGivenNoise(
          row, sample, heapScores: memory.heapScores, heapClasses: memory.heapClasses, Vector.self)
      else { return nil }
      sum += Double(choice.score)
      chosen[sample] = choice.classIndex
      sample &+= 1
    }
    return sum
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
