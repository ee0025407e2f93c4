import CDevice
import CKernels
import CTopKLoss

// The softmax-margin family:
//
//   u_j = s (d_j z_j + a_j − [j = y] (b_y − λ b_{j*})),   j* = argmax_{j ≠ y} z_j
//   ℓ = w_y (1 − η) (1 − p_y)^γ (lse(u) − u_y) + (η / C) Σ_j w_j (lse(u) − u_j),   p = softmax(u)
//
// A member is a choice of s, d, a, b, λ and γ; the sums of their rows are one kernel's.

/// What tells one member of the family from another.
struct SoftmaxMarginMember {
  /// s
  var scale = 1.0
  /// d; nil for 1.
  var classScale: ClassNumbers?
  /// a; nil for 0.
  var offset: ClassNumbers?
  /// b; nil for 0.
  var margin: ClassNumbers?
  /// λ
  var lam = 0.0
  /// γ of the focal loss.
  var focalGamma = 0.0
  /// m_j = p log n_j of the seesaw loss, whose offsets are each row's own; nil for others.
  var mitigation: ClassNumbers?
  /// q of the seesaw loss.
  var compensation = 0.0
}

/// Class weights w and label smoothing η, which every member takes.
struct ClassWeighting {
  /// w; nil for 1.
  let weights: ClassNumbers?
  /// q_j = (η / C) w_j; nil where all are equal.
  let smoothing: ClassNumbers?
  /// Σ q_j
  let smoothingSum: Double
  /// η
  let labelSmoothing: Double

  init(
    _ given: UnsafePointer<Double>?, classes: Int?, labelSmoothing: Double
  ) throws(Failure) {
    guard labelSmoothing >= 0 && labelSmoothing <= 1 else {
      throw Failure(
        TOPKLOSS_ERROR_OPTION,
        "options.label_smoothing is \(text(labelSmoothing)): it must be between 0 and 1")
    }
    self.labelSmoothing = labelSmoothing
    let weights = try ClassNumbers(
      copying: given, classes, "class_weight", .weight)
    self.weights = weights
    guard labelSmoothing > 0, let weights else {
      smoothing = nil
      smoothingSum = labelSmoothing
      return
    }
    let share = labelSmoothing / Double(weights.count)
    let smoothing = try ClassNumbers(count: weights.count) { share * weights[$0] }
    var sum = 0.0
    for index in 0..<weights.count { sum += smoothing[index] }
    self.smoothing = smoothing
    smoothingSum = sum
  }

  /// Σ q_j over a shard of the classes.
  func smoothing(from first: Int, count: Int, allClasses: Int) -> Double {
    guard let smoothing else { return labelSmoothing * Double(count) / Double(allClasses) }
    var (sum, index) = (0.0, first)
    while index < min(first &+ count, smoothing.count) {
      sum += smoothing[index]
      index &+= 1
    }
    return sum
  }
}

final class SoftmaxMarginLoss: Loss {
  let member: SoftmaxMarginMember
  let weighting: ClassWeighting
  /// Σ of what an offset can be made of.
  let largestOffset: Double

  init(
    _ member: SoftmaxMarginMember, _ weighting: ClassWeighting, common: CommonOptions,
    classes: Int?
  ) {
    self.member = member
    self.weighting = weighting
    // Of the seesaw loss, z_j − t is at most log C + log 100.
    largestOffset =
      (member.offset?.largest ?? 0) + (member.mitigation?.largest ?? 0) + 30 * member.compensation
    super.init(
      common: common, classes: classes,
      use: member.focalGamma == 0 && member.mitigation == nil
        ? .everythingOrSoftLabels : .everything)
  }

  override func weight(label: Int) -> Double { weighting.weights?[label] ?? 1 }

  override func describe(_ call: inout TopkDeviceCall) {
    call.family = Int64(TOPK_DEVICE_SOFTMAX_MARGIN)
    // Rows with labels have the first two, rows of soft labels the others.
    call.class_weight = weighting.weights?.ofFloat64 ?? DeviceVector()
    call.softmax_margin.margin = member.margin?.ofFloat64 ?? DeviceVector()
    call.softmax_margin.target_weight = weighting.weights?.ofRows ?? DeviceVector()
    call.softmax_margin.target_margin = member.margin?.ofRows ?? DeviceVector()
    call.softmax_margin.class_scale = member.classScale?.ofRows ?? DeviceVector()
    call.softmax_margin.offset = member.offset?.ofRows ?? DeviceVector()
    call.softmax_margin.smoothing = weighting.smoothing?.ofRows ?? DeviceVector()
    call.softmax_margin.mitigation = member.mitigation?.ofRows ?? DeviceVector()
    call.softmax_margin.compensation = member.compensation
    call.softmax_margin.largest_offset = largestOffset
    call.softmax_margin.lambda = member.lam
    call.softmax_margin.scale = member.scale
    call.softmax_margin.focal_gamma = member.focalGamma
    call.softmax_margin.smoothing_sum = weighting.smoothingSum
    call.softmax_margin.target_factor = 1 - weighting.labelSmoothing
  }

