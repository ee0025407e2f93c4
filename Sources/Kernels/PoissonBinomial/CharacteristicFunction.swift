import CKernels
import CSystem

// How many of independent events happen: the Poisson-binomial distribution of N = Σ B_j, P(B_j = 1) = p_j, by way of
// its characteristic function χ(θ) = Π_j (1 − p_j + p_j e^{iθ}). Inverting χ at the L frequencies 2πl / L gives
// P(N = k), if N is all but surely among L consecutive numbers. |χ(θ)|² <= exp(−2 v (1 − cos θ)), v the variance of N, so
// that only the first few frequencies count, however many events there are; all terms are at most 1, and in float64
// nothing is lost.
//
// Hong, "On computing the distribution function for the Poisson binomial distribution", CSDA 2013.

/// The distribution of N around one number.
struct CharacteristicFunction {
  /// A number is asked about at most `nearest` away from the one that the distribution is made for.
  private static let nearest = 2
  private static let mostFrequencies = 128
  /// Below this variance, frequencies near π count, where factors may vanish.
  private static let smallVariance = 30.0
  /// p (1 − p) of events near ½, of which a small variance has at most 200.
  private static let middling = 0.15
  private static let mostMiddling = 256
  /// p, or 1 − p, of events near 0 or 1, and the terms of their series: an error of 1e-13.
  static let faint = 0.02
  static let terms = 8
  /// How far the table of P(N = k) reaches to either side.
  private static let tableReach = nearest + terms + 1

  /// Bytes of working memory.
  static var bytes: Int {
    8
      &* (9 &* mostFrequencies &+ 2 &* DoubleLanes.width &+ 2 &* tableReach &+ 1 &+ 2
        &* (terms &+ 1))
      &+ 8 &* 3 &* mostMiddling
  }

  let probabilities: UnsafePointer<Double>
  let count: Int
  private let near: Int
  private let mean: Double
  private let variance: Double
  /// N is all but surely among the `length` numbers from `first` on.
  private let first: Int
  private let length: Int
  /// How many frequencies count, from l = 0 on.
  let frequencies: Int
  /// How many events are near ½.
  let middlingCount: Int

  let angle: UnsafeMutablePointer<Double>
  let oneMinusCosine: UnsafeMutablePointer<Double>
  let sine: UnsafeMutablePointer<Double>
  /// χ, the part of it that events not near ½ contribute, and what it becomes for one number.
  let whole: ComplexNumbers
  let firm: ComplexNumbers
  let turned: ComplexNumbers
  private let lanes: UnsafeMutablePointer<Double>
  /// P(N = k) for k from near − tableReach on.
  private let table: UnsafeMutablePointer<Double>
  let fromBelow: UnsafeMutablePointer<Double>
  let fromAbove: UnsafeMutablePointer<Double>
  let middlingEvents: UnsafeMutablePointer<Int>
  let prefixes: ComplexNumbers

  /// - Parameters:
  ///   - probabilities: `count` of them, followed by zeros up to a whole number of vectors.
  ///   - near: the number that is asked about.
  ///   - memory: `bytes` of it.
  @inline(never)
  init(
    probabilities: UnsafePointer<Double>, count: Int, near: Int, memory: UnsafeMutableRawPointer
  ) {
    self.probabilities = probabilities
    self.count = count
    self.near = near
    var next = memory.assumingMemoryBound(to: Double.self)
    func take(_ numbers: Int) -> UnsafeMutablePointer<Double> {
      defer { next += numbers }
      return next
    }
    angle = take(Self.mostFrequencies)
    oneMinusCosine = take(Self.mostFrequencies)
    sine = take(Self.mostFrequencies)
    whole = ComplexNumbers(take(2 &* Self.mostFrequencies), Self.mostFrequencies)
    firm = ComplexNumbers(take(2 &* Self.mostFrequencies), Self.mostFrequencies)
    turned = ComplexNumbers(take(2 &* Self.mostFrequencies), Self.mostFrequencies)
    lanes = take(2 &* DoubleLanes.width)
    table = take(2 &* Self.tableReach &+ 1)
    fromBelow = take(Self.terms &+ 1)
    fromAbove = take(Self.terms &+ 1)
    prefixes = ComplexNumbers(take(2 &* Self.mostMiddling), Self.mostMiddling)
    middlingEvents = UnsafeMutableRawPointer(take(Self.mostMiddling))
      .assumingMemoryBound(to: Int.self)

    var (mean, variance) = (0.0, 0.0)
    var index = 0
    while index < count {
      let p = probabilities[index]
      mean += p
      variance += p * (1 - p)
      index &+= 1
    }
    (self.mean, self.variance) = (mean, variance)
    // Bennett's inequality: further than this from the mean there is less than 1e-12.
    let spread = 7.5 * variance.squareRoot() + 10
    first = max(0, min(near &- Self.nearest, clampedInt(mean - spread)))
    let last = min(count, max(near &+ Self.nearest, clampedInt(mean + spread) &+ 1))
    length = max(1, last &- first &+ 1)
    let unit = 2 * Double.pi / Double(length)
    var l = 0
    while 2 &* l <= length && l < Self.mostFrequencies {
      let half = sin(unit * Double(l) / 2)
      if 2 * half * half * variance > Self.smallVariance { break }
      angle[l] = unit * Double(l)
      oneMinusCosine[l] = 2 * half * half
      sine[l] = sin(angle[l])
      l &+= 1
    }
    frequencies = l
    var found = 0
    index = variance < Self.smallVariance ? 0 : count
    while index < count && found < Self.mostMiddling {
      let p = probabilities[index]
      if p - p * p >= Self.middling {
        middlingEvents[found] = index
        found &+= 1
      }
      index &+= 1
    }
    middlingCount = found
    multiplyFactors()
    fillTable()
  }

