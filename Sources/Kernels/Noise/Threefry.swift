/// Threefry-2x32 with 20 rounds, a counter-based generator: two random words that are a function of a key and a
/// counter of two words each.
///
/// Salmon, Moraes, Dror & Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
enum Threefry {
  @inline(__always)
  private static var parity: UInt32 { 0x1BD1_1BDA }

  /// One counter.
  static func words(
    key: (UInt32, UInt32), counter: (UInt32, UInt32)
  ) -> (UInt32, UInt32) {
    let words = words(
      key: key, counter: (Bits(counter.0), Bits(counter.1)))
    return (words.0.first, words.1.first)
  }

  /// Sixteen counters at once, one a lane.
  #if KERNELS_PORTABLE
    @inline(never)
  #else
    @inline(__always)
  #endif
  static func words(
    key: (UInt32, UInt32), counter: (Bits, Bits)
  ) -> (Bits, Bits) {
    let third = parity ^ key.0 ^ key.1
    var x0 = counter.0 + Bits(key.0)
    var x1 = counter.1 + Bits(key.1)

    fourRounds(&x0, &x1, 13, 15, 26, 6)
    x0 = x0 + Bits(key.1)
    x1 = x1 + Bits(third &+ 1)
    fourRounds(&x0, &x1, 17, 29, 16, 24)
    x0 = x0 + Bits(third)
    x1 = x1 + Bits(key.0 &+ 2)
    fourRounds(&x0, &x1, 13, 15, 26, 6)
    x0 = x0 + Bits(key.0)
    x1 = x1 + Bits(key.1 &+ 3)
    fourRounds(&x0, &x1, 17, 29, 16, 24)
    x0 = x0 + Bits(key.1)
    x1 = x1 + Bits(third &+ 4)
    fourRounds(&x0, &x1, 13, 15, 26, 6)
    x0 = x0 + Bits(third)
    x1 = x1 + Bits(key.0 &+ 5)
    return (x0, x1)
  }

  @inline(__always)
  private static func fourRounds(
    _ x0: inout Bits, _ x1: inout Bits, _ a: UInt32, _ b: UInt32, _ c: UInt32,
    _ d: UInt32
  ) {
    round(&x0, &x1, a)
    round(&x0, &x1, b)
    round(&x0, &x1, c)
    round(&x0, &x1, d)
  }

  @inline(__always)
  private static func round(
    _ x0: inout Bits, _ x1: inout Bits, _ rotation: UInt32
  ) {
    x0 = x0 + x1
    x1 = (x1 << rotation) | (x1 >> (32 &- rotation))
    x1 = x1 ^ x0
  }
}
