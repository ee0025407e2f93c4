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

/// One row of an evaluation, as the losses see it.
struct Row {
  let index: Int
  let logits: UnsafeRawPointer
  let gradient: UnsafeMutableRawPointer?
  let label: Int
  /// For losses that convert rows themselves: the row of 16-bit elements and where its gradient goes. Its logits are
  /// then room for the row in float32.
  let stored: HeadRow?
  /// v, the sample's weight.
  let weight: Double
  /// Multiplies the gradient of the row's loss: weights, upstream value and the reduction's divisor.
  let gradientScale: Double
  /// Where the next row will be, for the cache.
  let nextLogits: UnsafeRawPointer
  let nextGradient: UnsafeMutableRawPointer?
  /// Working memory of `scratchBytes`, this task's alone.
  let scratch: UnsafeMutableRawPointer
  /// Memory of `callBytes`, which `prepare` has filled and all tasks share.
  let call: UnsafeMutableRawPointer
  /// The row of the multi-label head, for losses that have one.
  let multiLabel: HeadRow?
  /// The result: w_y ℓ, without the sample's weight.
  var loss: Double
}

/// One call of evaluate, for what has to be known of the whole batch before any row's loss.
struct Call {
  let batch: Batch
  /// The batch with the multi-label head's logits, for losses that have one.
  let multiLabel: Batch?
  let plan: Executor.Plan
  let workspace: Workspace
  /// Whether there is an upstream value for every row.
  let isPerRow: Bool
  /// What row gradients are divided by: the total weight for the mean, else 1.
  var divisor = 1.0

  /// What the gradient of a row's loss is multiplied by: weights, upstream value and the reduction's divisor.
  func gradientScale(_ row: Int) -> Double {
    divisor == 0
      ? 0 : batch.upstream[isPerRow ? row : 0] * batch.sampleWeight[row] / divisor
  }
}

/// A loss prepared for evaluation: what a handle points to. Immutable, so that threads can share it.
class Loss {
  let common: CommonOptions
  /// The number of classes, where the loss has vectors indexed by class.
  let classes: Int?

  init(common: CommonOptions, classes: Int?) {
    self.common = common
    self.classes = classes
  }

  /// Whether rows have labels.
  var needsLabels: Bool { true }

  /// Whether batches have a multi-label head besides.
  var hasMultiLabelHead: Bool { false }

  /// t of each class, if this is the mean squared error with outlying label.
  var teacher: ClassNumbers? { nil }

  /// Checks what only this loss asks of a batch.
  func check(_ batch: Batch) throws(Failure) {}

  /// The memory that noise passed in covers, once checked; nil if there is none.
  func noiseSpan(_ batch: Batch) throws(Failure) -> MemorySpan? { nil }

  /// Working memory that one row needs.
  func scratchBytes(_ batch: Batch) throws(Failure) -> Int { 0 }

  /// Memory that the rows of a call share.
  func callBytes(_ batch: Batch) throws(Failure) -> Int { 0 }

  /// Passes over the whole batch that have to end before any row's loss is known.
  func prepare(_ call: Call, _ result: inout topkloss_result) throws(Failure) {}

  /// Whether rows are full of numbers so small that the processor is slow with them, and 0 would do.
  var flushesSubnormals: Bool { false }

  /// What one row roughly costs, to decide whether threads are worth it.
  func nanosecondsPerRow(_ batch: Batch) -> Double { 0 }

  /// w_y, the class weight that enters the divisor of the mean.
  func weight(label: Int) -> Double { 1 }

  /// Whether the loss widens rows of 16-bit elements and narrows their gradients, while it works on them.
  var convertsRows: Bool { false }

  /// How many rows are best evaluated together, at least 1.
  func rowsAtOnce(_ batch: Batch) -> Int { 1 }

  /// Sets the rows' losses; writes the gradients, if wanted. Rows are of float32 or float64.
  func evaluate(_ rows: UnsafeMutablePointer<Row>, count: Int, of batch: Batch) {
    for index in 0..<count { rows[index].loss = evaluate(rows[index], of: batch) }
  }

  /// The same of one row.
  func evaluate(_ row: Row, of batch: Batch) -> Double { .nan }
}
