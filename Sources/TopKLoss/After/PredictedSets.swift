import CKernels
import CTopKLoss

/// The sets of classes that a threshold keeps, a row at a time.
struct PredictedSets {
  private let batch: Batch
  private let threshold: Double
  private let ties: Int64
  private let neverEmpty: Bool

  init(
    _ threshold: topkloss_threshold, neverEmpty: Bool, _ batch: Batch
  ) throws(Failure) {
    if threshold.value.isNaN {
      throw Failure(TOPKLOSS_ERROR_OPTION, "threshold.value is NaN")
    }
    self.batch = batch
    self.threshold = threshold.value
    ties = threshold.ties < 0 ? Int64.max : threshold.ties
    self.neverEmpty = neverEmpty
  }

  /// Writes the sets as compressed sparse rows: first where each begins, then the classes, if there is room for all.
  func write(
    _ indptr: UnsafeMutableRawPointer, _ indices: UnsafeMutablePointer<Int64>?, capacity: Int64
  ) throws(Failure) {
    guard indices == nil || capacity >= 0 else {
      throw Failure(TOPKLOSS_ERROR_SIZE, "capacity is \(capacity): it must be 0 or more")
    }
    let workspace = try Workspace(
      rows: 0, pieces: 1, scratchBytes: 0, widenedBytes: batch.widenedBytes)
    defer { workspace.giveBack() }
    let widened = workspace.widened(of: 0)
    indptr.storeBytes(of: 0, as: Int64.self)
    let total = run(into: nil, room: 0, widened) { row, end in
      indptr.storeBytes(of: Int64(end), toByteOffset: (row &+ 1) &* 8, as: Int64.self)
    }
    guard let indices else { return }
    guard Int64(total) <= capacity else {
      throw Failure(
        TOPKLOSS_ERROR_SIZE, "capacity is \(capacity): the sets have \(total) classes together")
    }
    _ = run(into: indices, room: total, widened) { _, _ in }
  }

  /// Goes through all rows, puts their sets one after another into `indices`, and tells where each ends. Returns where
  /// the last does.
  private func run(
    into indices: UnsafeMutablePointer<Int64>?, room: Int, _ widened: UnsafeMutableRawPointer,
    _ visit: (_ row: Int, _ end: Int) -> Void
  ) -> Int {
    let classes = Int64(batch.classes)
    var (end, ties) = (0, ties)
    for row in 0..<batch.rows {
      let scores = batch.numbers(row, in: widened)
      let left = max(0, room &- end)
      var size = batch.kernels.choose(
        scores, classes, threshold, &ties, indices.map { $0 + end }, Int64(left))
      if size == 0 && neverEmpty {
        let best = batch.kernels.best_class(scores, nil, classes)
        if best >= 0 {
          size = 1
          if let indices, left > 0 {
            UnsafeMutableRawPointer(indices + end).storeBytes(of: best, as: Int64.self)
          }
        }
      }
      end &+= Int(size)
      visit(row, end)
    }
    return end
  }
}
