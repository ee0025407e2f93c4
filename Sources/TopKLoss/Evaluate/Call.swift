import CKernels
import CTopKLoss

/// One row of an evaluation, as the losses see it.
struct Row {
  let index: Int
  let label: Int
  let logits: UnsafeRawPointer
  /// Where the gradient goes, which may be the logits; nil if it is not wanted.
  let gradient: UnsafeMutableRawPointer?
  /// Multiplies the gradient of the row's loss: weights, upstream value and the reduction's divisor.
  let gradientScale: Double
  /// The result: w_y ℓ, without the sample's weight.
  var loss: Double
}

/// How the rows of a loss are evaluated, and what that takes.
struct RowNeeds {
  /// What one row roughly costs, to decide whether threads are worth it.
  var nanosecondsPerRow: Double
  /// Working memory of a piece.
  var scratchBytes = 0
  /// Memory that all pieces share, which `prepare` fills.
  var sharedBytes = 0
  /// How many rows are best evaluated together.
  var rowsAtOnce = 1
  /// Whether the loss widens rows of 16-bit elements itself, and narrows their gradients.
  var convertsRows = false
  /// How many other rows the loss widens at once.
  var otherWidenedRows = 0
  /// Whether rows are full of numbers so small that the processor is slow with them, and 0 would do.
  var flushesSubnormals = false

  /// Where the rows that are evaluated together stand, in front of the loss's own scratch.
  var groupBytes: Int { CheckedSize.ofWholeLines(rowsAtOnce &* MemoryLayout<Row>.stride) }
}

/// One call of evaluate.
struct Call {
  private(set) var head: Head
  /// The multi-label head, for losses that have one, or soft labels; else the first once more. No optional: its copies
  /// would cost every row time.
  private(set) var second: Head
  let hasSecond: Bool
  let needs: RowNeeds
  let workspace: Workspace
  /// Whether there is an upstream value for every row.
  let isPerRow: Bool
  let ignoredLabel: Int64
  /// Which classes the rows have.
  let shard: Shard
  /// What row gradients are divided by: the total weight for the mean, else 1.
  var divisor = 1.0

  var batch: Batch { head.batch }

  /// Whether rows are worked on in tiles.
  var isTurned: Bool { head.isTurned || second.isTurned }

  /// The same call with some rows, not more than a tile has room for, where kernels can read and write them.
  func turned(_ rows: Range<Int>, in piece: Piece) -> Call {
    var call = self
    call.head = head.turned(rows, in: piece)
    call.second = hasSecond ? second.turned(rows, in: piece) : call.head
    return call
  }

  /// Puts the gradients of those rows in their places.
  func write(from piece: Piece) {
    head.write(from: piece)
    if hasSecond { second.write(from: piece) }
  }

  /// What the gradient of a row's loss is multiplied by: weights, upstream value and the reduction's divisor.
  func gradientScale(_ row: Int) -> Double {
    divisor == 0
      ? 0 : head.batch.upstream[isPerRow ? row : 0] * head.batch.sampleWeight[row] / divisor
  }

  /// The class that a row is labelled with, or nil if the row is to be ignored.
  @inline(__always)
  func label(_ row: Int) -> Int? {
    head.batch.labels.classIndex(row, head.batch.allClasses, ignoredLabel)
  }
}
