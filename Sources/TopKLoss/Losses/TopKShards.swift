import CKernels
import CSystem
import CTopKLoss

// The top-K family from shards of the classes: the rank-th highest score of a sample is among each shard's rank highest, and
// so is the first class that has it.

extension SmoothedOrderStatistic {
  func stateBytes() throws(Failure) -> Int {
    let choice = MemoryLayout<ShardChoice>.stride
    let (choices, overflows) = rank.multipliedReportingOverflow(by: samples)
    guard !overflows, choices < Int.max / choice / 2 else {
      throw Failure(
        TOPKLOSS_ERROR_OPTION, "options.k is \(rank &- 1): a row's state would be too large")
    }
    return MemoryLayout<TopKShardState>.size + choices &* choice
  }

  /// A score for every rank, and a class for every sample.
  func completionNeeds() -> RowNeeds {
    RowNeeds(
      nanosecondsPerRow: 200 + 20 * Double(rank) * Double(samples),
      scratchBytes: (rank &+ samples) &* MemoryLayout<Double>.stride)
  }

  /// Noise is drawn for 32 classes at a time.
  func check(_ shard: Shard, of batch: Batch) throws(Failure) {
    if epsilon != 0 && shard.first % 32 != 0 {
      throw Failure(
        TOPKLOSS_ERROR_SIZE,
        "shard.first_class is \(shard.first): noise is drawn for 32 classes at a time, of which a shard begins with the first"
      )
    }
    if takesNoise && batch.noise.given != nil {
      throw Failure(
        TOPKLOSS_ERROR_OPTION,
        "batch.noise is not NULL: with shards of the classes, noise is the library's own")
    }
  }
}

/// The loss of a row, s (m + T − z_y)+; writes the shard's part of its gradient, if wanted.
func completeShard(
  _ row: Row, _ statistic: SmoothedOrderStatistic, scale: Double, margin: Double, in piece: Piece,
  of call: Call
) -> Double {
  let (batch, states) = (call.head.batch, call.shard.states(ofRow: row.index))
  func fill(_ number: Double) -> Double {
    if let gradient = row.gradient {
      batch.kernels.fill(gradient, number, Int64(batch.classes))
    }
    return number
  }
  if states.badClass >= 0 || states.noiseDiffers { return fill(.nan) }
  let numbers = piece.scratch.assumingMemoryBound(to: Double.self)
  let chosen = numbers + statistic.rank
  var sum = 0.0
  for sample in 0..<statistic.samples {
    let choice = states.choice(atRank: statistic.rank, sample, call.shard, numbers)
    sum += choice.score
    chosen[sample] = Double(choice.class_index)
  }
  let (statisticValue, labelLogit) = (sum / Double(statistic.samples), states.labelLogit)
  // Both masked out: the label is as good as the class at the rank.
  let gap = statisticValue == labelLogit ? 0 : statisticValue - labelLogit
  let hinge = margin + gap
  if !(hinge > 0) { return fill(hinge.isNaN ? .nan : 0) }
  if let gradient = row.gradient {
    _ = fill(0)
    let weight = row.gradientScale * scale
    func store(_ number: Double, _ place: Int) {
      if batch.element == .float64 {
        gradient.storeBytes(of: number, toByteOffset: place &* 8, as: Double.self)
      } else {
        gradient.storeBytes(of: Float(number), toByteOffset: place &* 4, as: Float.self)
      }
    }
    let label = call.shard.place(of: row.label)
    if label >= 0 { store(-weight, label) }
    LeastFirst(numbers: chosen, count: statistic.samples).sort()
    var first = 0
    while first < statistic.samples {
      var end = first &+ 1
      while end < statistic.samples && chosen[end] == chosen[first] { end &+= 1 }
      let place = call.shard.place(of: Int(exactly: chosen[first]) ?? -1)
      let share = Double(end &- first) / Double(statistic.samples)
      if place >= 0 { store(weight * (place == label ? share - 1 : share), place) }
      first = end
    }
  }
  return scale * hinge
}

extension RowStates {
  /// Whether shards drew the noise of different seeds, steps or rows: what they have is then of no one row.
  fileprivate var noiseDiffers: Bool {
    func key(_ shard: Int) -> UInt64 {
      self[shard].loadUnaligned(as: TopKShardState.self).noise_key
    }
    for shard in 0..<count where key(shard) != key(own) { return true }
    return false
  }

  /// The score at the rank in one sample, and the first class that has it; −1 if no class of those there are.
  ///
  /// - Parameter highest: room for a number for every rank.
  fileprivate func choice(
    atRank rank: Int, _ sample: Int, _ shard: Shard, _ highest: UnsafeMutablePointer<Double>
  ) -> ShardChoice {
    for place in 0..<rank { highest[place] = -.infinity }
    let heap = LeastFirst(numbers: highest, count: rank)
    each(rank, sample) { if $0.score > highest[0] { heap.replaceLeast($0.score) } }
    var first = Int64.max
    each(rank, sample) {
      if $0.score == highest[0] && $0.class_index >= 0 { first = min(first, $0.class_index) }
    }
    return ShardChoice(
      score: highest[0], class_index: first < Int64(shard.allClasses) ? first : -1)
  }

  /// The choices of all shards in one sample.
  private func each(_ rank: Int, _ sample: Int, _ body: (ShardChoice) -> Void) {
    for shard in 0..<count {
      let choices = self[shard] + MemoryLayout<TopKShardState>.size
      for place in 0..<rank {
        let offset = (sample &* rank &+ place) &* MemoryLayout<ShardChoice>.stride
        body(choices.loadUnaligned(fromByteOffset: offset, as: ShardChoice.self))
      }
    }
  }
}

/// A binary heap with the least number at its root. None is NaN.
private struct LeastFirst {
  let numbers: UnsafeMutablePointer<Double>
  let count: Int

  func replaceLeast(_ number: Double) { sink(number, from: 0, count) }

  /// From the greatest down: n log n whatever the order.
  func sort() {
    var start = count / 2
    while start > 0 {
      start &-= 1
      sink(numbers[start], from: start, count)
    }
    var end = count &- 1
    while end > 0 {
      let least = numbers[0]
      sink(numbers[end], from: 0, end)
      numbers[end] = least
      end &-= 1
    }
  }

  private func sink(_ number: Double, from start: Int, _ end: Int) {
    var position = start
    while true {
      var child = 2 &* position &+ 1
      if child >= end { break }
      if child &+ 1 < end && numbers[child &+ 1] < numbers[child] { child &+= 1 }
      if numbers[child] >= number { break }
      numbers[position] = numbers[child]
      position = child
    }
    numbers[position] = number
  }
}
