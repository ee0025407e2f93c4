import CGPU

// A product of factors q + p x, one a class, as far as x^16: a small rank needs no more of it. All terms are positive, so
// that nothing cancels, however factors are put together. Coefficients are float64: a thread multiplies thousands of factors,
// of which equal classes round alike.
//
// Coefficients are registers, those above x^7 worked on only where the degree is as high: the same for all threads.

/// Four coefficients.
private struct Four {
  var x = 0.0
  var y = 0.0
  var z = 0.0
  var w = 0.0

  /// Times q + p x, `below` being the coefficient below these.
  @inline(__always)
  mutating func multiply(_ q: Double, _ p: Double, below: Double) {
    w = gpu_fma_f64(z, p, w * q)
    z = gpu_fma_f64(y, p, z * q)
    y = gpu_fma_f64(x, p, y * q)
    x = gpu_fma_f64(below, p, x * q)
  }

  /// Adds the lower four coefficients of a product.
  @inline(__always)
  mutating func addLow(_ f: Four, _ g: Four) {
    x = gpu_fma_f64(f.x, g.x, x)
    y = gpu_fma_f64(f.y, g.x, gpu_fma_f64(f.x, g.y, y))
    z = gpu_fma_f64(f.z, g.x, gpu_fma_f64(f.y, g.y, gpu_fma_f64(f.x, g.z, z)))
    w = gpu_fma_f64(f.w, g.x, gpu_fma_f64(f.z, g.y, gpu_fma_f64(f.y, g.z, w)))
    w = gpu_fma_f64(f.x, g.w, w)
  }

  /// Adds the upper three.
  @inline(__always)
  mutating func addHigh(_ f: Four, _ g: Four) {
    x = Four.addFirstHigh(f, g, x)
    y = gpu_fma_f64(f.w, g.z, gpu_fma_f64(f.z, g.w, y))
    z = gpu_fma_f64(f.w, g.w, z)
  }

  @inline(__always)
  static func addFirstHigh(_ f: Four, _ g: Four, _ sum: Double) -> Double {
    gpu_fma_f64(f.w, g.y, gpu_fma_f64(f.z, g.z, gpu_fma_f64(f.y, g.w, sum)))
  }

  /// Coefficients from n = `first` on, by n c_n = a c_{n−1} − b c_{n−2}; c_0 is given.
  @inline(__always)
  mutating func follow(
    _ before: Double, _ latest: Double, _ a: Double, _ b: Double, from first: Int
  ) {
    let n = Double(first)
    if first > 0 { x = (a * latest - b * before) / n }
    y = (a * x - b * (first > 0 ? latest : 0)) / (n + 1)
    z = (a * y - b * x) / (n + 2)
    w = (a * z - b * y) / (n + 3)
  }

  @inline(__always)
  func shuffled(_ distance: UInt32) -> Four {
    Four(
      x: Warp.shuffled(x, distance), y: Warp.shuffled(y, distance),
      z: Warp.shuffled(z, distance), w: Warp.shuffled(w, distance))
  }

  @inline(__always)
  func store(_ target: UnsafeMutablePointer<Double>) {
    (target[0], target[1], target[2], target[3]) = (x, y, z, w)
  }

  @inline(__always)
  init(_ source: UnsafeMutablePointer<Double>) {
    (x, y, z, w) = (source[0], source[1], source[2], source[3])
  }

  @inline(__always)
  init(x: Double = 0, y: Double = 0, z: Double = 0, w: Double = 0) {
    (self.x, self.y, self.z, self.w) = (x, y, z, w)
  }
}

struct RankPolynomial {
  /// Numbers that one takes in memory, whatever its degree.
  static var stride: Int { 17 }

  private var a = Four(x: 1)
  private var b = Four()
  private var c = Four()
  private var d = Four()
  private var last = 0.0
  private let degree: Int
  @inline(__always)
  private var isHigh: Bool { degree > 7 }

