import CKernels
import CSystem

// The bulk of the scores, those well below the region, by way of a few numbers: a smooth function of the score is nearly
// a polynomial on the window in which they lie, once the Gaussian that it falls with is divided out. With the weight
// w(z) = exp(−(z − τ)² / 2) and y from −1 to 1 over the window,
//
//   f(z) = w(z) Σ_k ℓ_k(y) f(g_k) / w(g_k),    g_k the Chebyshev nodes, ℓ_k Lagrange's polynomials,
//
// so that Σ_j f(z_j) = Σ_k n_k f(g_k): the bulk acts like as many scores as there are nodes, each n_k times there. Sixteen
// nodes are good for 4e-8 of the largest sum, thirty-two for 1e-11 (tried for regions up to 7 ε, windows from 1 ε to
// 6 ε (8.3 ε) below, f the first three powers of the probability to be above a threshold in the region).
// n_k comes from the moments Σ_j w(z_j) T_m(y_j) with Chebyshev's polynomials, a multiply-add and an addition a degree, and the share
// of score j from those at the nodes by the transposed sum.
//
// The recurrence T_{m+1} = 2 y T_m − T_{m−1} is run with signs + + − − + + − −, which turn it into
// U_{m+1} = ±2 y U_m + U_{m−1}.

/// The bulk's stand-in.
struct ChebyshevGrid<V: ProcessorLanes> {
  static var size: Int { V.quadrature.gridSize }
  /// Bytes of working memory.
  static var bytes: Int { 64 &* size &+ 8 &* 6 &* size }

  private let source: ScoreSource<V>
  private let bottom: V.Scalar
  private let top: V.Scalar
  private let middle: V.Scalar
  private let halfWidth: V.Scalar
  /// log w = (1 − y) (constant + slope · y), 0 at the top.
  private let constant: V.Scalar
  private let slope: V.Scalar

  private let sums: UnsafeMutableRawPointer
  /// Σ_j w(z_j) U_m(y_j); then what the shares' polynomial is made of.
  private let moments: UnsafeMutablePointer<Double>
  private let coefficients: UnsafeMutablePointer<V.Scalar>
  private let nodes: UnsafeMutablePointer<V.Scalar>
  /// 1 / w(g_k).
  private let unweights: UnsafeMutablePointer<V.Scalar>
  /// g_k and n_k.
  let positions: UnsafeMutablePointer<V.Scalar>
  let multiplicities: UnsafeMutablePointer<V.Scalar>

  /// The scores from `bottom` to below `top`, relative to the source's centre; the weight's peak is at `tilt`.
  @inline(never)
  init(
    _ source: ScoreSource<V>, bottom: V.Scalar, top: V.Scalar, tilt: Double,
    memory: UnsafeMutableRawPointer
  ) {
    let size = Self.size
    self.source = source
    (self.bottom, self.top) = (bottom, top)
    let center = (Double(bottom) + Double(top)) / 2
    let half = (Double(top) - Double(bottom)) / 2
    middle = V.Scalar(center)
    halfWidth = V.Scalar(half)
    constant = V.Scalar(half * (center + half / 2 - tilt))
    slope = V.Scalar(half * half / 2)
    sums = memory
    moments = (memory + 64 &* size).assumingMemoryBound(to: Double.self)
    func take(_ part: Int) -> UnsafeMutablePointer<V.Scalar> {
      (memory + 64 &* size + 8 &* part &* size).assumingMemoryBound(to: V.Scalar.self)
    }
    (coefficients, nodes, unweights) = (take(1), take(2), take(3))
    (positions, multiplicities) = (take(4), take(5))
    placeNodes()
    findMoments()
    findMultiplicities()
  }

  /// cos(π (k + ½) / n), by turning.
  private func placeNodes() {
    let size = Self.size
    let half = Double.pi / Double(2 &* size)
    let (c, s) = (cos(2 * half), sin(2 * half))
    var (x, y) = (cos(half), sin(half))
    var k = 0
    while k < size {
      nodes[k] = V.Scalar(x)
      (x, y) = (x * c - y * s, x * s + y * c)
      k &+= 1
    }
    k = 0
    while k < size {
      let node = V.load(nodes, k)
      V.store(V.multiplyAdd(node, V.splat(halfWidth), V.splat(middle)), positions, k)
      V.store(V.quotient(V.splat(1), weight(node)), unweights, k)
      k &+= V.width
    }
  }

  @inline(__always)
  private func weight(_ y: V) -> V {
    V.exponential(
      (V.splat(1) - y) * V.multiplyAdd(y, V.splat(slope), V.splat(constant)))
  }

  /// The weights of a vector of scores, 0 for those outside the window, and where in the window they are.
  @inline(__always)
  private func place(_ score: V, _ unit: V) -> (weight: V, y: V) {
    let bottom = V.splat(self.bottom)
    let isInside = V.both(V.lessOrEqual(bottom, score), V.less(score, V.splat(top)))
    let inside = bottom.selecting(score, where: isInside)
    let y = (inside - V.splat(middle)) * unit
    return (V.zero.selecting(weight(y), where: isInside), y)
  }

  /// Two vectors of scores at a time; sums are carried on in float64 from block to block, short ones, as the scores may be
  /// equal, which round alike. Instructions a vector:
  /// 2.5 for every degree and about 25.
  @inline(never)
  private func findMoments() {
    let size = Self.size
    let unit = V.splat(1 / halfWidth)
    var m = 0
    while m < size {
      moments[m] = 0
      m &+= 1
    }
    var index = 0
    while index < source.count {
      let end = min(source.count, index &+ 1024)
      m = 0
      while m < size {
        V.store(V.zero, sums, m &* V.width)
        m &+= 1
      }
      while index < end {
        let first = place(source.load(index), unit)
        let second = place(source.load(index &+ V.width), unit)
        addMoments(first.weight, first.y, second.weight, second.y)
        index &+= 2 &* V.width
      }
      m = 0
      while m < size {
        moments[m] += V.load(sums, m &* V.width).wideSum
        m &+= 1
      }
    }
  }

