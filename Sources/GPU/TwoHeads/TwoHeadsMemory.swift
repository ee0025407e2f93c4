import CDevice
import CGPU
import CKernels

// What the passes of the two-head average-K loss leave for one another in `shared`, 16,640 + 32 rows bytes:
//
//        0   SelectionState
//      256   2,048 numbers of 64 bits: how many scores of interest have each value of a digit
//   16,640   for every row, how its softmax is normalised: NaN where the row does not count
//   then     for every row, how many of its scores are ties, and the highest score below them
//
// The launches of a call, each with TOPK_DEVICE_REDUCTION_BYTES + 8,192 bytes of shared memory:
//
//   topk_begin, topk_two_heads_normalize (rows), topk_two_heads_start (one block),
//   three times: topk_two_heads_count (rows), topk_two_heads_choose (one block),
//   topk_two_heads_ties (rows), topk_two_heads_threshold (one block), topk_two_heads (rows), topk_end
//
// "Rows": as many blocks as one likes. Scratch: rows of 16-bit elements alone, and those of the second head.

/// Where the search for the last score that is kept has got to: AverageKSearch does the same on the CPU.
struct SelectionState {
  enum Outcome: Int64 {
    /// What is looked for is a score among the others.
    case searching
    case none, all
  }

  var outcome: Int64
  /// How many rows take part.
  let rows: Int64
  /// How many scores are looked for among those whose keys have the pattern in the bits of the mask.
  var wanted: Int64
  var mask: UInt32
  var pattern: UInt32
  /// The digit to be counted next.
  var shift: UInt32
  var bits: UInt32
  var selection: AverageKSelection

  @inline(__always)
  var isSearching: Bool { outcome == Outcome.searching.rawValue }
}

struct RowTies {
  var count: Int64
  var below: Float
}

struct TwoHeadsMemory {
  let state: UnsafeMutablePointer<SelectionState>
  let counts: UnsafeMutablePointer<UInt64>
  let normalization: UnsafeMutablePointer<SoftmaxNormalization>
  let ties: UnsafeMutablePointer<RowTies>

  static var digitBits: UInt32 { 11 }
  static var values: Int { 1 &<< Int(digitBits) }

  @inline(__always)
  init(_ call: UnsafePointer<TopkDeviceCall>) {
    let start = call.pointee.shared.unsafelyUnwrapped
    let tables = start + (256 &+ Self.values &* 8)
    state = start.assumingMemoryBound(to: SelectionState.self)
    counts = (start + 256).assumingMemoryBound(to: UInt64.self)
    normalization = tables.assumingMemoryBound(to: SoftmaxNormalization.self)
    ties = (tables + Int(call.pointee.rows) &* 16).assumingMemoryBound(to: RowTies.self)
  }
}

/// Shared memory behind what reductions use.
@inline(__always)
func sharedMemory<T>(_: T.Type) -> UnsafeMutablePointer<T> {
  (gpu_shared() + Block.reductionBytes).assumingMemoryBound(to: T.self)
}

/// Where one of so many things lies that are counted in order: in which place, and how many of that place's are before it.
struct Place {
  var index: Int
  var left: Int64
  /// Of all places.
  let total: Int64

  /// Looks for a number, from 0, among counts of 0 or more that each thread sums a part of. All threads of the block come
  /// here.
  @inline(__always)
  init(of wanted: Int64, among places: Int, _ count: (Int) -> Int64) {
    let sums = sharedMemory(Int64.self)
    let share = (places &+ Block.width &- 1) / Block.width
    let start = Block.place &* share
    var (own, index) = (Int64(0), start)
    while index < min(places, start &+ share) {
      own &+= count(index)
      index &+= 1
    }
    Block.barrier()
    sums[Block.place] = own
    Block.barrier()
    var (part, left, total) = (0, wanted, Int64(0))
    for thread in 0..<Block.width {
      total &+= sums[thread]
      if part == thread && left >= sums[thread] {
        left &-= sums[thread]
        part &+= 1
      }
    }
    index = part &* share
    while index < places {
      let here = count(index)
      if left < here { break }
      left &-= here
      index &+= 1
    }
    (self.index, self.left, self.total) = (index, left, total)
  }
}