  /// χ at every frequency: vectors of events side by side, put together at the end.
  private func multiplyFactors() {
    let most = DoubleLanes.splat(middlingCount > 0 ? Self.middling : 1)
    var l = 0
    while l < frequencies {
      let (a, s) = (DoubleLanes.splat(oneMinusCosine[l]), DoubleLanes.splat(sine[l]))
      var (re, im) = (DoubleLanes.splat(1), DoubleLanes.splat(0))
      var index = 0
      while index < count {
        let given = DoubleLanes.load(probabilities, index)
        let p = DoubleLanes.splat(0)
          .selecting(given, where: DoubleLanes.less(given - given * given, most))
        let (factorReal, factorImaginary) = (DoubleLanes.splat(1) - p * a, p * s)
        let product = re * factorReal - im * factorImaginary
        im = DoubleLanes.multiplyAdd(re, factorImaginary, im * factorReal)
        re = product
        index &+= DoubleLanes.width
      }
      DoubleLanes.store(re, lanes, 0)
      DoubleLanes.store(im, lanes, DoubleLanes.width)
      var product = Complex(lanes[0], lanes[DoubleLanes.width])
      var lane = 1
      while lane < DoubleLanes.width {
        product = product * Complex(lanes[lane], lanes[DoubleLanes.width &+ lane])
        lane &+= 1
      }
      firm[l] = product
      var event = 0
      while event < middlingCount {
        product = product * factor(probabilities[middlingEvents[event]], l)
        event &+= 1
      }
      whole[l] = product
      l &+= 1
    }
  }

  /// How often a frequency counts in the sum over all L of them: with its conjugate, if that is another.
  func weight(_ l: Int) -> Double {
    (l == 0 || 2 &* l == length ? 1 : 2) / Double(length)
  }

  func factor(_ p: Double, _ l: Int) -> Complex {
    Complex(1 - p * oneMinusCosine[l], p * sine[l])
  }

  private func fillTable() {
    let start = near &- Self.tableReach
    let size = 2 &* Self.tableReach &+ 1
    var entry = 0
    while entry < size {
      table[entry] = 0
      entry &+= 1
    }
    var l = 0
    while l < frequencies {
      let step = Complex(1 - oneMinusCosine[l], -sine[l])
      var term = whole[l] * Complex(turn: -angle[l] * Double(start))
      entry = 0
      while entry < size {
        let k = start &+ entry
        // Beyond the L numbers the sum repeats itself; what it stands for is 0.
        if k >= first && k < first &+ length { table[entry] += weight(l) * term.real }
        term = term * step
        entry &+= 1
      }
      l &+= 1
    }
  }

  /// P(N = k).
  func probability(of k: Int) -> Double { table[k &- near &+ Self.tableReach] }

  /// P(N < near): a geometric sum over the numbers below at every frequency.
  func probabilityBelow() -> Double {
    if near <= first { return 0 }
    let terms = Double(near &- first)
    let middle = Double(first) + (terms - 1) / 2
    var sum = weight(0) * terms
    var l = 1
    while l < frequencies {
      let kernel = sin(terms * angle[l] / 2) / sin(angle[l] / 2)
      sum += weight(l) * kernel * (whole[l] * Complex(turn: -angle[l] * middle)).real
      l &+= 1
    }
    return min(1, max(0, sum))
  }
}

/// The number without its fraction; 0 where that would be no whole number of this machine.
private func clampedInt(_ number: Double) -> Int { abs(number) < 1e15 ? Int(number) : 0 }
