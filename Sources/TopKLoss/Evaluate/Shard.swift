import CKernels
import CSystem
import CTopKLoss

/// Which of all classes the rows of a batch have, and what all shards know of the rows; checked.
struct Shard {
  /// Rows are whole.
  static var whole: Shard { Shard() }

  let isPart: Bool
  let first: Int
  let count: Int
  let allClasses: Int
  /// Σ q_j over its classes.
  let smoothing: Double
  private let shards: Int
  private let index: Int
  private let rows: Int
  fileprivate let stateBytes: Int
  /// Of all rows' states of one shard.
  fileprivate let byteCount: Int
  /// Nil if they are yet to be written.
  private let states: UnsafeRawPointer?

  private init() {
    (isPart, first, count, allClasses, shards, index) = (false, 0, 0, 0, 0, 0)
    (rows, stateBytes, byteCount, states, smoothing) = (0, 0, 0, nil, 0)
  }

  fileprivate init(
    _ pointer: UnsafePointer<topkloss_shard>?, of batch: Batch, _ loss: Loss, hasStates: Bool
  ) throws(Failure) {
    let raw = try readStruct(try required(pointer, "shard"), "shard")
    stateBytes = try loss.stateBytes()
    allClasses = try checkedSize(raw.all_classes, "shard.all_classes", atLeast: 1)
    first = try checkedSize(raw.first_class, "shard.first_class", atLeast: 0)
    (isPart, count, rows) = (true, batch.classes, batch.rows)
    guard first < allClasses && batch.classes <= allClasses &- first else {
      throw Failure(
        TOPKLOSS_ERROR_SIZE,
        "shard.first_class is \(first), batch.classes is \(count) and shard.all_classes is \(allClasses): a shard ends "
          + "where the classes end, or before")
    }
    guard !batch.hasSoftLabels else {
      throw Failure(
        TOPKLOSS_ERROR_OPTION,
        "batch.soft_labels is not NULL: with shards of the classes, rows have labels")
    }
    smoothing = loss.smoothing(from: first, count: count, allClasses: allClasses)
    let (bytes, overflows) = rows.multipliedReportingOverflow(by: stateBytes)
    guard !overflows else {
      throw Failure(
        TOPKLOSS_ERROR_SIZE,
        "batch.rows is \(rows): states of \(stateBytes) bytes are more than can be addressed")
    }
    byteCount = bytes
    guard hasStates else {
      (shards, index, states) = (0, 0, nil)
      return
    }
    shards = try checkedSize(raw.shards, "shard.shards", atLeast: 1)
    index = try checkedSize(raw.index, "shard.index", atLeast: 0)
    guard index < shards else {
      throw Failure(
        TOPKLOSS_ERROR_SIZE,
        "shard.index is \(index) and shard.shards is \(shards): shards are counted from 0")
    }
    states = try rows == 0 ? raw.states : required(raw.states, "shard.states")
    guard !shards.multipliedReportingOverflow(by: byteCount).overflow else {
      throw Failure(
        TOPKLOSS_ERROR_SIZE,
        "shard.shards is \(shards): the states of \(rows) rows are more than can be addressed")
    }
  }

  /// Of the states, which are read.
  var span: MemorySpan? {
    states.map { MemorySpan(at: $0, byteCount: shards &* byteCount) }
  }

  /// A class's place in the shard; −1 if it is in another.
  func place(of classIndex: Int) -> Int {
    classIndex >= first && classIndex &- first < count ? classIndex &- first : -1
  }

  /// A row's states, one a shard.
  func states(ofRow row: Int) -> RowStates {
    RowStates(
      count: shards, own: index, first: (states ?? Self.nothing) + row &* stateBytes,
      stride: byteCount)
  }

  private static var nothing: UnsafeRawPointer {
    UnsafeRawPointer(bitPattern: 64).unsafelyUnwrapped
  }

  /// Refuses NaN and +∞ wherever they are, on every rank.
  func checkRowsAreFinite() throws(Failure) {
    for row in 0..<rows {
      let classIndex = states(ofRow: row).badClass
      if classIndex >= 0 { throw .notFinite("logits", row, classIndex) }
    }
  }
}

/// A call's rows and which of their classes they have, checked together: labels are of all classes.
///
/// - Parameter hasStates: whether the caller has the states of all shards by now.
func checkedShard(
  _ loss: Loss, _ batchPointer: UnsafePointer<topkloss_batch>?,
  _ shardPointer: UnsafePointer<topkloss_shard>?, hasStates: Bool
) throws(Failure) -> (Batch, Shard) {
  var batch = try Batch(batchPointer, for: loss.use)
  let shard = try Shard(shardPointer, of: batch, loss, hasStates: hasStates)
  batch.allClasses = shard.allClasses
  try loss.check(shard, of: batch)
  return (batch, shard)
}

