import CKernels
import CSystem

// Elementary symmetric polynomials of the odds of a row's rivals, o_j = exp((z_j − c) / unit), up to a small degree k, with c
// the k-th largest of their logits:
//
//   Π_j (1 + o_j x) = Σ_r σ_r x^r
//
// Sixteen strong ones are multiplied on one by one, as 1 − p + p x with p = o / (1 + o): nothing overflows. The others are
// weak, o_j <= 1, and enter through their power sums; TruncatedPolynomial has the algebra. What Newton's identities lose by
// terms of both signs is small beside what any r of the strong ones contribute, as long as there are about twice as many of
// them as k.

/// σ_0 … σ_k of a row's rivals, but for a common factor.
struct ElementarySymmetricPolynomials<V: ProcessorLanes> {
  /// The largest degree that this is made for.
  static var mostDegree: Int { PowerSums<V>.atHand }
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
  /// A row of coefficients before every strong one, and after the last.
  private let products: UnsafeMutablePointer<Double>
  /// Power sums of the weak ones; then the product of the strong ones behind one.
  private let working: TruncatedPolynomial<Double>

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
    working = TruncatedPolynomial(products + (Self.mostStrong &+ 1) &* (degree &+ 1))

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

  /// The product of the weak ones and of the strong ones before one.
  @inline(__always)
  private func prefix(_ place: Int) -> TruncatedPolynomial<Double> {
    TruncatedPolynomial(products + place &* (degree &+ 1))
  }

  /// σ_r, but for a factor that is the same for all.
  @inline(__always)
  func coefficient(_ r: Int) -> Double { r < 0 ? 0 : prefix(strongCount)[r] }

  private func expandWeak() {
    let own = V.loadScalar(row.logits, Int(truncatingIfNeeded: row.label))
    let odds = WeakOdds<V>(
      center: V.splat(V.Scalar(center)), perUnit: V.splat(perUnit), weakest: V.splat(weakest))
    working.fill(0, then: 0, count: degree &+ 1)
    odds.addPowers(
      row.logits, Int(truncatingIfNeeded: row.classes), keepingIn: row.gradient, to: working,
      count: degree &+ 1)
    // The label, and strong ones that equal the weakest, are no weak rivals.
    if own <= weakest { takeOut(odds, own) }
    var place = 0
    while place < strongCount {
      if scores[place] == weakest { takeOut(odds, weakest) }
      place &+= 1
    }
    var n = 1
    while n <= degree {
      working[n] = max(0, working[n])
      n &+= 1
    }
    prefix(0).expand(working, times: 1, count: degree &+ 1)
  }

  /// Takes a logit's odds out of the power sums, as they came in.
  private func takeOut(_ odds: WeakOdds<V>, _ logit: V.Scalar) {
    let o = odds.odds(V.splat(logit)).wideSum / Double(V.width)
    var (n, power) = (1, o)
    while n <= degree {
      working[n] -= power
      power *= o
      n &+= 1
    }
  }

  private func multiplyStrong() {
    var place = 0
    while place < strongCount {
      prefix(place).multiply(
        below[place], above[place], count: degree &+ 1, into: prefix(place &+ 1))
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
    working.fill(1, then: 0, count: degree)
    var place = strongCount
    while place > 0 {
      place &-= 1
      let (p, before) = (above[place], prefix(place))
      let ofFewer = working.lastOfProduct(with: before, count: degree &- 1)
      let ofMore = working.lastOfProduct(
        with: before, count: degree, thenMultiply: below[place], p)
      V.storeScalar(
        V.Scalar(p * (ofMore * more - ofFewer * fewer)), gradient, classes[place])
    }
  }
}

/// The `count` largest logits of a row but for the label's, in order, with their classes; −∞ for those that there are
/// not.
@inline(never)
private func strongest<V: ProcessorLanes>(
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

/// The odds of the classes that are not above the weakest strong one.
private struct WeakOdds<V: ProcessorLanes> {
  let center: V
  let perUnit: V
  let weakest: V

  /// 0 for the others.
  @inline(__always)
  func odds(_ logit: V) -> V {
    let isWeak = V.lessOrEqual(logit, weakest)
    return V.exponential(V.minusInfinity.selecting((logit - center) * perUnit, where: isWeak))
  }

  /// Adds up the powers of a row's odds, and keeps the odds where that is asked for: perhaps in place of the logits.
  @inline(never)
  func addPowers(
    _ logits: UnsafeRawPointer, _ classes: Int, keepingIn kept: UnsafeMutableRawPointer?,
    to totals: TruncatedPolynomial<Double>, count: Int
  ) {
    var sums = PowerSums<V>(count: count, memory: TruncatedPolynomial(totals.memory))
    var index = 0
    while index < classes {
      let end = min(classes, index &+ 512)
      while index < end {
        let here = min(V.width, end &- index)
        let o = odds(V.load(logits, index, count: here, filler: -.infinity))
        if let kept { V.store(o, kept, index, count: here) }
        sums.add(o)
        index &+= V.width
      }
      sums.endBlock(WideTotals(totals: totals))
    }
  }
}

/// The polynomial o Σ_i f_i o^i, of degree 8.
private struct InclusionPolynomial<V: ProcessorLanes> {
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