  override func needs(_ batch: Batch) throws(Failure) -> RowNeeds {
    // As many as the first-level cache holds with their gradients.
    let rowBytes = 2 &* batch.classes &* batch.element.arithmeticByteCount
    if member.mitigation != nil {
      // The offsets of one row; so many classes have vectors in memory already.
      return RowNeeds(
        nanosecondsPerRow: 90 + 0.9 * Double(batch.classes),
        scratchBytes: Self.fixedBytes + CheckedSize.ofWholeLines(rowBytes / 2),
        flushesSubnormals: true)
    }
    if batch.hasSoftLabels {
      return RowNeeds(
        nanosecondsPerRow: 90 + (member.margin == nil ? 0.6 : 3) * Double(batch.classes),
        scratchBytes: Self.fixedBytes,
        rowsAtOnce: min(max(Self.bytesAtOnce / max(rowBytes / 2 &* 3, 1), 1), Self.mostRowsAtOnce),
        otherWidenedRows: 1, flushesSubnormals: true)
    }
    return RowNeeds(
      nanosecondsPerRow: 55 + 0.33 * Double(batch.classes),
      scratchBytes: Self.fixedBytes,
      rowsAtOnce: min(max(Self.bytesAtOnce / max(rowBytes, 1), 1), Self.mostRowsAtOnce),
      convertsRows: true,
      // Exponentials far below the peak, times what the gradient is divided by.
      flushesSubnormals: true)
  }

  private static let bytesAtOnce = 16 << 10
  private static let mostRowsAtOnce = 8

  private static var rowBytes: Int {
    CheckedSize.ofWholeLines(mostRowsAtOnce &* MemoryLayout<SoftmaxMarginRow>.stride)
  }

  /// The rows, and the sums of their pieces.
  private static var fixedBytes: Int {
    rowBytes
      + CheckedSize.ofWholeLines(2 &* Int(SOFTMAX_MARGIN_PIECES) &* MemoryLayout<Double>.stride)
  }

  override func evaluate(
    _ rows: UnsafeMutablePointer<Row>, count: Int, in piece: Piece, of call: Call
  ) {
    let element = call.head.batch.element
    var family = family(of: call)
    family.pieces = (piece.scratch + Self.rowBytes).assumingMemoryBound(to: Double.self)
    if call.head.batch.hasSoftLabels {
      family.target_weight = weighting.weights?.pointer(for: element)
      family.target_margin = member.margin?.pointer(for: element)
      family.margin = nil
      return evaluate(rows, count, in: piece, of: call, &family)
    }
    if let mitigation = member.mitigation {
      let offsets = piece.scratch + Self.fixedBytes
      var row = SeesawRow(
        logits: rows.pointee.logits, mitigation: mitigation.pointer(for: element), offsets: offsets,
        compensation: member.compensation, classes: family.classes,
        label: Int64(rows.pointee.label))
      call.head.batch.kernels.seesaw_offsets(&row)
      family.offset = UnsafeRawPointer(offsets)
      return evaluate(rows, count, in: piece, of: call, &family)
    }
    guard var conversion = call.head.batch.conversion else {
      return evaluate(rows, count, in: piece, of: call, &family)
    }
    withUnsafePointer(to: &conversion) { conversion in
      family.conversion = conversion
      evaluate(rows, count, in: piece, of: call, &family)
    }
  }

  /// As rows with labels have it, whole or a shard of the classes, but for what is an evaluation's own.
  func family(of call: Call) -> SoftmaxMarginFamily {
    let element = call.head.batch.element
    func vector(_ numbers: ClassNumbers?) -> UnsafeRawPointer? {
      numbers.map { $0.pointer(for: element) + call.shard.first &* element.arithmeticByteCount }
    }
    return SoftmaxMarginFamily(
      classes: Int64(call.head.batch.classes), class_scale: vector(member.classScale),
      offset: vector(member.offset), largest_offset: largestOffset, margin: member.margin?.doubles,
      lambda: member.lam, scale: member.scale, focal_gamma: member.focalGamma,
      smoothing: vector(weighting.smoothing), smoothing_sum: weighting.smoothingSum,
      target_weight: nil, target_factor: 1 - weighting.labelSmoothing, target_margin: nil,
      next_bytes: Int64(element.byteCount), conversion: nil, pieces: nil)
  }

