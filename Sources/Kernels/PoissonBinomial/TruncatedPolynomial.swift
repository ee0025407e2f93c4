// The algebra of products Π_j (q_j + p_j x), of which the first few coefficients are wanted: with q_j = 1 − p_j the
// distribution of how many of independent events happen (a Poisson-binomial's generating function), with q_j = 1 and
// p_j = o_j the elementary symmetric polynomials of the o_j. With odds o = p / q these are the same but for a factor.
//
// A few strong factors are multiplied on one by one; all terms are positive, so nothing cancels. Of many weak ones only the
// power sums R_n = Σ_j o_j^n are known, and Newton's identities make coefficients of them:
//
//   Π_j (1 + o_j x) = Σ_k e_k x^k,   k e_k = Σ_{i=1}^{k} (−1)^(i−1) R_i e_{k−i}
//
// The product of all strong factors but one is that of those before it times that of those behind it.

/// The coefficients of a polynomial, from x^0 on, or other numbers that are counted by powers.
struct TruncatedPolynomial<Number: Coefficient> {
  let memory: UnsafeMutableRawPointer
  /// Bytes from one to the next.
  let stride: Int

  @inline(__always)
  init(_ memory: UnsafeMutableRawPointer, stride: Int = MemoryLayout<Number>.stride) {
    self.memory = memory
    self.stride = stride
  }

  @inline(__always)
  subscript(power: Int) -> Number {
    get { memory.loadUnaligned(fromByteOffset: power &* stride, as: Number.self) }
    nonmutating set {
      memory.storeBytes(of: newValue, toByteOffset: power &* stride, as: Number.self)
    }
  }

  /// All `number`, but for the first.
  @inline(__always)
  func fill(_ first: Double, then number: Double, count: Int) {
    var power = 0
    while power < count {
      self[power] = .constant(power == 0 ? first : number)
      power &+= 1
    }
  }

  /// Π_j (1 + o_j x) times a constant, from the power sums of the o_j, in `powerSums[1]` and what follows.
  @inline(never)
  func expand(_ powerSums: TruncatedPolynomial, times constant: Number, count: Int) {
    self[0] = constant
    var power = 1
    while power < count {
      var sum = Number.constant(0)
      var i = 1
      while i <= power {
        let term = powerSums[i] * self[power &- i]
        sum = i & 1 == 1 ? sum + term : sum - term
        i &+= 1
      }
      self[power] = sum * .constant(1 / Double(power))
      power &+= 1
    }
  }

  /// Writes the product with q + p x. May be in place.
  @inline(__always)
  func multiply(
    _ q: Number, _ p: Number, count: Int, into product: TruncatedPolynomial
  ) {
    var below = Number.constant(0)
    var power = 0
    while power < count {
      let present = self[power]
      product[power] = .multiplyAdd(present, q, below * p)
      below = present
      power &+= 1
    }
  }

  /// The last of `count` coefficients of the product with another.
  @inline(__always)
  func lastOfProduct(with other: TruncatedPolynomial, count: Int) -> Number {
    var sum = Number.constant(0)
    var power = 0
    while power < count {
      sum = .multiplyAdd(other[count &- 1 &- power], self[power], sum)
      power &+= 1
    }
    return sum
  }

  /// The same, and a factor q + p x is multiplied on afterwards.
  @inline(__always)
  func lastOfProduct(
    with other: TruncatedPolynomial, count: Int, thenMultiply q: Number, _ p: Number
  ) -> Number {
    var (sum, below) = (Number.constant(0), Number.constant(0))
    var power = 0
    while power < count {
      let present = self[power]
      sum = .multiplyAdd(other[count &- 1 &- power], present, sum)
      self[power] = .multiplyAdd(present, q, below * p)
      below = present
      power &+= 1
    }
    return sum
  }
}