  @inline(__always)
  private func addMoments(_ w1: V, _ y1: V, _ w2: V, _ y2: V) {
    let (twice1, twice2) = (y1 + y1, y2 + y2)
    let (minus1, minus2) = (V.zero - twice1, V.zero - twice2)
    var (even1, even2) = (w1, w2)
    var (odd1, odd2) = (w1 * y1, w2 * y2)
    var m = 0
    while true {
      V.store(V.load(sums, m &* V.width) + (even1 + even2), sums, m &* V.width)
      V.store(
        V.load(sums, (m &+ 1) &* V.width) + (odd1 + odd2), sums, (m &+ 1) &* V.width)
      m &+= 2
      if m >= Self.size { return }
      even1 = V.multiplyAdd(minus1, odd1, even1)
      even2 = V.multiplyAdd(minus2, odd2, even2)
      odd1 = V.multiplyAdd(twice1, even1, odd1)
      odd2 = V.multiplyAdd(twice2, even2, odd2)
    }
  }

  /// n_k = (1 / n w(g_k)) (M_0 + 2 Σ_m T_m(y_k) M_m); the signs of the recurrence cancel.
  private func findMultiplicities() {
    let size = Self.size
    var k = 0
    while k < size {
      let y = V.load(nodes, k)
      let (twice, minus) = (y + y, V.zero - (y + y))
      var (even, odd) = (V.splat(1), y)
      var sum = V.splat(V.Scalar(moments[0] / 2))
      var m = 0
      while true {
        if m > 0 { sum = V.multiplyAdd(even, V.splat(V.Scalar(moments[m])), sum) }
        sum = V.multiplyAdd(odd, V.splat(V.Scalar(moments[m &+ 1])), sum)
        m &+= 2
        if m >= size { break }
        even = V.multiplyAdd(minus, odd, even)
        odd = V.multiplyAdd(twice, even, odd)
      }
      let number = sum * V.splat(V.Scalar(2 / Double(size))) * V.load(unweights, k)
      V.store(number, multiplicities, k)
      k &+= V.width
    }
  }

  /// Writes `weight` times the share of every score: what `shares` has for the nodes, taken to the scores; 0 for those
  /// that are not of the bulk. May be in place.
  @inline(never)
  func writeShares(
    of shares: UnsafePointer<V.Scalar>, weight scale: Double, to target: UnsafeMutableRawPointer
  ) {
    findCoefficients(shares)
    let unit = V.splat(1 / halfWidth)
    let scale = V.splat(V.Scalar(scale))
    var index = 0
    while index < source.count {
      let first = place(source.load(index), unit)
      let second = place(source.load(index &+ V.width), unit)
      let (sum1, sum2) = combine(first.weight, first.y, second.weight, second.y)
      let rest = source.count &- index
      // Rounding may take the smallest shares just below 0.
      let (share1, share2) = (V.maximum(V.zero, sum1), V.maximum(V.zero, sum2))
      V.store(share1 * scale, target, index, count: min(V.width, rest))
      if rest > V.width {
        V.store(share2 * scale, target, index &+ V.width, count: min(V.width, rest &- V.width))
      }
      index &+= 2 &* V.width
    }
  }

  @inline(__always)
  private func combine(_ w1: V, _ y1: V, _ w2: V, _ y2: V) -> (V, V) {
    let (twice1, twice2) = (y1 + y1, y2 + y2)
    let (minus1, minus2) = (V.zero - twice1, V.zero - twice2)
    var (even1, even2) = (w1, w2)
    var (odd1, odd2) = (w1 * y1, w2 * y2)
    var (sum1, sum2) = (V.zero, V.zero)
    var m = 0
    while true {
      let (a, b) = (V.splat(coefficients[m]), V.splat(coefficients[m &+ 1]))
      sum1 = V.multiplyAdd(odd1, b, V.multiplyAdd(even1, a, sum1))
      sum2 = V.multiplyAdd(odd2, b, V.multiplyAdd(even2, a, sum2))
      m &+= 2
      if m >= Self.size { return (sum1, sum2) }
      even1 = V.multiplyAdd(minus1, odd1, even1)
      even2 = V.multiplyAdd(minus2, odd2, even2)
      odd1 = V.multiplyAdd(twice1, even1, odd1)
      odd2 = V.multiplyAdd(twice2, even2, odd2)
    }
  }

  /// (2 / n) Σ_k U_m(y_k) f(g_k) / w(g_k), half of it for m = 0.
  private func findCoefficients(_ shares: UnsafePointer<V.Scalar>) {
    let size = Self.size
    var m = 0
    while m < size {
      moments[m] = 0
      m &+= 1
    }
    var k = 0
    while k < size {
      let y = V.load(nodes, k)
      let (twice, minus) = (y + y, V.zero - (y + y))
      var even = V.load(shares, k) * V.load(unweights, k)
      var odd = even * y
      m = 0
      while true {
        moments[m] += even.wideSum
        moments[m &+ 1] += odd.wideSum
        m &+= 2
        if m >= size { break }
        even = V.multiplyAdd(minus, odd, even)
        odd = V.multiplyAdd(twice, even, odd)
      }
      k &+= V.width
    }
    m = 0
    while m < size {
      coefficients[m] = V.Scalar(moments[m] * (m == 0 ? 1 : 2) / Double(size))
      m &+= 1
    }
  }
}