  private func evaluate(
    _ rows: UnsafeMutablePointer<Row>, _ count: Int, in piece: Piece, of call: Call,
    _ family: inout SoftmaxMarginFamily
  ) {
    withUnsafePointer(to: &family) { family in
      let kernelRows = piece.scratch.assumingMemoryBound(to: SoftmaxMarginRow.self)
      for index in 0..<count {
        let hard = (1 - weighting.labelSmoothing) * weight(label: rows[index].label)
        kernelRows[index] = SoftmaxMarginRow(
          rows[index], in: piece, of: call, family, hard: hard)
      }
      if call.head.batch.hasSoftLabels {
        addTargets(to: kernelRows, rows, count, in: piece, of: call)
      }
      call.head.batch.kernels.softmax_margin(kernelRows, Int64(count))
      for index in 0..<count { rows[index].loss = kernelRows[index].loss }
    }
  }

  override func stateBytes() throws(Failure) -> Int {
    member.mitigation == nil ? MemoryLayout<SoftmaxShardState>.size : try super.stateBytes()
  }

  override func smoothing(from first: Int, count: Int, allClasses: Int) -> Double {
    weighting.smoothing(from: first, count: count, allClasses: allClasses)
  }

  override func partialNeeds(_ batch: Batch) -> RowNeeds { shardNeeds(batch) }
  override func completionNeeds(_ batch: Batch) -> RowNeeds { shardNeeds(batch) }

  override func write(
    _ state: UnsafeMutableRawPointer, of row: Row, in piece: Piece, of call: Call
  ) {
    writeShard(state, of: row, of: call)
  }

  override func complete(_ row: UnsafeMutablePointer<Row>, in piece: Piece, of call: Call) {
    completeShard(row, of: call)
  }

  /// By itself, so that rows with labels do not wait for copies of the second matrix.
  @inline(never)
  private func addTargets(
    to kernelRows: UnsafeMutablePointer<SoftmaxMarginRow>, _ rows: UnsafeMutablePointer<Row>,
    _ count: Int, in piece: Piece, of call: Call
  ) {
    let softLabels = call.second.batch
    for index in 0..<count {
      let row = rows[index].index
      kernelRows[index].targets = softLabels.numbers(row, in: piece, place: 1)
      kernelRows[index].next_targets = softLabels.row(piece.next(after: row, call.needs))
      kernelRows[index].label = -1
      kernelRows[index].hard = 0
    }
  }

  /// Cross-entropy of a row of float32 or float64, by itself.
  static func crossEntropy(_ row: Row, in piece: Piece, of call: Call) -> Double {
    var family = SoftmaxMarginFamily()
    family.classes = Int64(call.head.batch.classes)
    family.scale = 1
    family.next_bytes = Int64(call.head.batch.element.byteCount)
    return withUnsafePointer(to: &family) { family in
      var kernelRow = SoftmaxMarginRow(row, in: piece, of: call, family, hard: 1)
      call.head.batch.kernels.softmax_margin(&kernelRow, 1)
      return kernelRow.loss
    }
  }
}

extension SoftmaxMarginRow {
  fileprivate init(
    _ row: Row, in piece: Piece, of call: Call, _ family: UnsafePointer<SoftmaxMarginFamily>,
    hard: Double
  ) {
    let isStored = family.pointee.conversion != nil
    let next = piece.next(after: row.index, call.needs)
    self.init(
      family: family, logits: UnsafeMutableRawPointer(mutating: row.logits),
      gradient: row.gradient, stored_logits: isStored ? call.head.batch.row(row.index) : nil,
      stored_gradient: isStored ? call.head.output.row(row.index) : nil, targets: nil,
      label: Int64(row.label), hard: hard, gradient_scale: row.gradientScale,
      next_logits: call.head.batch.row(next), next_gradient: call.head.output.row(next),
      next_targets: nil, progress: SoftmaxMarginProgress(), loss: 0)
  }
}

extension Piece {
  /// The row that will be brought into the cache while one is worked on.
  fileprivate func next(after row: Int, _ needs: RowNeeds) -> Int {
    min(row &+ needs.rowsAtOnce, rows.upperBound &- 1)
  }
}