  /// The number 1.
  @inline(__always)
  init(degree: Int) { self.degree = degree }

  /// exp(a (x − 1) − b (x² − 1) / 2): Π_j (1 + o_j x) / (1 + o_j), a the sum of odds that are all small and b that of
  /// their squares. By n c_n = a c_{n−1} − b c_{n−2}.
  @inline(__always)
  init(sumOfOdds a: Double, ofSquares b: Double, degree: Int) {
    self.degree = degree
    self.a.x = exp(0.5 * b - a)
    self.a.follow(0, self.a.x, a, b, from: 0)
    self.b.follow(self.a.z, self.a.w, a, b, from: 4)
    if isHigh {
      c.follow(self.b.z, self.b.w, a, b, from: 8)
      d.follow(c.z, c.w, a, b, from: 12)
      last = (a * d.w - b * d.z) / 16
    }
  }

  /// What `store` has put there.
  @inline(__always)
  init(_ source: UnsafeMutablePointer<Double>, degree: Int) {
    self.degree = degree
    (a, b) = (Four(source), Four(source + 4))
    if isHigh { (c, d, last) = (Four(source + 8), Four(source + 12), source[16]) }
  }

  @inline(__always)
  func store(_ target: UnsafeMutablePointer<Double>) {
    a.store(target)
    b.store(target + 4)
    if isHigh {
      c.store(target + 8)
      d.store(target + 12)
      target[16] = last
    }
  }

  /// The coefficient of the highest power.
  @inline(__always)
  var leading: Double {
    let four = degree > 11 ? d : degree > 7 ? c : degree > 3 ? b : a
    let (low, high) = (degree & 1 == 0 ? four.x : four.y, degree & 1 == 0 ? four.z : four.w)
    return degree > 15 ? last : degree & 2 == 0 ? low : high
  }

  /// Times q + p x.
  @inline(__always)
  mutating func multiply(_ q: Double, _ p: Double) {
    if isHigh {
      last = gpu_fma_f64(d.w, p, last * q)
      d.multiply(q, p, below: c.w)
      c.multiply(q, p, below: b.w)
    }
    b.multiply(q, p, below: a.w)
    a.multiply(q, p, below: 0)
  }

  @inline(__always)
  mutating func multiply(_ f: RankPolynomial) {
    if isHigh {
      let ends = gpu_fma_f64(a.x, f.last, last * f.a.x)
      let outer = gpu_fma_f64(d.x, f.b.x, gpu_fma_f64(b.x, f.d.x, ends))
      let middle = Four.addFirstHigh(a, f.d, gpu_fma_f64(c.x, f.c.x, outer))
      last = Four.addFirstHigh(
        d, f.a, Four.addFirstHigh(c, f.b, Four.addFirstHigh(b, f.c, middle)))
      var (low, high) = (Four(), Four())
      high.addLow(a, f.d)
      high.addLow(b, f.c)
      high.addLow(c, f.b)
      high.addLow(d, f.a)
      high.addHigh(a, f.c)
      high.addHigh(b, f.b)
      high.addHigh(c, f.a)
      low.addLow(a, f.c)
      low.addLow(b, f.b)
      low.addLow(c, f.a)
      low.addHigh(a, f.b)
      low.addHigh(b, f.a)
      (c, d) = (low, high)
    }
    var (low, high) = (Four(), Four())
    high.addLow(a, f.b)
    high.addLow(b, f.a)
    high.addHigh(a, f.a)
    low.addLow(a, f.a)
    (a, b) = (low, high)
  }

  /// That of the thread of the warp whose place differs by `distance` in its bits.
  @inline(__always)
  func shuffled(_ distance: UInt32) -> RankPolynomial {
    var other = RankPolynomial(degree: degree)
    (other.a, other.b) = (a.shuffled(distance), b.shuffled(distance))
    if isHigh {
      (other.c, other.d) = (c.shuffled(distance), d.shuffled(distance))
      other.last = Warp.shuffled(last, distance)
    }
    return other
  }
}