/// What all shards know of a row. Any number may stand in it.
struct RowStates {
  let count: Int
  /// Which is that of the shard itself.
  let own: Int
  fileprivate let first: UnsafeRawPointer
  fileprivate let stride: Int

  subscript(shard: Int) -> UnsafeRawPointer { first + shard &* stride }

  private func common(_ shard: Int) -> ShardState { self[shard].loadUnaligned(as: ShardState.self) }

  /// The first class with NaN or +∞; −1 if none is known of.
  var badClass: Int64 {
    var lowest: Int64 = -1
    for shard in 0..<count {
      let classIndex = common(shard).bad_class
      if classIndex >= 0 && (lowest < 0 || classIndex < lowest) { lowest = classIndex }
    }
    return lowest
  }

  /// NaN if no shard has the label, or more than one: some shard is then missing, or there twice.
  var labelLogit: Double {
    var logit: Double?
    for shard in 0..<count where common(shard).has_label != 0 {
      if logit != nil { return .nan }
      logit = common(shard).label_logit
    }
    return logit ?? .nan
  }
}

// MARK: States

/// Writes what a shard knows of the rows.
func writeStates(
  _ loss: Loss, _ batchPointer: UnsafePointer<topkloss_batch>?,
  _ shardPointer: UnsafePointer<topkloss_shard>?, into states: UnsafeMutableRawPointer?
) throws(Failure) {
  let (batch, shard) = try checkedShard(loss, batchPointer, shardPointer, hasStates: false)
  let inputs = try checkedInputs(loss, batch, isReadable: true)
  if batch.rows == 0 { return }
  guard let states else { throw .nullPointer("states") }
  let span = MemorySpan(at: states, byteCount: shard.byteCount)
  try refuseOverlap(
    span, "states", overlapping: batch.layout.span(at: batch.logits), "batch.logits")
  try inputs.refuse(span, "states")

  let needs = try loss.partialNeeds(batch)
  let workspace = try Workspace(
    batch,
    PassNeeds(nanosecondsPerRow: needs.nanosecondsPerRow, scratchBytes: needs.scratchBytes))
  defer { workspace.giveBack() }
  let head = Head(batch: batch, output: try Output(nil, "", Strides(), for: batch))
  let call = Call(
    head: head, second: head, hasSecond: false, needs: needs, workspace: workspace,
    isPerRow: false, ignoredLabel: loss.common.ignoredLabel, shard: shard)
  try withUnsafePointer(to: call) { call throws(Failure) in
    try workspace.run(
      StatePass(
        loss: Unmanaged.passUnretained(loss), call: call, states: states))
  }
}

private struct StatePass: RowPass {
  static var task: topkloss_task { { StatePass.run($0, $1) } }

  let loss: Unmanaged<Loss>
  let call: UnsafePointer<Call>
  let states: UnsafeMutableRawPointer

  func work(on piece: Piece) {
    guard call.pointee.needs.flushesSubnormals else { return writeAll(of: piece) }
    let environment = lanes_flush_subnormals()
    writeAll(of: piece)
    lanes_restore(environment)
  }

  @inline(never)
  private func writeAll(of piece: Piece) {
    for row in piece.rows { write(row, in: piece) }
  }

  @inline(never)
  private func write(_ index: Int, in piece: Piece) {
    loss._withUnsafeGuaranteedRef { loss in
      let (batch, shard) = (call.pointee.head.batch, call.pointee.shard)
      let state = states + index &* shard.stateBytes
      memset(state, 0, shard.stateBytes)
      let row = Row(
        index: index, label: call.pointee.label(index) ?? -1,
        logits: batch.numbers(index, in: piece), gradient: nil, gradientScale: 0, loss: 0)
      var common = ShardState(bad_class: -1, has_label: 0, label_logit: 0)
      if loss.looksForBadLogits {
        let place = batch.kernels.first_not_finite(row.logits, Int64(batch.classes))
        if place >= 0 { common.bad_class = Int64(shard.first) &+ place }
      }
      let label = shard.place(of: row.label)
      if label >= 0 {
        common.has_label = 1
        common.label_logit = batch.number(index, label)
      }
      state.storeBytes(of: common, as: ShardState.self)
      if row.label >= 0 && common.bad_class < 0 {
        loss.write(state, of: row, in: piece, of: call.pointee)
      }
    }
  }
}
