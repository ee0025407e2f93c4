/// Σ n_j ρ_j^n for n from 1 to one less than a rank, in every lane. The first five are kept in registers.
struct PowerSums<V: Lanes> {
  private let rank: Int
  /// A vector for every power.
  private let memory: UnsafeMutableRawPointer
  private var first = V.zero
  private var second = V.zero
  private var third = V.zero
  private var fourth = V.zero
  private var fifth = V.zero

  /// - Parameter memory: `rank` vectors.
  @inline(__always)
  init(rank: Int, memory: UnsafeMutableRawPointer) {
    self.rank = rank
    self.memory = memory
    var n = 1
    while n < rank {
      V.store(V.zero, memory, n &* V.width)
      n &+= 1
    }
  }

  @inline(__always)
  mutating func add(_ odds: V) {
    let square = odds * odds
    let forth = square * square
    first = first + odds
    second = second + square
    third = V.multiplyAdd(odds, square, third)
    fourth = fourth + forth
    fifth = V.multiplyAdd(odds, forth, fifth)
    if rank > 6 { addHigher(forth * square, odds) }
  }

  @inline(__always)
  mutating func add(_ odds: V, times: V) {
    let square = odds * odds
    let once = times * odds
    let forth = square * square
    first = first + once
    second = V.multiplyAdd(times, square, second)
    third = V.multiplyAdd(once, square, third)
    fourth = V.multiplyAdd(times, forth, fourth)
    fifth = V.multiplyAdd(once, forth, fifth)
    if rank > 6 { addHigher(times * (forth * square), odds) }
  }

  @inline(never)
  private func addHigher(_ sixth: V, _ odds: V) {
    var power = sixth
    var n = 6
    while n < rank {
      V.store(V.load(memory, n &* V.width) + power, memory, n &* V.width)
      power = power * odds
      n &+= 1
    }
  }

  /// To be called now and then, and before the totals are asked for.
  @inline(__always)
  mutating func endBlock() {
    if rank > 1 { carry(1, first) }
    if rank > 2 { carry(2, second) }
    if rank > 3 { carry(3, third) }
    if rank > 4 { carry(4, fourth) }
    if rank > 5 { carry(5, fifth) }
    (first, second, third, fourth, fifth) = (V.zero, V.zero, V.zero, V.zero, V.zero)
  }

  @inline(__always)
  private func carry(_ n: Int, _ sum: V) {
    V.store(V.load(memory, n &* V.width) + sum, memory, n &* V.width)
  }

  @inline(__always)
  func total(_ n: Int) -> V { V.load(memory, n &* V.width) }
}
