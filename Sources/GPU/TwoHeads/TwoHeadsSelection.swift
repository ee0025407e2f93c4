import CDevice
import CGPU
import CKernels

// The selection of the batch's round(B K) highest scores, as AverageKSearch does it: keys' digits are counted, the highest
// first. Scores are (z_j − peak) − log_sum in float32, as everywhere, and counts whole numbers, so that threads' order does
// not matter.

/// How many rows take part, and how many scores are wanted.
@c(topk_two_heads_start)
public func twoHeadsStart(_ call: UnsafePointer<TopkDeviceCall>) {
  let memory = TwoHeadsMemory(call)
  var (own, row) = (0.0, Block.place)
  while row < Int(call.pointee.rows) {
    if memory.normalization[row].isNumber { own += 1 }
    row &+= Block.width
  }
  var value = Block.place
  while value < TwoHeadsMemory.values {
    memory.counts[value] = 0
    value &+= Block.width
  }
  let rows = Int(Block.sum(own))
  if Block.place != 0 { return }
  let wanted = AverageKSelection.wanted(call.pointee.two_heads.k, rows: rows)
  let outcome: SelectionState.Outcome = wanted == 0 ? .none : .searching
  memory.state.pointee = SelectionState(
    outcome: outcome.rawValue, rows: Int64(rows), wanted: Int64(wanted), mask: 0, pattern: 0,
    shift: 32 &- TwoHeadsMemory.digitBits, bits: TwoHeadsMemory.digitBits, selection: .none)
}

/// Counts how many scores of interest have each value of the digit.
@c(topk_two_heads_count)
public func twoHeadsCount(_ call: UnsafePointer<TopkDeviceCall>) {
  let memory = TwoHeadsMemory(call)
  let state = memory.state.pointee
  if !state.isSearching { return }
  let (mask, pattern) = (state.mask, state.pattern)
  let (shift, digit) = (state.shift, (1 as UInt32) &<< state.bits &- 1)
  let own = BlockCounts(memory.counts)
  own.clear()
  var pending = 0
  eachCountingRow(call, memory) { _, scores in
    // Long before the block's counts overflow, and seldom enough to cost nothing.
    pending &+= call.classCount
    if pending > 1 << 15 {
      own.flush()
      own.clear()
      pending = call.classCount
    }
    var index = Block.place
    while index < call.classCount {
      let key = scores[index].orderKey
      if key & mask == pattern && key != 0 { own.add(Int((key &>> shift) & digit)) }
      index &+= Block.width
    }
  }
  own.flush()
}

/// Takes the value at which the wanted number is reached from above.
@c(topk_two_heads_choose)
public func twoHeadsChoose(_ call: UnsafePointer<TopkDeviceCall>) {
  let memory = TwoHeadsMemory(call)
  let state = memory.state.pointee
  if !state.isSearching { return }
  let highest = TwoHeadsMemory.values &- 1
  let place = Place(of: state.wanted &- 1, among: TwoHeadsMemory.values) {
    Int64(bitPattern: memory.counts[highest &- $0])
  }
  Block.barrier()
  var value = Block.place
  while value < TwoHeadsMemory.values {
    memory.counts[value] = 0
    value &+= Block.width
  }
  if Block.place != 0 { return }
  if state.mask == 0 && place.total <= state.wanted {
    memory.state.pointee.outcome = SelectionState.Outcome.all.rawValue
    return
  }
  memory.state.pointee.pattern |= UInt32(highest &- place.index) &<< state.shift
  memory.state.pointee.mask |= ((1 as UInt32) &<< state.bits &- 1) &<< state.shift
  // Of the ones that have this value.
  memory.state.pointee.wanted = place.left &+ 1
  let bits = min(TwoHeadsMemory.digitBits, state.shift)
  memory.state.pointee.bits = bits
  memory.state.pointee.shift = state.shift &- bits
}

/// How many scores of each row equal the one found, and the highest below it.
@c(topk_two_heads_ties)
public func twoHeadsTies(_ call: UnsafePointer<TopkDeviceCall>) {
  let memory = TwoHeadsMemory(call)
  if !memory.state.pointee.isSearching { return }
  let score = Float(orderKey: memory.state.pointee.pattern)
  eachCountingRow(call, memory) { row, scores in
    var (count, below, index) = (0.0, -Float.infinity, Block.place)
    while index < call.classCount {
      let other = scores[index]
      if other == score { count += 1 }
      if other < score { below = gpu_max(below, other) }
      index &+= Block.width
    }
    let ties = RowTies(count: Int64(Block.sum(count)), below: Block.largest(below))
    if Block.place == 0 { memory.ties[row] = ties }
  }
}

/// A block's own counts in shared memory, which are added to everybody's.
private struct BlockCounts {
  private let own = sharedMemory(UInt32.self)
  private let all: UnsafeMutablePointer<UInt64>

  @inline(__always)
  init(_ all: UnsafeMutablePointer<UInt64>) { self.all = all }

  @inline(__always)
  func clear() {
    each { own[$0] = 0 }
    Block.barrier()
  }

  @inline(__always)
  func add(_ value: Int) { _ = gpu_atomic_add_u32(own + value, 1) }

  @inline(__always)
  func flush() {
    Block.barrier()
    each { value in
      if own[value] == 0 { return }
      // In halves: what carries into the upper one does so once, whoever's turn it is.
      UnsafeMutableRawPointer(all + value).withMemoryRebound(to: UInt32.self, capacity: 2) {
        let before = gpu_atomic_add_u32($0, own[value])
        if before &+ own[value] < before { _ = gpu_atomic_add_u32($0 + 1, 1) }
      }
    }
  }

  /// Each value is the same thread's always.
  @inline(__always)
  private func each(_ body: (Int) -> Void) {
    var value = Block.place
    while value < TwoHeadsMemory.values {
      body(value)
      value &+= Block.width
    }
  }
}

/// The scores of a row as they are stored.
struct StoredScores {
  private let row: UnsafeMutableRawPointer
  private let type: StoredType
  private let peak: Float
  private let logSum: Float

  @inline(__always)
  init(
    _ call: UnsafePointer<TopkDeviceCall>, _ index: Int, _ normalization: SoftmaxNormalization
  ) {
    row = call.stored(call.pointee.logits, index).unsafelyUnwrapped
    type = StoredType(call)
    (peak, logSum) = (Float(normalization.peak), Float(normalization.logSum))
  }

  @inline(__always)
  subscript(index: Int) -> Float { (type.load(row, index) - peak) - logSum }
}

/// A block's rows that take part.
@inline(__always)
private func eachCountingRow(
  _ call: UnsafePointer<TopkDeviceCall>, _ memory: TwoHeadsMemory,
  _ body: (Int, StoredScores) -> Void
) {
  var row = Int(gpu_block())
  while row < Int(call.pointee.rows) {
    let normalization = memory.normalization[row]
    if normalization.isNumber { body(row, StoredScores(call, row, normalization)) }
    row &+= Int(gpu_blocks())
  }
}
