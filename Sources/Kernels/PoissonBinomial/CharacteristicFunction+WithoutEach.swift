import CKernels
import CSystem

// The distribution without one event: in powers of x, that of N divided by 1 − p_j + p_j x.
//
//   p_j near 0 or 1   a power series in p_j (or 1 − p_j) with the differences of N's distribution;
//   p_j near ½        the product of all factors but j's, from those before and those behind it: its own may vanish;
//   between           χ divided by the factor, which is then far from 0.

extension CharacteristicFunction {
  /// P(N − B_j = k) for every event j, into `others`, which has room for a whole number of vectors.
  @inline(never)
  func probabilities(withoutEach k: Int, into others: UnsafeMutablePointer<Double>) {
    findDifferences(k)
    var l = 0
    while l < frequencies {
      let term = whole[l] * Complex(turn: -angle[l] * Double(k))
      turned[l] = Complex(weight(l) * term.real, weight(l) * term.imaginary)
      l &+= 1
    }
    let (faint, sure) = (DoubleLanes.splat(Self.faint), DoubleLanes.splat(1 - Self.faint))
    var index = 0
    while index < count {
      let p = DoubleLanes.load(probabilities, index)
      if DoubleLanes.allTrue(DoubleLanes.lessOrEqual(p, faint)) {
        DoubleLanes.store(series(fromBelow, p), others, index)
      } else {
        DoubleLanes.store(
          divided(p)
            .selecting(series(fromBelow, p), where: DoubleLanes.lessOrEqual(p, faint))
            .selecting(
              series(fromAbove, DoubleLanes.splat(1) - p),
              where: DoubleLanes.lessOrEqual(sure, p)),
          others, index)
      }
      index &+= DoubleLanes.width
    }
    correctMiddling(k, others)
  }

  /// 1 / (1 − p (1 − x)) = Σ p^i (1 − x)^i: backward differences of P(N = ·) at k; and with q = 1 − p,
  /// 1 / (x (1 − q (1 − 1/x))): forward differences at k + 1.
  private func findDifferences(_ k: Int) {
    var order = 0
    while order <= Self.terms {
      var (below, above, binomial) = (0.0, 0.0, 1.0)
      var i = 0
      while i <= order {
        below += binomial * probability(of: k &- i)
        above += binomial * probability(of: k &+ 1 &+ i)
        binomial *= -Double(order &- i) / Double(i &+ 1)
        i &+= 1
      }
      fromBelow[order] = below
      fromAbove[order] = above
      order &+= 1
    }
  }

  @inline(__always)
  private func series(
    _ differences: UnsafeMutablePointer<Double>, _ p: DoubleLanes
  ) -> DoubleLanes {
    var sum = DoubleLanes.splat(differences[Self.terms])
    var order = Self.terms
    while order > 0 {
      order &-= 1
      sum = DoubleLanes.multiplyAdd(sum, p, .splat(differences[order]))
    }
    return sum
  }

  private func divided(_ p: DoubleLanes) -> DoubleLanes {
    var sum = DoubleLanes.splat(0)
    var l = 0
    while l < frequencies {
      let re = DoubleLanes.splat(1) - p * DoubleLanes.splat(oneMinusCosine[l])
      let im = p * DoubleLanes.splat(sine[l])
      let numerator = DoubleLanes.multiplyAdd(
        re, .splat(turned[l].real), im * DoubleLanes.splat(turned[l].imaginary))
      sum = sum + DoubleLanes.quotient(numerator, .multiplyAdd(re, re, im * im))
      l &+= 1
    }
    return sum
  }

  private func correctMiddling(_ k: Int, _ others: UnsafeMutablePointer<Double>) {
    var event = 0
    while event < middlingCount {
      others[middlingEvents[event]] = 0
      event &+= 1
    }
    var l = 0
    while l < frequencies && middlingCount > 0 {
      var product = firm[l]
      event = 0
      while event < middlingCount {
        prefixes[event] = product
        product = product * factor(probabilities[middlingEvents[event]], l)
        event &+= 1
      }
      var suffix = Complex(turn: -angle[l] * Double(k))
      while event > 0 {
        event &-= 1
        let index = middlingEvents[event]
        others[index] += weight(l) * (prefixes[event] * suffix).real
        suffix = suffix * factor(probabilities[index], l)
      }
      l &+= 1
    }
  }
}
