/// A vector that the processor has, with what selections and quadratures ask for besides.
protocol ProcessorLanes: Lanes {
  static var quadrature: QuadraturePrecision { get }

  /// A bit for every lane, that of lane 0 the lowest.
  static func bits(_ mask: Mask) -> UInt32

  /// The Mills ratio Φ(−x) / φ(x) of the standard normal distribution, for x >= 0.
  static func millsRatio(_ x: Self) -> Self

  /// Widens sixteen or eight float32 numbers, as many as there are lanes.
  static func widen(_ numbers: UnsafePointer<Float>) -> Self

  /// The highest of each of sixteen times sixteen scores; nil where there is no short way to it.
  static func peaks(_ row: UnsafeRawPointer, _ first: Int) -> FloatLanes?

  /// Eight elements of a row from `index` on, as float64.
  static func doubles(_ row: UnsafeRawPointer, _ index: Int) -> DoubleLanes
}

extension ProcessorLanes {
  @inline(__always)
  static func firstTrue(_ mask: Mask) -> Int? {
    let bits = bits(mask)
    return bits == 0 ? nil : bits.trailingZeroBitCount
  }
}

typealias FloatLanes = SIMD16<Float>
typealias DoubleLanes = SIMD8<Double>

extension SIMD8<Double>: WideLanes {}

#if KERNELS_PORTABLE
  // Baseline x86-64 has no fused multiply-add: asking for one would call libm for every lane.
  @inline(__always)
  func fusedIfAvailable(_ a: FloatLanes, _ b: FloatLanes, _ c: FloatLanes) -> FloatLanes {
    a * b + c
  }
  @inline(__always)
  func fusedIfAvailable(_ a: DoubleLanes, _ b: DoubleLanes, _ c: DoubleLanes) -> DoubleLanes {
    a * b + c
  }
#else
  @inline(__always)
  func fusedIfAvailable(_ a: FloatLanes, _ b: FloatLanes, _ c: FloatLanes) -> FloatLanes {
    c.addingProduct(a, b)
  }
  @inline(__always)
  func fusedIfAvailable(_ a: DoubleLanes, _ b: DoubleLanes, _ c: DoubleLanes) -> DoubleLanes {
    c.addingProduct(a, b)
  }
#endif
