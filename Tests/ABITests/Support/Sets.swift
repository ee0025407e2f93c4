import CTopKLoss

extension topkloss_threshold {
  /// A threshold of the caller's own.
  init(value: Double, ties: Int64 = -1) {
    self.init()
    struct_size = MemoryLayout<topkloss_threshold>.size
    (self.value, self.ties) = (value, ties)
  }

  /// The threshold that keeps K pairs a row on average.
  init(averageK k: Double, _ stage: Stage) throws {
    self.init(value: Stage.unwritten, ties: 12)
    try check(topkloss_average_k_threshold(k, &stage.batch, &self))
  }

  /// Which pairs it keeps, as the interface says: first how many, then which.
  func sets(_ stage: Stage, neverEmpty: Bool = false) throws -> [[Int]] {
    var threshold = self
    let rows = Int(stage.batch.rows)
    var ends = [Int64](repeating: -1, count: rows + 1)
    let flag: Int32 = neverEmpty ? 1 : 0
    try check(topkloss_predict_sets(&threshold, flag, &stage.batch, &ends, nil, 0))
    let counted = ends
    // One more than there is room for, to see that it is left alone.
    var indices = [Int64](repeating: -7, count: Int(ends[rows]) + 1)
    try check(
      topkloss_predict_sets(&threshold, flag, &stage.batch, &ends, &indices, ends[rows]))
    guard ends == counted, ends[0] == 0, indices.last == -7 else { throw Inconsistent() }
    return (0..<rows).map { indices[Int(ends[$0])..<Int(ends[$0 + 1])].map(Int.init) }
  }

  struct Inconsistent: Error {}
}
