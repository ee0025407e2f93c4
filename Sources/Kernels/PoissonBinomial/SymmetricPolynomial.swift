import CKernels
import CSystem

// Elementary symmetric polynomials of the odds of a row's rivals, o_j = exp((z_j − c) / unit), up to a small degree k, with c
// the k-th largest of their logits:
//
//   Π_j (1 + o_j x) = Σ_r σ_r x^r
//
// Sixteen strong ones are multiplied on one by one, as 1 − p + p x with p = o / (1 + o): all terms are positive, nothing
// overflows. The others are weak, o_j <= 1, and enter through their power sums R_n = Σ o_j^n by Newton's identities,
//
//   r w_r = Σ_{i=1}^{r} (−1)^(i−1) R_i w_{r−i}.
//
// What these lose by terms of both signs is small beside what any r of the strong ones contribute, as long as there are
// about twice as many of them as k.

struct SymmetricPolynomial<V: Lanes> {
  /// The largest degree that this is made for.
  static var mostDegree: Int { 8 }
  private static var mostStrong: Int { 16 }

  /// The logit c.
  let center: Double
  private let row: SmoothTopKSVMRow
  private let degree: Int
  private let strongCount: Int
  private let weakest: V.Scalar
  private let perUnit: V.Scalar
  private let scores: UnsafeMutablePointer<V.Scalar>
  private let classes: UnsafeMutablePointer<Int>
  /// p and 1 − p of the strong ones.
  private let above: UnsafeMutablePointer<Double>
  private let below: UnsafeMutablePointer<Double>
  /// A row of coefficients before every strong one, and after the last: σ but for a common factor.
  private let products: UnsafeMutablePointer<Double>
  private let suffix: UnsafeMutablePointer<Double>

  static var bytes: Int {
    let entries = TopSelection<V>.capacity(rank: mostStrong)
    return entries &* 16 &+ 8 &* (2 &* mostStrong &+ (mostStrong &+ 2) &* (mostDegree &+ 1))
  }

  /// Nil where fewer than k rivals are unmasked.
  ///
  /// Keeps the weak ones' odds in the gradient's row, if there is one.
  @inline(never)
  init?(_ row: SmoothTopKSVMRow) {
    self.row = row
    degree = Int(truncatingIfNeeded: row.k)
    let entries = TopSelection<V>.capacity(rank: Self.mostStrong)
    scores = row.scratch.assumingMemoryBound(to: V.Scalar.self)
    let classMemory = row.scratch + 8 &* entries
    classes = classMemory.assumingMemoryBound(to: Int.self)
    above = (classMemory + 8 &* entries).assumingMemoryBound(to: Double.self)
    below = above + Self.mostStrong
    products = below + Self.mostStrong
    suffix = products + (Self.mostStrong &+ 1) &* (degree &+ 1)

    strongest(row, scores, classes, count: Self.mostStrong, V.self)
    var count = 0
    while count < Self.mostStrong && scores[count] > -.infinity { count &+= 1 }
    if count < degree { return nil }
    strongCount = count
    weakest = scores[Self.mostStrong &- 1]
    center = Double(scores[degree &- 1])
    let unit = Double(row.k) * row.tau
    perUnit = V.Scalar(1 / unit)
    var place = 0
    while place < count {
      let u = (Double(scores[place]) - center) / unit
      above[place] = 1 / (1 + exp(-u))
      below[place] = 1 / (1 + exp(u))
      place &+= 1
    }
    expandWeak()
    multiplyStrong()
  }

  /// σ_r, but for a factor that is the same for all.
  @inline(__always)
  func coefficient(_ r: Int) -> Double {
    r < 0 ? 0 : products[strongCount &* (degree &+ 1) &+ r]
  }

  private func expandWeak() {
    let classCount = Int(truncatingIfNeeded: row.classes)
    let own = V.loadScalar(row.logits, Int(truncatingIfNeeded: row.label))
    var sums = OddsSums<V>(
      center: V.splat(V.Scalar(center)), perUnit: V.splat(perUnit), weakest: V.splat(weakest),
      hasMany: degree > 4)
    sums.add(row.logits, classCount, keepingIn: row.gradient)
    // The label, and strong ones that equal the weakest, are no weak rivals.
    if own <= weakest { sums.takeOut(own) }
    var place = 0
    while place < strongCount {
      if scores[place] == weakest { sums.takeOut(weakest) }
      place &+= 1
    }
    products[0] = 1
    var r = 1
    while r <= degree {
      var sum = 0.0
      var i = 1
      while i <= r {
        let term = sums.total(i) * products[r &- i]
        sum += i & 1 == 1 ? term : -term
        i &+= 1
      }
      products[r] = sum / Double(r)
      r &+= 1
    }
  }

