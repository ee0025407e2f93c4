import CDevice
import CKernels
import CTopKLoss

/// What every loss is told, whatever it computes.
struct CommonOptions {
  enum Reduction {
    case mean
    case sum
    case none
  }

  let reduction: Reduction
  let checkFinite: Bool
  let ignoredLabel: Int64

  init(
    reduction: topkloss_reduction, checkFinite: Int32, ignoreIndex: Int64
  ) throws(Failure) {
    switch Int(reduction) {
    case TOPKLOSS_MEAN: self.reduction = .mean
    case TOPKLOSS_SUM: self.reduction = .sum
    case TOPKLOSS_NONE: self.reduction = .none
    default:
      throw Failure(
        TOPKLOSS_ERROR_ENUMERATOR,
        "options.reduction is \(reduction): it must be TOPKLOSS_MEAN, "
          + "TOPKLOSS_SUM or TOPKLOSS_NONE")
    }
    self.checkFinite = checkFinite != 0
    ignoredLabel = ignoreIndex
  }
}

/// A loss prepared for evaluation: what a handle points to. Immutable, so that threads can share it.
class Loss {
  let common: CommonOptions
  /// The number of classes, where the loss has vectors indexed by class.
  let classes: Int?
  /// What of a batch it looks at.
  let use: Batch.Use

  init(common: CommonOptions, classes: Int?, use: Batch.Use = .everything) {
    self.common = common
    self.classes = classes
    self.use = use
  }

  /// Checks what only this loss asks of a batch, and adds the memory that only this loss reads.
  func check(_ batch: Batch, reading inputs: inout Output.Inputs) throws(Failure) {}

  /// Sets what a device's kernels are told of this loss alone.
  func describe(_ call: inout TopkDeviceCall) {}

  /// What the rows of a batch take.
  func needs(_ batch: Batch) throws(Failure) -> RowNeeds { RowNeeds(nanosecondsPerRow: 0) }

  /// Passes over the whole batch that have to end before any row's loss is known.
  func prepare(_ call: Call, _ result: inout topkloss_result) throws(Failure) {}

  /// w_y, the class weight that enters the divisor of the mean.
  func weight(label: Int) -> Double { 1 }

  /// Sets the losses of some rows of a piece, as many as were asked for at the most; writes the gradients, if wanted. Rows
  /// are of float32 or float64.
  func evaluate(
    _ rows: UnsafeMutablePointer<Row>, count: Int, in piece: Piece, of call: Call
  ) {
    for index in 0..<count { rows[index].loss = evaluate(rows[index], in: piece, of: call) }
  }

  /// The same of one row.
  func evaluate(_ row: Row, in piece: Piece, of call: Call) -> Double { .nan }

  // MARK: Shards of the classes

  /// Bytes of a row's state. What a loss that cannot be computed from shards of the classes refuses.
  func stateBytes() throws(Failure) -> Int {
    throw Failure(
      TOPKLOSS_ERROR_OPTION,
      "loss: only the softmax-margin family but seesaw, the top-K hinge, and noised top-K by Monte Carlo are computed from "
        + "shards of the classes")
  }

  /// Checks what only this loss asks of a shard.
  func check(_ shard: Shard, of batch: Batch) throws(Failure) {}

  /// Σ q_j of what all classes share of a label, over a shard of them.
  func smoothing(from first: Int, count: Int, allClasses: Int) -> Double { 0 }

  /// Whether rows with NaN or +∞ have no state but that they are so.
  var looksForBadLogits: Bool { common.checkFinite }

  /// What the rows of a shard take when its states are written, and when they are completed.
  func partialNeeds(_ batch: Batch) throws(Failure) -> RowNeeds { try needs(batch) }
  func completionNeeds(_ batch: Batch) throws(Failure) -> RowNeeds { try needs(batch) }

  /// Writes a row's state, zero so far behind what all states begin with.
  func write(
    _ state: UnsafeMutableRawPointer, of row: Row, in piece: Piece, of call: Call
  ) {}

  /// Sets a row's loss from its states of all shards; writes the gradient of this one, if wanted.
  func complete(_ row: UnsafeMutablePointer<Row>, in piece: Piece, of call: Call) {}
}
