import CTopKLoss

/// Float64 numbers, one a row, or 1 for every row.
struct RowNumbers {
  let pointer: UnsafeRawPointer?

  init(_ pointer: UnsafePointer<Double>?) {
    self.pointer = UnsafeRawPointer(pointer)
  }

  @inline(__always)
  subscript(row: Int) -> Double {
    pointer?.loadUnaligned(fromByteOffset: row &* 8, as: Double.self) ?? 1
  }

  func span(count: Int) -> MemorySpan? {
    guard let pointer else { return nil }
    return MemorySpan(at: pointer, byteCount: count &* 8)
  }

  func checkFinite(_ name: StaticString, count: Int) throws(Failure) {
    if pointer == nil { return }
    for row in 0..<count where !self[row].isFinite {
      throw .number(name, self[row], at: row, mustBe: "finite", TOPKLOSS_ERROR_NOT_FINITE)
    }
  }
}
