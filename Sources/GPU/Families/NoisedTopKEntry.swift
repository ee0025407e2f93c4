import CDevice
import CGPU
import CKernels

// Noised top-K by sampling (Kernels/OrderStatistic/NoisedTopK.swift), a block a row:
//
//   ℓ = s (m + T − z_y)+,   T = 1/S Σ_s x_s,   ∂T/∂z_j = the share of the samples in which class j holds the rank
//
// x_s are summed by one thread in the order of the samples, and shares are whole numbers until they are divided, so that value
// and gradient are the processor's bits.
//
// Of a block's memory, noised_topk_scratch_bytes(rank, samples, classes, epsilon) = 8 min(samples, 4096) + 8 classes; the bytes of
// shared memory are TOPK_DEVICE_REDUCTION_BYTES + 416 + 24 threads. A warp takes a sample: threads beyond 32 samples help with
// the row alone. Ranks above threads / 2 − 4, or above 60, are found by drawing all noise: 128 threads or more are best.

@c(topk_noised_topk)
public func noisedTopK(_ call: UnsafePointer<TopkDeviceCall>) {
  evaluateWidenedRows(call) { row in
    let label = call.pointee.noised_topk.has_label != 0 ? row.label : -1
    let labelScore = label >= 0 ? Double(row.logits[label]) : 0
    let sampled = SampledRow(row, call)
    guard let value = sampled.mean() else {
      clear(row.gradient, call.classCount, to: .nan)
      return .nan
    }
    return hinge(row, call, label: label, labelScore, value, sampled.memory.counts)
  }
}

@inline(__always)
private func hinge(
  _ row: CallRow<Float>, _ call: UnsafePointer<TopkDeviceCall>, label: Int, _ labelScore: Double,
  _ statistic: Double, _ counts: UnsafeMutablePointer<UInt32>
) -> Double {
  let loss = call.pointee.noised_topk
  let hinge = NoisedTopKHinge(
    loss, statistic: statistic, label: label, labelScore: labelScore, scale: row.gradientScale)
  guard let gradient = row.gradient else { return hinge.value }
  guard let weight = hinge.weight else {
    clear(gradient, call.classCount, to: Float(hinge.value))
    return hinge.value
  }
  var index = Block.place
  while index < call.classCount {
    let count = counts[index]
    let share = Double(count) / Double(loss.samples)
    let part = index == label ? share - 1 : share
    gradient[index] = count == 0 && index != label ? 0 : Float(weight * part)
    index &+= Block.width
  }
  return hinge.value
}

extension SampledRow {
  /// T, and in memory how often each class has been chosen; nil if a score is NaN or +∞, or a noised score is none.
  @inline(__always)
  fileprivate func mean() -> Double? {
    var (isFinite, best, index) = (true, RankKey.none, gpu_thread())
    while index < classes {
      let score = logits[Int(index)]
      isFinite = isFinite && score < .infinity
      let key = RankKey(score, index)
      best = best < key ? key : best
      memory.counts[Int(index)] = 0
      index &+= gpu_threads()
    }
    if Block.any(!isFinite) { return nil }
    if isRankHigh && given == nil { findStrongClasses(best) }
    return sum().map { $0 / Double(samples) }
  }

  @inline(__always)
  private func sum() -> Double? {
    var (first, sum, isChosen) = (UInt32(0), 0.0, true)
    while first < samples {
      let count = min(memory.samplesAtOnce, samples &- first)
      // What was chosen before has been summed, and no class counted yet.
      Block.barrier()
      choose(from: first, count)
      Block.barrier()
      if gpu_thread() == 0 {
        var place: UInt32 = 0
        while place < count {
          sum += Double(memory.chosenScores[Int(place)])
          place &+= 1
        }
        memory.sum.pointee = sum
      }
      var place = gpu_thread()
      while place < count {
        let classIndex = memory.chosenClasses[Int(place)]
        isChosen = isChosen && classIndex != noClass
        if classIndex != noClass { _ = gpu_atomic_add_u32(memory.counts + Int(classIndex), 1) }
        place &+= gpu_threads()
      }
      first &+= count
    }
    return Block.any(!isChosen) ? nil : memory.sum.pointee
  }

  /// Chooses in some samples.
  @inline(__always)
  private func choose(from first: UInt32, _ count: UInt32) {
    let warps = gpu_threads() &>> 5
    if isRankHigh {
      var place = gpu_thread() &>> 5
      while place < count {
        let key = chooseInWarp(first &+ place)
        if Warp.place == 0 { memory.keep(key, of: place) }
        place &+= warps
      }
    } else {
      var place: UInt32 = 0
      while place < count {
        let key = chooseInBlock(first &+ place)
        if gpu_thread() == 0 { memory.keep(key, of: place) }
        place &+= 1
      }
    }
  }
}
