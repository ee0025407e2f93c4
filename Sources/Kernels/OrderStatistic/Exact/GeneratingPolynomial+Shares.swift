// The gradient: which class holds the rank. It needs the coefficients that the integral has found.

extension GeneratingPolynomial {
  /// Writes `weight` times ∂T/∂z_j = ∫ φ(t − z_j) P( r − 1 of the other scores are above t ) dt for every score of the source,
  /// in units of 1 / ε. May be in place.
  @inline(never)
  func writeShares(weight: Double, to target: UnsafeMutableRawPointer) {
    var score = 0
    while score < direct.strongCount {
      strongShares[score] = 0
      score &+= 1
    }
    var node = 0
    while node < nodes.count {
      keepProducts(node)
      addStrongShares(node)
      node &+= V.width
    }
    findEntryShares()
    let weight = weight / wholeShare()
    if let grid {
      grid.writeShares(of: shares + direct.mediumCount, weight: weight, to: target)
    } else {
      fill(target, with: 0, source.count, V.self)
    }
    score = 0
    while score < direct.strongCount {
      V.storeScalar(
        V.Scalar(weight * strongShares[score]), target, direct.strongIndexes[score])
      score &+= 1
    }
    var entry = 0
    while entry < direct.mediumCount {
      // Rounding may take the smallest just below 0.
      V.storeScalar(
        V.Scalar(weight * max(0, Double(shares[entry]))), target, direct.mediumIndexes[entry])
      entry &+= 1
    }
  }

  /// The sum of all shares, which is 1 but for rounding: that of many equal scores does not average out. Dividing by it
  /// gives back what was lost.
  private func wholeShare() -> Double {
    var sum = 0.0
    var score = 0
    while score < direct.strongCount {
      sum += strongShares[score]
      score &+= 1
    }
    var entry = 0
    while entry < direct.mediumCount {
      sum += Double(shares[entry])
      entry &+= 1
    }
    if let grid {
      var k = 0
      while k < ChebyshevGrid<V>.size {
        sum += Double(shares[entry &+ k]) * Double(grid.multiplicities[k])
        k &+= 1
      }
    }
    return abs(sum - 1) < 1e-3 ? sum : 1
  }

  /// The product of the weak scores and of the strong ones before one, with that one's p and density behind it.
  @inline(__always)
  private func prefix(_ score: Int) -> TruncatedPolynomial<V> {
    TruncatedPolynomial(prefixes + score &* (rank &+ 2) &* MemoryLayout<V>.stride)
  }

  /// Every product on the way to that of all.
  @inline(never)
  private func keepProducts(_ node: Int) {
    let (weak, first) = (polynomial(weak, node), prefix(0))
    var power = 0
    while power < rank {
      first[power] = weak[power]
      power &+= 1
    }
    let threshold = V.load(nodes.thresholds, node)
    var score = 0
    while score < direct.strongCount {
      let normal = NormalLanes(V.splat(direct.strong[score]) - threshold)
      let before = prefix(score)
      before.multiply(normal.above, normal.below, count: rank, into: prefix(score &+ 1))
      before[rank] = normal.below
      before[rank &+ 1] = normal.density
      score &+= 1
    }
  }

  private func addStrongShares(_ node: Int) {
    working.fill(1, then: 0, count: rank)
    var score = direct.strongCount
    while score > 0 {
      score &-= 1
      let before = prefix(score)
      let (p, density) = (before[rank], before[rank &+ 1])
      let others = working.lastOfProduct(
        with: before, count: rank, thenMultiply: V.splat(1) - p, p)
      strongShares[score] += nodes.step * (density * others).wideSum
    }
  }

  /// Instructions an entry: 10, and 10 for every vector of nodes at rank 6.
  @inline(never)
  private func findEntryShares() {
    var entry = 0
    while entry < entries {
      var sum = V.zero
      var node = 0
      while node < nodes.count {
        let minus = V.zero - V.load(odds, at(entry, node))
        var others = V.load(product, at(0, node))
        var power = 1
        while power < rank {
          others = V.multiplyAdd(others, minus, V.load(product, at(power, node)))
          power &+= 1
        }
        sum = V.multiplyAdd(V.load(densities, at(entry, node)), others, sum)
        node &+= V.width
      }
      shares[entry] = V.Scalar(nodes.step * sum.wideSum)
      entry &+= 1
    }
  }
}
