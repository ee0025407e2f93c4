/// Where power sums are carried on from block to block.
protocol PowerTotals {
  associatedtype Vector: ProcessorLanes

  func add(_ sums: Vector, to power: Int)
}

/// A total a lane.
struct LaneTotals<Vector: ProcessorLanes>: PowerTotals {
  let totals: TruncatedPolynomial<Vector>

  @inline(__always)
  func add(_ sums: Vector, to power: Int) { totals[power] = totals[power] + sums }
}

/// Totals over all lanes, in float64.
struct WideTotals<Vector: ProcessorLanes>: PowerTotals {
  let totals: TruncatedPolynomial<Double>

  @inline(__always)
  func add(_ sums: Vector, to power: Int) { totals[power] += sums.wideSum }
}

/// Σ_j n_j o_j^n of odds o_j for n from 1 to one less than a count of coefficients. The first eight are kept in registers.
struct PowerSums<V: ProcessorLanes> {
  /// How many are kept in registers, at the most.
  static var atHand: Int { 8 }

  private let count: Int
  /// A vector for every power; of use for those that are not at hand.
  private let memory: TruncatedPolynomial<V>
  private var first = V.zero
  private var second = V.zero
  private var third = V.zero
  private var fourth = V.zero
  private var fifth = V.zero
  private var sixth = V.zero
  private var seventh = V.zero
  private var eighth = V.zero

  /// - Parameters:
  ///   - count: one more than there are powers.
  ///   - memory: `count` vectors of zeros; nothing is written where all powers are at hand.
  @inline(__always)
  init(count: Int, memory: TruncatedPolynomial<V>) {
    self.count = count
    self.memory = memory
  }

  @inline(__always)
  mutating func add(_ odds: V) {
    let square = odds * odds
    let power4 = square * square
    first = first + odds
    second = second + square
    third = V.multiplyAdd(odds, square, third)
    fourth = fourth + power4
    fifth = V.multiplyAdd(odds, power4, fifth)
    if count > 6 { addHigher(odds, square, power4, timesPower4: power4) }
  }

  @inline(__always)
  mutating func add(_ odds: V, times: V) {
    let square = odds * odds
    let once = times * odds
    let power4 = square * square
    first = first + once
    second = V.multiplyAdd(times, square, second)
    third = V.multiplyAdd(once, square, third)
    fourth = V.multiplyAdd(times, power4, fourth)
    fifth = V.multiplyAdd(once, power4, fifth)
    if count > 6 { addHigher(odds, square, power4, timesPower4: times * power4) }
  }

  @inline(__always)
  private mutating func addHigher(_ odds: V, _ square: V, _ power4: V, timesPower4: V) {
    sixth = V.multiplyAdd(timesPower4, square, sixth)
    seventh = V.multiplyAdd(timesPower4, square * odds, seventh)
    eighth = V.multiplyAdd(timesPower4, power4, eighth)
    if count > Self.atHand &+ 1 { addHighest(timesPower4 * power4, odds) }
  }

  @inline(never)
  private func addHighest(_ power8: V, _ odds: V) {
    var power = power8
    var n = Self.atHand &+ 1
    while n < count {
      power = power * odds
      memory[n] = memory[n] + power
      n &+= 1
    }
  }

  /// To be called now and then, and before the totals are asked for.
  @inline(__always)
  mutating func endBlock<T: PowerTotals>(_ totals: T) where T.Vector == V {
    if count > 1 { totals.add(first, to: 1) }
    if count > 2 { totals.add(second, to: 2) }
    if count > 3 { totals.add(third, to: 3) }
    if count > 4 { totals.add(fourth, to: 4) }
    if count > 5 { totals.add(fifth, to: 5) }
    (first, second, third, fourth, fifth) = (V.zero, V.zero, V.zero, V.zero, V.zero)
    if count > 6 { endHigher(totals) }
  }

  @inline(__always)
  private mutating func endHigher<T: PowerTotals>(_ totals: T) where T.Vector == V {
    totals.add(sixth, to: 6)
    if count > 7 { totals.add(seventh, to: 7) }
    if count > 8 { totals.add(eighth, to: 8) }
    (sixth, seventh, eighth) = (V.zero, V.zero, V.zero)
  }
}
