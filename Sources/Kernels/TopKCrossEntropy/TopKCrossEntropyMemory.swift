import CKernels

/// The working memory of a row of the top-K cross-entropy.
struct TopKCrossEntropyMemory {
  /// The row's scores without the label's, which is −∞ there, and room for a gradient.
  let rivals: UnsafeMutableRawPointer
  let gradient: UnsafeMutableRawPointer
  /// For the nodes of a quadrature, and for the rest of it.
  let nodes: UnsafeMutableRawPointer
  let quadrature: UnsafeMutableRawPointer
  /// For a row that is worked on in float64 although it is not stored so: its logits, its gradient, and this memory again.
  let wideLogits: UnsafeMutableRawPointer
  let wideGradient: UnsafeMutableRawPointer
  let wideScratch: UnsafeMutableRawPointer

  /// A number a class, and a vector more.
  private static func vectorBytes(_ classes: Int) -> Int { (8 &* classes &+ 191) & ~63 }

  private static func quadratureBytes(_ classes: Int) -> Int {
    let direct = max(
      GeneratingPolynomial<FloatLanes>.bytes(classes: classes),
      GeneratingPolynomial<DoubleLanes>.bytes(classes: classes))
    let histogram = max(RowQuadrature<FloatLanes>.bytes, RowQuadrature<DoubleLanes>.bytes)
    return (max(max(direct, histogram), UnlikelyRank.bytes(classes: classes)) &+ 127) & ~63
  }

  private static var nodeBytes: Int {
    max(QuadratureNodes<FloatLanes>.bytes, QuadratureNodes<DoubleLanes>.bytes)
  }

  private static func narrowBytes(_ classes: Int) -> Int {
    2 &* vectorBytes(classes) &+ nodeBytes &+ quadratureBytes(classes)
  }

  /// Nil if that overflows.
  static func bytes(classes: Int) -> Int? {
    classes > Int.max >> 8 ? nil : 2 &* (vectorBytes(classes) &+ narrowBytes(classes))
  }

  init(_ row: TopKCrossEntropyRow) {
    let classes = Int(truncatingIfNeeded: row.classes)
    let vector = Self.vectorBytes(classes)
    rivals = row.scratch
    gradient = rivals + vector
    nodes = gradient + vector
    quadrature = nodes + Self.nodeBytes
    wideLogits = row.scratch + Self.narrowBytes(classes)
    wideGradient = wideLogits + vector
    wideScratch = wideGradient + vector
  }
}
