// The gradient: which class holds the rank. It needs the coefficients that the integral has found.

extension GeneratingPolynomial {
  /// Writes `weight` times ∂T/∂z_j = ∫ φ(t − z_j) P( r − 1 of the other scores are above t ) dt for every score of the source,
  /// in units of 1 / ε. May be in place.
  @inline(never)
  func writeShares(weight: Double, to target: UnsafeMutableRawPointer) {
    _ = findShares(of: nil)
    // The sum of all shares is 1 but for rounding: that of many equal scores does not average out. Dividing by it gives
    // back what was lost.
    let sum = sumOfShares()
    write(weight: abs(sum - 1) < 1e-3 ? weight / sum : weight, to: target)
  }

  /// Finds the shares; with a label those of the probability that its score with noise, another, is above X, the order
  /// statistic: ∫ φ(t − y) φ(t − z_j) P( r − 1 of the other scores are above t ) dt.
  ///
  /// - Returns: that probability: ∫ Φ(y − t) Σ_j φ(t − z_j) P( r − 1 of the other scores are above t ) dt.
  @inline(never)
  func findShares(of label: Double?) -> Double {
    var score = 0
    while score < direct.strongCount {
      strongShares[score] = 0
      score &+= 1
    }
    var whole = 0.0
    var node = 0
    while node < nodes.count {
      weigh(node, label)
      keepProducts(node)
      whole += addStrongShares(node)
      node &+= V.width
    }
    return nodes.step * (whole + findEntryShares())
  }

  /// What the nodes count, also for the entries.
  private func weigh(_ node: Int, _ label: Double?) {
    guard let label else {
      V.store(V.splat(1), weights, node)
      V.store(V.zero, ratios, node)
      return
    }
    let normal = NormalLanes(V.load(nodes.thresholds, node) - V.splat(V.Scalar(label)))
    // Far below the label there is no density, but all of its probability.
    let weight = V.maximum(normal.density, V.splat(V.isFloat32 ? 1e-30 : 1e-200))
    V.store(weight, weights, node)
    V.store(V.quotient(normal.above, weight), ratios, node)
    let product = polynomial(self.product, node)
    var power = 0
    while power < rank {
      product[power] = product[power] * weight
      power &+= 1
    }
  }

  /// Writes `weight` times the shares that were found.
  @inline(never)
  func write(weight: Double, to target: UnsafeMutableRawPointer) {
    if let grid {
      grid.writeShares(of: shares + direct.mediumCount, weight: weight, to: target)
    } else {
      fill(target, with: 0, source.count, V.self)
    }
    var score = 0
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

  @inline(never)
  func sumOfShares() -> Double {
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
    return sum
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

  /// Returns what they sum up to, times the ratios.
  private func addStrongShares(_ node: Int) -> Double {
    working.fill(0, then: 0, count: rank)
    working[0] = V.load(weights, node)
    let ratio = V.load(ratios, node)
    var whole = BlockSum<V>()
    var score = direct.strongCount
    while score > 0 {
      score &-= 1
      let before = prefix(score)
      let (p, density) = (before[rank], before[rank &+ 1])
      let others = working.lastOfProduct(
        with: before, count: rank, thenMultiply: V.splat(1) - p, p)
      let share = density * others
      strongShares[score] += nodes.step * share.wideSum
      whole.partial = share * ratio
      whole.endBlock()
    }
    return whole.total
  }

  /// Instructions an entry: 15, and 12 for every vector of nodes at rank 6. Returns what they sum up to, times the ratios.
  @inline(never)
  private func findEntryShares() -> Double {
    var whole = BlockSum<V>()
    var entry = 0
    while entry < entries {
      // Sums of few: scores that are equal round alike.
      let end = min(entries, entry &+ 16)
      while entry < end {
        var (sum, seen) = (V.zero, V.zero)
        var node = 0
        while node < nodes.count {
          let minus = V.zero - V.load(odds, at(entry, node))
          var others = V.load(product, at(0, node))
          var power = 1
          while power < rank {
            others = V.multiplyAdd(others, minus, V.load(product, at(power, node)))
            power &+= 1
          }
          let share = V.load(densities, at(entry, node)) * others
          sum = sum + share
          seen = V.multiplyAdd(share, V.load(ratios, node), seen)
          node &+= V.width
        }
        shares[entry] = V.Scalar(nodes.step * sum.wideSum)
        whole.partial = V.multiplyAdd(seen, V.splat(multiplicity(entry)), whole.partial)
        entry &+= 1
      }
      whole.endBlock()
    }
    return whole.total
  }

  /// How many scores an entry stands for.
  private func multiplicity(_ entry: Int) -> V.Scalar {
    guard let grid, entry >= direct.mediumCount else { return 1 }
    return grid.multiplicities[entry &- direct.mediumCount]
  }
}
