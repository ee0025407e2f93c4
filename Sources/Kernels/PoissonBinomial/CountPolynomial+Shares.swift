// The gradient: which class holds the rank. It needs the coefficients that the integral has found.

extension CountPolynomial {
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
      multiplyStrong(node, keeping: true)
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
      while k < BulkGrid<V>.size {
        sum += Double(shares[entry &+ k]) * Double(grid.multiplicities[k])
        k &+= 1
      }
    }
    return abs(sum - 1) < 1e-3 ? sum : 1
  }

  private func addStrongShares(_ node: Int) {
    var power = 0
    while power < rank {
      V.store(power == 0 ? V.splat(1) : V.zero, suffix, power &* V.width)
      power &+= 1
    }
    var score = direct.strongCount
    while score > 0 {
      score &-= 1
      let kept = score &* (rank &+ 2)
      let p = V.load(prefixes, (kept &+ rank) &* V.width)
      let density = V.load(prefixes, (kept &+ rank &+ 1) &* V.width)
      var others = V.zero
      var below = V.zero
      power = 0
      while power < rank {
        let behind = V.load(suffix, power &* V.width)
        let before = V.load(prefixes, (kept &+ rank &- 1 &- power) &* V.width)
        others = V.multiplyAdd(before, behind, others)
        V.store(
          V.multiplyAdd(behind, V.splat(1) - p, below * p), suffix, power &* V.width)
        below = behind
        power &+= 1
      }
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
