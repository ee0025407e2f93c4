import CGPU

// A product of factors q + p x, one a class, as far as x^16: a small rank needs no more of it. All terms are positive, so
// that nothing cancels, however factors are put together. Coefficients are float64: a thread multiplies thousands of factors,
// of which equal classes round alike.
//
// Coefficients are registers, four and four of them worked on only where the degree reaches as far: the same for all threads
// of a warp.

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
    if degree > 3 { self.b.follow(self.a.z, self.a.w, a, b, from: 4) }
    if degree > 7 { c.follow(self.b.z, self.b.w, a, b, from: 8) }
    if degree > 11 { d.follow(c.z, c.w, a, b, from: 12) }
    if degree > 15 { last = (a * d.w - b * d.z) / 16 }
  }

  /// What `store` has put there.
  @inline(__always)
  init(_ source: UnsafeMutablePointer<Double>, degree: Int) {
    self.degree = degree
    a = Four(source)
    if degree > 3 { b = Four(source + 4) }
    if degree > 7 { c = Four(source + 8) }
    if degree > 11 { d = Four(source + 12) }
    if degree > 15 { last = source[16] }
  }

  @inline(__always)
  func store(_ target: UnsafeMutablePointer<Double>) {
    a.store(target)
    if degree > 3 { b.store(target + 4) }
    if degree > 7 { c.store(target + 8) }
    if degree > 11 { d.store(target + 12) }
    if degree > 15 { target[16] = last }
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
    if degree > 15 { last = gpu_fma_f64(d.w, p, last * q) }
    if degree > 11 { d.multiply(q, p, below: c.w) }
    if degree > 7 { c.multiply(q, p, below: b.w) }
    if degree > 3 { b.multiply(q, p, below: a.w) }
    a.multiply(q, p, below: 0)
  }

  @inline(__always)
  mutating func multiply(_ f: RankPolynomial) {
    if degree > 15 {
      let ends = gpu_fma_f64(a.x, f.last, last * f.a.x)
      let outer = gpu_fma_f64(d.x, f.b.x, gpu_fma_f64(b.x, f.d.x, ends))
      let middle = Four.addFirstHigh(a, f.d, gpu_fma_f64(c.x, f.c.x, outer))
      last = Four.addFirstHigh(
        d, f.a, Four.addFirstHigh(c, f.b, Four.addFirstHigh(b, f.c, middle)))
    }
    if degree > 11 {
      var sum = Four()
      sum.addLow(a, f.d)
      sum.addLow(b, f.c)
      sum.addLow(c, f.b)
      sum.addLow(d, f.a)
      sum.addHigh(a, f.c)
      sum.addHigh(b, f.b)
      sum.addHigh(c, f.a)
      d = sum
    }
    if degree > 7 {
      var sum = Four()
      sum.addLow(a, f.c)
      sum.addLow(b, f.b)
      sum.addLow(c, f.a)
      sum.addHigh(a, f.b)
      sum.addHigh(b, f.a)
      c = sum
    }
    if degree > 3 {
      var sum = Four()
      sum.addLow(a, f.b)
      sum.addLow(b, f.a)
      sum.addHigh(a, f.a)
      b = sum
    }
    var sum = Four()
    sum.addLow(a, f.a)
    a = sum
  }

  /// That of the thread of the warp whose place differs by `distance` in its bits.
  @inline(__always)
  func shuffled(_ distance: UInt32) -> RankPolynomial {
    var other = RankPolynomial(degree: degree)
    other.a = a.shuffled(distance)
    if degree > 3 { other.b = b.shuffled(distance) }
    if degree > 7 { other.c = c.shuffled(distance) }
    if degree > 11 { other.d = d.shuffled(distance) }
    if degree > 15 { other.last = Warp.shuffled(last, distance) }
    return other
  }
}
