import CKernels

// Standard normal noise as a function of (seed, step, row, sample, class), by Box and Muller's transform of
// Threefry's words. Products and sums are rounded one by one, never fused, so that the numbers are the same bits
// on every instruction set.

/// The noise of one row in one step: a generator that can be asked for any part of any sample.
struct RowNoise {
  /// Classes that one call of `block` covers.
  static let blockSize = 32

  private let key: (UInt32, UInt32)

  init(seed: UInt64, step: UInt64, row: UInt64) {
    let stepKey = Threefry.words(key: Self.halves(seed), counter: Self.halves(step))
    key = Threefry.words(key: stepKey, counter: Self.halves(row))
  }

  private static func halves(_ word: UInt64) -> (UInt32, UInt32) {
    (UInt32(truncatingIfNeeded: word), UInt32(truncatingIfNeeded: word &>> 32))
  }

  /// The noise of classes 32 · `block` to 32 · `block` + 15, and that of the sixteen after them.
  @inline(__always)
  func block(_ block: Int, sample: Int) -> (FloatLanes, FloatLanes) {
    let first = UInt32(truncatingIfNeeded: block &* 16)
    let words = Threefry.words(
      key: key,
      counter: (
        Bits(first) + Bits(SIMD16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)),
        Bits(UInt32(truncatingIfNeeded: sample))
      ))
    let radius = radius(words.0)
    let direction = direction(words.1)
    return (radius * direction.cosine, radius * direction.sine)
  }

  /// Writes the noise of classes `first` up to `first + count` of one sample; `first` is a multiple of
  /// `blockSize`.
  @inline(__always)
  func fill(_ noise: UnsafeMutablePointer<Float>, first: Int, count: Int, sample: Int) {
    let bytes = UnsafeMutableRawPointer(noise)
    var index = 0
    while index < count {
      let pair = block((first &+ index) / Self.blockSize, sample: sample)
      let here = min(16, count &- index)
      FloatLanes.store(pair.0, bytes, index, count: here)
      let there = min(16, count &- index &- 16)
      if there > 0 { FloatLanes.store(pair.1, bytes, index &+ 16, count: there) }
      index &+= Self.blockSize
    }
  }
}

/// √(−2 ln u) with u = (word + ½) / 2³², which lies between 0 and 6.77.
@inline(__always)
private func radius(_ word: Bits) -> FloatLanes {
  let upper = wholeNumber(word >> 16)
  let lower = wholeNumber(word & Bits(0xFFFF))
  let u =
    upper * FloatLanes.splat(0x1p-16)
    + (lower + FloatLanes.splat(0.5)) * FloatLanes.splat(0x1p-32)
  return lanes_square_root(logarithm(u) * FloatLanes.splat(-2))
}

/// Signed numbers below 2^22 in size as float32, through the significand of 1.5 · 2^23.
@inline(__always)
private func wholeNumber(_ bits: Bits) -> FloatLanes {
  (bits + Bits(0x4B40_0000)).asFloat - FloatLanes.splat(0x1.8p23)
}

/// ln u for 0 < u <= 1, within 1e-7 relative: u = 2^k (1 + f) with √½ <= 1 + f < √2, and
/// ln(1 + f) = f − f²/2 + f³ q(f), q of degree 7 fitted by the Remez algorithm for the least relative error, 6e-9.
@inline(__always)
private func logarithm(_ u: FloatLanes) -> FloatLanes {
  let bits = Bits(of: u)
  let exponent = (bits - Bits(0x3F35_04F3)).shiftedArithmetically(23)
  let f = (bits - (exponent << 23)).asFloat - FloatLanes.splat(1)
  var q = FloatLanes.splat(-0.076_345_029_1)
  q = q * f + FloatLanes.splat(0.127_615_773_5)
  q = q * f + FloatLanes.splat(-0.131_601_804_7)
  q = q * f + FloatLanes.splat(0.142_017_58)
  q = q * f + FloatLanes.splat(-0.166_233_575_3)
  q = q * f + FloatLanes.splat(0.200_012_268_7)
  q = q * f + FloatLanes.splat(-0.250_008_210_3)
  q = q * f + FloatLanes.splat(0.333_333_317_1)
  let square = f * f
  let correction = square * (q * f) - square * FloatLanes.splat(0.5)
  return wholeNumber(exponent) * FloatLanes.splat(0.693_147_18) + (f + correction)
}

/// Cosine and sine of 2π · word / 2³². The nearest quarter turn is taken off; what is left, x, is at most an eighth
/// of a turn, where sin 2πx = x S(x²) and cos 2πx = C(x²) with polynomials fitted by the Remez algorithm, errors
/// 3.3e-9 and 4.8e-11.
@inline(__always)
private func direction(_ word: Bits) -> (cosine: FloatLanes, sine: FloatLanes) {
  let quarter = (word + Bits(1 << 29)) >> 30
  // 23 bits with their sign, which the significand holds exactly.
  let rest = (word - (quarter << 30)).shiftedArithmetically(7)
  let x = wholeNumber(rest) * FloatLanes.splat(0x1p-25)
  let square = x * x
  var s = FloatLanes.splat(-75.393_562_89)
  s = s * square + FloatLanes.splat(81.592_353_56)
  s = s * square + FloatLanes.splat(-41.341_661_45)
  s = s * square + FloatLanes.splat(6.283_185_287)
  let sine = s * x
  var c = FloatLanes.splat(59.220_407_29)
  c = c * square + FloatLanes.splat(-85.442_852_12)
  c = c * square + FloatLanes.splat(64.939_316_21)
  c = c * square + FloatLanes.splat(-19.739_208_65)
  let cosine = c * square + FloatLanes.splat(1)

  // A quarter turn takes (cos, sin) to (−sin, cos).
  let isOdd = Bits.equal(quarter & Bits(1), Bits(1))
  let cosineSign = ((quarter + Bits(1)) & Bits(2)) << 30
  let sineSign = (quarter & Bits(2)) << 30
  return (
    (Bits(of: cosine.selecting(sine, where: isOdd)) ^ cosineSign).asFloat,
    (Bits(of: sine.selecting(cosine, where: isOdd)) ^ sineSign).asFloat
  )
}
