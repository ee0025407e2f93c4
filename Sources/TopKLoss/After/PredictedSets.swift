import CKernels
import CTopKLoss

/// The sets of classes that a threshold keeps, one a row.
///
/// Three passes over the rows: how many scores equal the threshold, where only some of those are kept; how large each set
/// is; and, once that tells where each begins, which classes it has.
struct PredictedSets {
  fileprivate let batch: Batch
  fileprivate let threshold: SetThreshold
  fileprivate let neverEmpty: Bool

  init(
    _ threshold: topkloss_threshold, neverEmpty: Bool, _ batch: Batch
  ) throws(Failure) {
    self.batch = batch
    self.threshold = try SetThreshold(threshold, batch)
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
      batch, PassNeeds(nanosecondsPerRow: 20 + 0.3 * Double(batch.classes)))
    defer { workspace.giveBack() }
    try shareTies(workspace)
    try workspace.run(SetPass(sets: self, indptr: indptr, indices: nil))
    let total = placePieces(workspace, indptr)
    guard let indices else { return }
    guard Int64(total) <= capacity else {
      throw Failure(
        TOPKLOSS_ERROR_SIZE, "capacity is \(capacity): the sets have \(total) classes together")
    }
    try workspace.run(SetPass(sets: self, indptr: nil, indices: indices))
  }

  /// Tells every piece how many ties it and those after it may keep.
  private func shareTies(_ workspace: Workspace) throws(Failure) {
    let ties = threshold.ties
    let areLimited = ties > 0 && ties < Int64.max
    if areLimited { try workspace.run(TieCountPass(sets: self)) }
    var left = ties
    for number in 0..<workspace.pieces {
      let sets = workspace.piece(number).sets
      let count = areLimited ? sets.pointee.ties : 0
      sets.pointee.ties = left
      left = max(0, left - count)
    }
  }

  /// Puts the pieces' sets one after another. Returns how many classes they have together.
  private func placePieces(_ workspace: Workspace, _ indptr: UnsafeMutableRawPointer) -> Int {
    indptr.storeBytes(of: 0, as: Int64.self)
    var start = 0
    for number in 0..<workspace.pieces {
      let piece = workspace.piece(number)
      piece.sets.pointee.start = start
      for row in piece.rows where start > 0 {
        let offset = (row &+ 1) &* 8
        let end = indptr.loadUnaligned(fromByteOffset: offset, as: Int64.self)
        indptr.storeBytes(of: end &+ Int64(start), toByteOffset: offset, as: Int64.self)
      }
      start &+= piece.sets.pointee.size
    }
    return start
  }
}

/// What the passes leave of a piece for one another.
private struct PieceOfSets {
  /// How many scores equal the threshold; then, how many of them may be kept from here on.
  var ties: Int64
  /// How many classes the sets have together.
  var size: Int
  /// Where the first of them goes.
  var start: Int
}

extension Piece {
  fileprivate var sets: UnsafeMutablePointer<PieceOfSets> {
    found.assumingMemoryBound(to: PieceOfSets.self)
  }
}

/// Counts the scores of a piece that equal the threshold.
private struct TieCountPass: RowPass {
  static var task: topkloss_task { { TieCountPass.run($0, $1) } }

  let sets: PredictedSets

  func work(on piece: Piece) {
    let batch = sets.batch
    var left = Int64.max
    for row in piece.rows {
      _ = sets.threshold.choose(
        batch.numbers(row, in: piece), of: batch, &left, nil, room: 0)
    }
    piece.sets.pointee.ties = Int64.max - left
  }
}

/// Writes where the sets of a piece end, counted from its beginning, or their classes.
private struct SetPass: RowPass {
  static var task: topkloss_task { { SetPass.run($0, $1) } }

  let sets: PredictedSets
  let indptr: UnsafeMutableRawPointer?
  let indices: UnsafeMutablePointer<Int64>?

  func work(on piece: Piece) {
    let (batch, classes) = (sets.batch, Int64(sets.batch.classes))
    let place = piece.sets.pointee
    let chosen = indices.map { $0 + place.start }
    // Scores that change between the passes lead to no place outside.
    let room = indices == nil ? 0 : place.size
    var (end, ties) = (0, place.ties)
    for row in piece.rows {
      let scores = batch.numbers(row, in: piece)
      let left = max(0, room &- end)
      var size = sets.threshold.choose(
        scores, of: batch, &ties, chosen.map { $0 + end }, room: left)
      if size == 0 && sets.neverEmpty {
        let best = batch.kernels.best_class(scores, nil, classes)
        if best >= 0 {
          size = 1
          if let chosen, left > 0 {
            UnsafeMutableRawPointer(chosen + end).storeBytes(of: best, as: Int64.self)
          }
        }
      }
      end &+= size
      indptr?.storeBytes(of: Int64(end), toByteOffset: (row &+ 1) &* 8, as: Int64.self)
    }
    if indices == nil { piece.sets.pointee.size = end }
  }
}