  private func multiplyStrong() {
    var place = 0
    while place < strongCount {
      let (p, q) = (above[place], below[place])
      let given = products + place &* (degree &+ 1)
      let product = given + (degree &+ 1)
      product[0] = given[0] * q
      var r = 1
      while r <= degree {
        product[r] = given[r] * q + given[r &- 1] * p
        r &+= 1
      }
      place &+= 1
    }
  }

  /// Writes weight · (π_k(j) − π_{k−1}(j)) for every rival, with π_r(j) = o_j σ_{r−1}(without j) / σ_r.
  @inline(never)
  func writeInclusion(_ gradient: UnsafeMutableRawPointer, weight: Double) {
    let (more, fewer) = (weight / coefficient(degree), weight / coefficient(degree &- 1))
    // Without a weak one σ_{r−1} is Σ_i (−o)^i σ_{r−1−i}.
    var polynomial = InclusionPolynomial<V>()
    var i = 0
    while i < degree {
      let difference =
        coefficient(degree &- 1 &- i) * more - coefficient(degree &- 2 &- i) * fewer
      polynomial.setFactor(i, i & 1 == 0 ? difference : -difference)
      i &+= 1
    }
    polynomial.apply(to: gradient, Int(truncatingIfNeeded: row.classes))
    writeStrong(gradient, more: more, fewer: fewer)
  }

  /// From the products of those before and of those behind each.
  private func writeStrong(
    _ gradient: UnsafeMutableRawPointer, more: Double, fewer: Double
  ) {
    var r = 0
    while r <= degree {
      suffix[r] = r == 0 ? 1 : 0
      r &+= 1
    }
    var place = strongCount
    while place > 0 {
      place &-= 1
      let (p, q) = (above[place], below[place])
      let prefix = products + place &* (degree &+ 1)
      var (ofMore, ofFewer) = (0.0, 0.0)
      r = 0
      while r < degree {
        ofMore += prefix[r] * suffix[degree &- 1 &- r]
        if r > 0 { ofFewer += prefix[r &- 1] * suffix[degree &- 1 &- r] }
        r &+= 1
      }
      V.storeScalar(
        V.Scalar(p * (ofMore * more - ofFewer * fewer)), gradient, classes[place])
      r = degree
      while r > 0 {
        suffix[r] = suffix[r] * q + suffix[r &- 1] * p
        r &-= 1
      }
      suffix[0] *= q
    }
  }
}

/// The `count` largest logits of a row but for the label's, in order, with their classes; −∞ for those that there are
/// not.
@inline(never)
private func strongest<V: Lanes>(
  _ row: SmoothTopKSVMRow, _ scores: UnsafeMutablePointer<V.Scalar>,
  _ classes: UnsafeMutablePointer<Int>, count: Int, _: V.Type
) {
  let rowCount = Int(truncatingIfNeeded: row.classes)
  let label = Int(truncatingIfNeeded: row.label)
  var selection = TopSelection<V>(scores: scores, classes: classes, rank: count)
  var index = 0
  while index < rowCount {
    let here = min(V.width, rowCount &- index)
    let score = V.load(row.logits, index, count: here, filler: -.infinity)
    var admitted = LaneSet(
      bits: V.bits(V.less(V.splat(selection.threshold), score)), count: here)
    while admitted.bits != 0 {
      let lane = admitted.next()
      let score = V.loadScalar(row.logits, index &+ lane)
      if index &+ lane != label && score > selection.threshold {
        selection.admit(score, of: index &+ lane)
      }
    }
    index &+= V.width
  }
}

