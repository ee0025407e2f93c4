import CGPU

// How many scores of a row are above a threshold with noise, at the nodes of a quadrature, a warp a node: the coefficients of
// Π_j (q_j + p_j x) up to x^(r − 1), r the rank. And without each class.
//
// The r strongest classes are kept apart. Every thread multiplies factors of others; those of small odds enter through
// the sums of their odds and of the squares, next to which the cubes' is nothing. Without a class that is not of the strongest
// the coefficients are d_i = (c_i − p d_{i−1}) / q: as r classes have as great odds or greater, d_{i−1} p / q is at most
// i / (r − i + 1) of d_i, and of rounding errors no more than 10^3 times comes through. Without one of the strongest the product
// of the others is made anew.

/// What warps tell one another of the nodes, in the block's own memory.
struct NodeTables {
  static var mostNodes: Int { 192 }
  private static var mostRank: Int { 16 }
  private static var perNode: Int { 2 &* RankPolynomial.stride &+ 3 &* mostRank &+ 5 }
  /// 133,632.
  static var bytes: Int { 8 &* mostNodes &* perNode }

  private let numbers: UnsafeMutablePointer<Double>

  @inline(__always)
  init(_ memory: UnsafeMutableRawPointer) {
    numbers = memory.assumingMemoryBound(to: Double.self)
  }

  /// The product of all but the strongest.
  @inline(__always)
  func weak(_ node: Int) -> UnsafeMutablePointer<Double> { numbers + node &* Self.perNode }
  @inline(__always)
  func all(_ node: Int) -> UnsafeMutablePointer<Double> { weak(node) + RankPolynomial.stride }
  /// q, p and density of each of the strongest, and in the density's place then what it adds to its share.
  @inline(__always)
  func strong(_ node: Int, _ place: Int) -> UnsafeMutablePointer<Double> {
    all(node) + (RankPolynomial.stride &+ 3 &* place)
  }
  /// The integrand, or its logarithm.
  @inline(__always)
  func value(_ node: Int) -> UnsafeMutablePointer<Double> {
    all(node) + (RankPolynomial.stride &+ 3 &* Self.mostRank)
  }
  /// What the shares count at a node, or its logarithm.
  @inline(__always)
  func weight(_ node: Int) -> UnsafeMutablePointer<Double> { value(node) + 1 }
  /// What the integrand is over the weight.
  @inline(__always)
  func sum(_ node: Int) -> UnsafeMutablePointer<Double> { value(node) + 2 }
  /// log u and u.
  @inline(__always)
  func tilt(_ node: Int) -> UnsafeMutablePointer<Double> { value(node) + 3 }
}

/// Equally spaced thresholds, in units of ε, counted from a score.
struct NodeRange {
  var low: Double
  var high: Double
  var count: Int

  @inline(__always)
  var step: Double { (high - low) / Double(count &- 1) }
  @inline(__always)
  subscript(node: Int) -> Double { low + step * Double(node) }

  /// As many nodes as the distribution asks for. An order statistic varies on a scale of ε, and the r-th of m like scores,
  /// near their top, as the r-th of a Poisson process does on one of s = ε / √(2 log m): its density's Fourier transform is
  /// Γ(r + iω) / Γ(r), of which a step of 2π s / ω leaves 10^-7 with ω = 11 + 0.8 r.
  @inline(__always)
  mutating func refine(rank: Int, amongLikeScores m: Double) {
    let scale = Double(gpu_sqrt(Float(2 * 0.693_147 * ceilingLog2(max(m, 3)))))
    let wanted = (high - low) * scale * (1.75 + Double(rank) / 8) + 2
    count = Int(min(Double(NodeTables.mostNodes), max(32, wanted)))
  }
}

/// The least whole number above log_2 x, for x >= 1.
@inline(__always)
func ceilingLog2(_ x: Double) -> Double {
  Double(Int64(truncatingIfNeeded: x.bitPattern &>> 52) &- 1022)
}

struct RankQuadrature {
  let logits: UnsafeMutablePointer<Float>
  let classes: Int
  /// A class that is left out; −1 if there is none.
  let label: Int
  let rank: Int
  let strongest: StrongestClasses
  let tables: NodeTables
  /// 1 / ε.
  let perUnit: Double

  /// The score that thresholds are counted from: the one at the rank.
  @inline(__always)
  var center: Double { Double(strongest.score(rank &- 1)) }

  /// How far below a threshold a class no longer matters.
  private static var depth: Double { 8 }

  @inline(__always)
  func position(_ score: Float) -> Double { (Double(score) - center) * perUnit }

  /// How many scores are not far below a threshold.
  @inline(__always)
  func scores(near low: Double) -> Double {
    var (count, index) = (0.0, Block.place)
    while index < classes {
      if index != label && position(logits[index]) > low - 5 { count += 1 }
      index &+= Block.width
    }
    return Block.sum(count)
  }

