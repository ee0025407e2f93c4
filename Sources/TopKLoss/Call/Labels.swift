import CTopKLoss

/// The labels of a batch.
struct Labels {
  private let pointer: UnsafeRawPointer
  private let areNarrow: Bool
  private let areNone: Bool
  private let count: Int

  /// None: every row counts, as if of class 0.
  init(none nowhere: UnsafeRawPointer) {
    pointer = nowhere
    areNarrow = false
    areNone = true
    count = 0
  }

  init(
    _ raw: topkloss_batch, rows: Int, orElse nowhere: UnsafeRawPointer
  ) throws(Failure) {
    switch Int(raw.label_type) {
    case TOPKLOSS_INT64: areNarrow = false
    case TOPKLOSS_INT32: areNarrow = true
    default:
      throw Failure(
        TOPKLOSS_ERROR_ENUMERATOR,
        "batch.label_type is \(raw.label_type): it must be TOPKLOSS_INT64 or TOPKLOSS_INT32")
    }
    areNone = false
    pointer = try rows == 0 ? raw.labels ?? nowhere : required(raw.labels, "batch.labels")
    count = rows
  }

  @inline(__always)
  private subscript(row: Int) -> Int64 {
    areNarrow
      ? Int64(pointer.loadUnaligned(fromByteOffset: row &* 4, as: Int32.self))
      : pointer.loadUnaligned(fromByteOffset: row &* 8, as: Int64.self)
  }

  /// The class that a row is labelled with, or nil if the row is to be ignored. Range-checked once more, so that
  /// labels which change during a call cannot lead outside a row.
  @inline(__always)
  func classIndex(_ row: Int, _ classes: Int, _ ignored: Int64) -> Int? {
    if areNone { return 0 }
    let label = self[row]
    return label == ignored || label < 0 || label >= Int64(classes)
      ? nil : Int(truncatingIfNeeded: label)
  }

  /// Nil if there are none.
  var address: UnsafeRawPointer? { areNone ? nil : pointer }

  var are32Bit: Bool { areNarrow }

  var span: MemorySpan { MemorySpan(at: pointer, byteCount: count &* (areNarrow ? 4 : 8)) }

  /// Every label a class, or the ignored one.
  func check(classes: Int, ignoring ignored: Int64) throws(Failure) {
    var row = 0
    while row < count {
      let label = self[row]
      if (label < 0 || label >= Int64(classes)) && label != ignored {
        throw Failure(
          TOPKLOSS_ERROR_LABEL,
          "labels[\(row)] is \(label): a label is 0 to \(classes - 1) for \(classes) classes, or "
            + "\(ignored) for a row to ignore")
      }
      row &+= 1
    }
  }
}
