import CDevice
import CGPU
import CKernels

/// What the search comes to: TwoHeadAverageKLoss.prepare does the same on the CPU.
@c(topk_two_heads_threshold)
public func twoHeadsThreshold(_ call: UnsafePointer<TopkDeviceCall>) {
  let isBad = BatchSummary(call).isBad
  let state = TwoHeadsMemory(call).state
  let loss = call.pointee.two_heads
  var selection = foundSelection(call)
  // All have read the state.
  Block.barrier()
  if Block.place != 0 { return }
  var threshold = min(selection.midpoint { exp($0) }, 1)
  if let outcome = call.pointee.outcome, state.pointee.rows > 0, !isBad {
    let before = loss.threshold_decay > 0 ? outcome.pointee.threshold : 0
    if before != 0 {
      // A threshold that is no probability makes no selection: the rows are NaN.
      let isProbability = before >= 0 && before <= 1
      threshold =
        isProbability
        ? loss.threshold_decay * before + (1 - loss.threshold_decay) * threshold : .nan
      selection = .from(
        isProbability ? AverageKSelection.lowestScore(ofProbability: threshold) : .nan)
    }
    outcome.pointee.threshold = threshold
  }
  state.pointee.selection = selection
}

@inline(__always)
private func foundSelection(_ call: UnsafePointer<TopkDeviceCall>) -> AverageKSelection {
  let memory = TwoHeadsMemory(call)
  let state = memory.state.pointee
  if !state.isSearching {
    return state.outcome == SelectionState.Outcome.none.rawValue ? .none : .from(-.infinity)
  }
  let score = Float(orderKey: state.pattern)
  let rows = Int(call.pointee.rows)
  var (below, row) = (-Float.infinity, Block.place)
  while row < rows {
    if memory.normalization[row].isNumber { below = gpu_max(below, memory.ties[row].below) }
    row &+= Block.width
  }
  below = Block.largest(below)
  let tied = Place(of: state.wanted, among: rows) {
    memory.normalization[$0].isNumber ? memory.ties[$0].count : 0
  }
  let isCut = state.wanted < tied.total
  var end = AverageKSelection.Place.none
  if isCut {
    let scores = StoredScores(call, tied.index, memory.normalization[tied.index])
    let place = Place(of: tied.left, among: call.classCount) { scores[$0] == score ? 1 : 0 }
    end = AverageKSelection.Place(row: tied.index, classIndex: place.index)
  }
  return AverageKSelection(
    score: Double(score), next: Double(isCut ? score : below), ties: Int(state.wanted), end: end)
}