  /// Fills the tables at all nodes, and ends with a barrier.
  ///
  /// - Parameter keep: of lane 0 of a node's warp, with log Π_j (q_j + p_j u).
  @inline(__always)
  func fill<T: NoisedThreshold>(
    _ nodes: NodeRange, _ threshold: (Double) -> T, keep: (Int, T, Double) -> Void
  ) {
    var node = Block.place &>> 5
    while node < nodes.count {
      let t = nodes[node]
      let threshold = threshold(t)
      let logarithm = multiply(node, t, threshold)
      if Warp.place == 0 { keep(node, threshold, logarithm) }
      node &+= Block.width &>> 5
    }
    Block.barrier()
  }

  @inline(__always)
  private func multiply<T: NoisedThreshold>(_ node: Int, _ t: Double, _ threshold: T) -> Double {
    let degree = rank &- 1
    var polynomial = RankPolynomial(degree: degree)
    var (odds, squares) = (0.0, 0.0)
    var scale = ScaledProduct()
    // The strongest first, one a lane.
    var index = Warp.place &- 32
    while index < classes {
      let place = index &+ 32
      let isStrong = index < 0
      if isStrong ? place < rank : index != label {
        let score = isStrong ? strongest.score(place) : logits[index]
        let distance = position(score) - t
        if isStrong || (distance > -Self.depth && !strongest.has(index, score)) {
          let factor = threshold.factor(distance)
          scale.multiply(factor)
          if isStrong {
            let strong = tables.strong(node, place)
            (strong[0], strong[1], strong[2]) = (factor.below, factor.above, factor.density)
          } else if factor.above < threshold.small {
            let odd = factor.above + factor.above * factor.above
            odds += odd
            squares = gpu_fma_f64(odd, odd, squares)
          } else {
            polynomial.multiply(factor.below, factor.above)
          }
        }
      }
      index &+= 32
    }
    let logarithm = Warp.sum(scale.logarithm)
    var (other, distance) = (
      RankPolynomial(sumOfOdds: odds, ofSquares: squares, degree: degree), UInt32(32)
    )
    while true {
      polynomial.multiply(other)
      distance &>>= 1
      if distance == 0 { break }
      other = polynomial.shuffled(distance)
    }
    // Factors come in another order in every thread: the first one's product counts.
    if Warp.place == 0 { polynomial.store(tables.weak(node)) }
    multiplyStrong(&polynomial, node, except: rank)
    if Warp.place == 0 { polynomial.store(tables.all(node)) }
    return logarithm
  }

  @inline(__always)
  private func multiplyStrong(_ polynomial: inout RankPolynomial, _ node: Int, except: Int) {
    var place = 0
    while place < rank {
      let strong = tables.strong(node, place)
      if place != except { polynomial.multiply(strong[0], strong[1]) }
      place &+= 1
    }
  }

  /// Writes Σ_nodes weight · density · P( r − 1 of the others are above ) for every class, weights in their table.
  ///
  /// - Parameter write: of a class that is not of the strongest, in its own thread; a barrier later of those that are.
  @inline(__always)
  func writeShares<T: NoisedThreshold>(
    _ nodes: NodeRange, _ threshold: (Int) -> T, write: (Int, Double) -> Void
  ) {
    var index = Block.place
    while index < classes {
      let score = logits[index]
      if index != label && !strongest.has(index, score) {
        write(index, share(of: position(score), nodes, threshold))
      }
      index &+= Block.width
    }
    var task = Block.place
    while task < rank &* nodes.count {
      let (node, place) = (task / rank, task % rank)
      var polynomial = RankPolynomial(tables.weak(node), degree: rank &- 1)
      multiplyStrong(&polynomial, node, except: place)
      tables.strong(node, place)[2] *= tables.weight(node).pointee * polynomial.leading
      task &+= Block.width
    }
    Block.barrier()
    if Block.place < rank {
      var (sum, node) = (0.0, 0)
      while node < nodes.count {
        sum += tables.strong(node, Block.place)[2]
        node &+= 1
      }
      write(strongest.classAt(Block.place), sum)
    }
  }

  @inline(__always)
  private func share<T: NoisedThreshold>(
    of position: Double, _ nodes: NodeRange, _ threshold: (Int) -> T
  ) -> Double {
    var (sum, node) = (0.0, 0)
    while node < nodes.count {
      let distance = position - nodes[node]
      if distance > -Self.depth && distance < T.furthest {
        let factor = threshold(node).factor(distance)
        let (inverse, all) = (1 / factor.below, tables.all(node))
        var (without, power) = (0.0, 0)
        while power < rank {
          without = gpu_fma_f64(-factor.above, without, all[power]) * inverse
          power &+= 1
        }
        // Next to 0, rounding may have it below.
        sum += tables.weight(node).pointee * factor.density * max(0, without)
      }
      node &+= 1
    }
    return sum
  }
}

/// A product of numbers that no type holds: its logarithm.
private struct ScaledProduct {
  private var product = 1.0
  private var exponent = 0.0
  private static var large: Double { 0x1p600 }
  private static var logLarge: Double { 415.888_308_335_967_2 }

  @inline(__always)
  mutating func multiply(_ factor: ClassFactor) {
    product *= factor.scale
    exponent += factor.exponent
    if product < 1 / Self.large {
      product *= Self.large
      exponent -= Self.logLarge
    } else if product > Self.large {
      product *= 1 / Self.large
      exponent += Self.logLarge
    }
  }

  @inline(__always)
  var logarithm: Double { log(product) + exponent }
}
