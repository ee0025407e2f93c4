import CKernels

// Rows of noised top-K whose classes are in several places: of a shard the highest noised scores of every sample, among
// which those of the whole row are. Noise is a function of the class, and so the same as if the row were whole.

/// Writes what noise was drawn, and `rank` choices a sample, those that the shard is too small for of class −1. No logit is
/// NaN or +∞.
@inline(never)
func noisedTopKShard<V: ProcessorLanes>(
  _ whole: NoisedTopKRow, _ state: UnsafeMutableRawPointer, _: V.Type
) {
  let choices = state + MemoryLayout<TopKShardState>.size
  let samples = Int(truncatingIfNeeded: whole.samples)
  // What selects relies on there being as many classes.
  var row = whole
  row.rank = min(whole.rank, whole.classes)
  let memory = NoisedSelectionMemory<V.Scalar>(
    row.scratch, rank: Int(truncatingIfNeeded: row.rank),
    classes: Int(truncatingIfNeeded: row.classes))
  var sample = 0
  if row.epsilon == 0 {
    // All samples are alike.
    _ = selectWithGivenNoise(
      row, 0, heapScores: memory.heapScores, heapClasses: memory.heapClasses, V.self)
    while sample < samples {
      writeChoices(of: sample, row.rank, of: whole, memory, choices, V.self)
      sample &+= 1
    }
    return
  }
  let key = RowNoise(seed: row.seed, step: row.step, row: row.row).key
  state.storeBytes(
    of: UInt64(key.0) << 32 | UInt64(key.1), toByteOffset: MemoryLayout<ShardState>.size,
    as: UInt64.self)
  let selection = NoisedSelection<V>(row)
  let atOnce = NoisedSelection<V>.samplesAtOnce
  while sample < samples {
    let place = sample % atOnce
    if place == 0 { selection.drawStrong(from: sample, count: min(atOnce, samples &- sample)) }
    _ = selection.choose(sample, place)
    writeChoices(of: sample, row.rank, of: whole, memory, choices, V.self)
    sample &+= 1
  }
}

/// What a selection has left in its memory.
@inline(never)
private func writeChoices<V: ProcessorLanes>(
  of sample: Int, _ found: Int64, of row: NoisedTopKRow, _ memory: NoisedSelectionMemory<V.Scalar>,
  _ choices: UnsafeMutableRawPointer, _: V.Type
) {
  let rank = Int(truncatingIfNeeded: row.rank)
  let stride = MemoryLayout<ShardChoice>.stride
  var place = 0
  while place < rank {
    var choice = ShardChoice(score: -.infinity, class_index: -1)
    if place < Int(truncatingIfNeeded: found) {
      let classIndex = memory.heapClasses[place] &+ Int(truncatingIfNeeded: row.first_class)
      choice = ShardChoice(score: Double(memory.heapScores[place]), class_index: Int64(classIndex))
    }
    choices.storeBytes(
      of: choice, toByteOffset: (sample &* rank &+ place) &* stride, as: ShardChoice.self)
    place &+= 1
  }
}