/// Power sums of the odds of all classes that are not above the weakest strong one.
private struct OddsSums<V: Lanes> {
  private let center: V
  private let perUnit: V
  private let weakest: V
  /// More than four sums.
  private let hasMany: Bool
  private var totals = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)

  init(center: V, perUnit: V, weakest: V, hasMany: Bool) {
    self.center = center
    self.perUnit = perUnit
    self.weakest = weakest
    self.hasMany = hasMany
  }

  @inline(__always)
  private func odds(_ logit: V) -> V {
    let isWeak = V.lessOrEqual(logit, weakest)
    return V.exponential(V.minusInfinity.selecting((logit - center) * perUnit, where: isWeak))
  }

  /// Adds up a row, and keeps the odds where that is asked for: perhaps in place of the logits.
  @inline(never)
  mutating func add(
    _ logits: UnsafeRawPointer, _ count: Int, keepingIn kept: UnsafeMutableRawPointer?
  ) {
    var index = 0
    while index < count {
      let end = min(count, index &+ 512)
      var (s1, s2, s3, s4) = (V.splat(0), V.splat(0), V.splat(0), V.splat(0))
      var (s5, s6, s7, s8) = (V.splat(0), V.splat(0), V.splat(0), V.splat(0))
      while index < end {
        let here = min(V.width, end &- index)
        let o = odds(V.load(logits, index, count: here, filler: -.infinity))
        if let kept { V.store(o, kept, index, count: here) }
        let square = o * o
        let fourth = square * square
        s1 = s1 + o
        s2 = s2 + square
        s3 = V.multiplyAdd(square, o, s3)
        s4 = s4 + fourth
        if hasMany {
          s5 = V.multiplyAdd(fourth, o, s5)
          s6 = V.multiplyAdd(fourth, square, s6)
          s7 = V.multiplyAdd(fourth, square * o, s7)
          s8 = V.multiplyAdd(fourth, fourth, s8)
        }
        index &+= V.width
      }
      totals.0 += s1.wideSum
      totals.1 += s2.wideSum
      totals.2 += s3.wideSum
      totals.3 += s4.wideSum
      if hasMany {
        totals.4 += s5.wideSum
        totals.5 += s6.wideSum
        totals.6 += s7.wideSum
        totals.7 += s8.wideSum
      }
    }
  }

  /// Takes a logit's odds out of the sums, as they came in.
  @inline(never)
  mutating func takeOut(_ logit: V.Scalar) {
    let o = odds(V.splat(logit)).wideSum / Double(V.width)
    let fifth = o * o * o * o * o
    totals.0 -= o
    totals.1 -= o * o
    totals.2 -= o * o * o
    totals.3 -= o * o * o * o
    totals.4 -= fifth
    totals.5 -= fifth * o
    totals.6 -= fifth * o * o
    totals.7 -= fifth * o * o * o
  }

  func total(_ n: Int) -> Double {
    let total =
      switch n {
      case 1: totals.0
      case 2: totals.1
      case 3: totals.2
      case 4: totals.3
      case 5: totals.4
      case 6: totals.5
      case 7: totals.6
      default: totals.7
      }
    return max(0, total)
  }
}

/// The polynomial o Σ_i f_i o^i, of degree 8.
private struct InclusionPolynomial<V: Lanes> {
  private var factors = (
    V.splat(0), V.splat(0), V.splat(0), V.splat(0), V.splat(0), V.splat(0), V.splat(0), V.splat(0)
  )

  mutating func setFactor(_ i: Int, _ factor: Double) {
    let lanes = V.splat(V.Scalar(factor))
    switch i {
    case 0: factors.0 = lanes
    case 1: factors.1 = lanes
    case 2: factors.2 = lanes
    case 3: factors.3 = lanes
    case 4: factors.4 = lanes
    case 5: factors.5 = lanes
    case 6: factors.6 = lanes
    default: factors.7 = lanes
    }
  }

  /// In place of the odds. Instructions a vector: 12.
  @inline(never)
  func apply(to odds: UnsafeMutableRawPointer, _ count: Int) {
    var index = 0
    while index < count {
      let here = min(V.width, count &- index)
      let o = V.load(UnsafeRawPointer(odds), index, count: here, filler: 0)
      var p = V.multiplyAdd(factors.7, o, factors.6)
      p = V.multiplyAdd(p, o, factors.5)
      p = V.multiplyAdd(p, o, factors.4)
      p = V.multiplyAdd(p, o, factors.3)
      p = V.multiplyAdd(p, o, factors.2)
      p = V.multiplyAdd(p, o, factors.1)
      p = V.multiplyAdd(p, o, factors.0)
      V.store(p * o, odds, index, count: here)
      index &+= V.width
    }
  }
}
