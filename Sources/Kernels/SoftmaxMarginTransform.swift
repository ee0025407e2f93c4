import CKernels

/// The part of the family's transformation that is the same for every label: v_j = d_j z_j + a_j. A type for each
/// shape, so that a member pays only for what it has.
protocol SoftmaxMarginTransform {
  /// Whether d is other than 1, so that the gradient too is multiplied by it.
  static var scalesClasses: Bool { get }

  /// v_j − peak for the elements from `index` on, with the rounding error of the small difference and not of
  /// the large terms. Lanes beyond `count` give −∞.
  static func shifted<E: Element>(
    _ row: SoftmaxMarginRow, _ logits: UnsafeRawPointer, _ index: Int, count: Int,
    peak: E.Vector, _: E.Type
  ) -> E.Vector

  /// v_j of one class.
  static func score<E: Element>(
    _ row: SoftmaxMarginRow, _ logits: UnsafeRawPointer, _ index: Int, _: E.Type
  ) -> Double
}

/// d = 1, a = 0.
enum PlainTransform: SoftmaxMarginTransform {
  @inline(__always) static var scalesClasses: Bool { false }

  @inline(__always)
  static func shifted<E: Element>(
    _ row: SoftmaxMarginRow, _ logits: UnsafeRawPointer, _ index: Int, count: Int,
    peak: E.Vector, _: E.Type
  ) -> E.Vector {
    E.load(logits, index, count: count, filler: -.infinity) - peak
  }

  @inline(__always)
  static func score<E: Element>(
    _ row: SoftmaxMarginRow, _ logits: UnsafeRawPointer, _ index: Int, _: E.Type
  ) -> Double {
    Double(E.loadScalar(logits, index))
  }
}

/// d = 1.
enum OffsetTransform: SoftmaxMarginTransform {
  @inline(__always) static var scalesClasses: Bool { false }

  @inline(__always)
  static func shifted<E: Element>(
    _ row: SoftmaxMarginRow, _ logits: UnsafeRawPointer, _ index: Int, count: Int,
    peak: E.Vector, _: E.Type
  ) -> E.Vector {
    let plain = PlainTransform.shifted(row, logits, index, count: count, peak: peak, E.self)
    return plain + classVector(row.offset, index, count: count, filler: 0)
  }

  @inline(__always)
  static func score<E: Element>(
    _ row: SoftmaxMarginRow, _ logits: UnsafeRawPointer, _ index: Int, _: E.Type
  ) -> Double {
    Double(E.loadScalar(logits, index)) + classScalar(row.offset, index, E.Vector.self)
  }
}

/// The general case.
enum ScaleOffsetTransform: SoftmaxMarginTransform {
  @inline(__always) static var scalesClasses: Bool { true }

  @inline(__always)
  static func shifted<E: Element>(
    _ row: SoftmaxMarginRow, _ logits: UnsafeRawPointer, _ index: Int, count: Int,
    peak: E.Vector, _: E.Type
  ) -> E.Vector {
    let scale: E.Vector = classVector(row.class_scale, index, count: count, filler: 1)
    let logit = E.load(logits, index, count: count, filler: -.infinity)
    return E.Vector.multiplyAdd(scale, logit, E.Vector.zero - peak)
      + classVector(row.offset, index, count: count, filler: 0)
  }

  @inline(__always)
  static func score<E: Element>(
    _ row: SoftmaxMarginRow, _ logits: UnsafeRawPointer, _ index: Int, _: E.Type
  ) -> Double {
    classScalar(row.class_scale, index, E.Vector.self) * Double(E.loadScalar(logits, index))
      + classScalar(row.offset, index, E.Vector.self)
  }
}

/// Loads `count` numbers of a vector indexed by class, which is of the arithmetic type.
@inline(__always)
func classVector<V: Lanes>(
  _ numbers: UnsafeRawPointer?, _ index: Int, count: Int, filler: V.Scalar
) -> V {
  guard let numbers else { return V.splat(filler) }
  return count == V.width
    ? numbers.loadUnaligned(fromByteOffset: index &* MemoryLayout<V.Scalar>.size, as: V.self)
    : partOfClassVector(numbers, index, count: count, filler: filler)
}

@inline(never)
private func partOfClassVector<V: Lanes>(
  _ numbers: UnsafeRawPointer, _ index: Int, count: Int, filler: V.Scalar
) -> V {
  let size = MemoryLayout<V.Scalar>.size
  var vector = V.splat(filler)
  withUnsafeMutableBytes(of: &vector) { lanes in
    lanes.baseAddress?.copyMemory(from: numbers + index &* size, byteCount: count &* size)
  }
  return vector
}

/// One number of a vector indexed by class; 0 where there is no vector.
@inline(__always)
func classScalar<V: Lanes>(_ numbers: UnsafeRawPointer?, _ index: Int, _: V.Type) -> Double {
  guard let numbers else { return 0 }
  return Double(
    numbers.loadUnaligned(
      fromByteOffset: index &* MemoryLayout<V.Scalar>.size, as: V.Scalar.self))
}

/// The first `count` lanes; 0 in the others.
@inline(never)
func firstLanes<V: Lanes>(of vector: V, count: Int) -> V {
  withUnsafeBytes(of: vector) { lanes in
    classVector(lanes.baseAddress, 0, count: count, filler: 0)
  }
}
