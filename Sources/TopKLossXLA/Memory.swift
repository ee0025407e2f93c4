import CXLA

/// What a call needs besides its arrays: a number for every row, and slices once for every place that they are for.
struct Memory {
  private let start: UnsafeMutableRawPointer?
  private var used: Int
  let numbers: UnsafeMutablePointer<Double>?

  /// - Parameters:
  ///   - bytes: of the slices.
  ///   - numbers: how many numbers.
  init(_ api: Interface, bytes: Int, numbers: Int) throws(Fault) {
    let total = bytes + numbers * 8
    start = total == 0 ? nil : malloc(total)
    guard total == 0 || start != nil else { throw .noMemory(api) }
    self.numbers = numbers == 0 ? nil : start?.assumingMemoryBound(to: Double.self)
    used = numbers * 8
  }

  /// The array with a slice for every place, where they are one batch.
  mutating func expand(_ slices: Slices, _ shape: Shape) -> UnsafeMutableRawPointer? {
    if slices.isWhole { return slices.data }
    guard let target = start.map({ $0 + used }) else { return nil }
    used += slices.bytes * shape.slices
    for place in 0..<shape.slices {
      if let source = slices.slice(place, shape) {
        memcpy(target + place * slices.bytes, source, slices.bytes)
      }
    }
    return target
  }

  func free() { CXLA.free(start) }
}

extension Call {
  /// Whether slices that places share are used where they are, at the price of a call of the library's for each place: the
  /// copies would be large, and the calls are long enough.
  var isTooLargeToExpand: Bool {
    expandedBytes > 64 << 20 && expandedBytes / shape.slices >= 1 << 20
  }

  /// What the arrays take that `Memory` has to expand.
  var expandedBytes: Int {
    func bytes(_ slices: Slices?) -> Int {
      guard let slices, !slices.isWhole else { return 0 }
      return slices.bytes * shape.slices
    }
    return bytes(logits) + bytes(multiLabelLogits) + bytes(softLabels) + bytes(labels)
      + bytes(noise) + bytes(upstream)
  }
}
