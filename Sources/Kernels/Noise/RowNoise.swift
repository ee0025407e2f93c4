import CKernels

// Standard normal noise as a function of (seed, step, row, sample, class).
//
// Sixteen classes are a block. The draw of a block that comes out highest is made first: the smallest m of sixteen
// uniform numbers, from one word, and its place, from another. The others are uniform above m, a word a class. Whoever looks
// for the highest scores can therefore pass a block by when even m does not lift its best score high enough, and the
// numbers that are drawn are the same as if all had been.
//
// Words are Threefry's, two a counter: one counter serves a block, another a class and the one sixteen further on.

/// The noise of one row in one step: a generator that can be asked for any part of any sample.
struct RowNoise {
  static let blockSize = 16

  let key: (UInt32, UInt32)
  /// Counters of the first block, and of the first pair of classes.
  let firstBlock: UInt32
  let firstPair: UInt32

  /// - Parameter firstClass: what classes are counted from, a multiple of 32: of a shard of the classes, whose noise is then
  ///   that of the whole row.
  init(seed: UInt64, step: UInt64, row: UInt64, firstClass: UInt64 = 0) {
    let stepKey = Threefry.words(key: Self.halves(seed), counter: Self.halves(step))
    key = Threefry.words(key: stepKey, counter: Self.halves(row))
    firstBlock = UInt32(truncatingIfNeeded: firstClass / UInt64(Self.blockSize))
    firstPair = UInt32(truncatingIfNeeded: firstClass / 2)
  }

  private static func halves(_ word: UInt64) -> (UInt32, UInt32) {
    (UInt32(truncatingIfNeeded: word), UInt32(truncatingIfNeeded: word &>> 32))
  }

  /// The two words of each of sixteen blocks.
  @inline(__always)
  func words(ofBlocks blocks: Bits, sample: Int) -> BlockWords {
    // No sample's number has the highest bit: it tells the words of blocks from those of classes.
    let words = Threefry.words(
      key: key,
      counter: (blocks + Bits(firstBlock), Bits(UInt32(truncatingIfNeeded: sample) | 1 << 31)))
    return BlockWords(smallest: UniformLanes(words.0), place: words.1 >> 28)
  }

  /// The words of sixteen classes from anywhere.
  @inline(__always)
  func words(ofClasses classes: Bits, sample: Int) -> Bits {
    let pairs = ((classes >> 5) << 4) | (classes & Bits(15))
    let words = Threefry.words(
      key: key, counter: (pairs + Bits(firstPair), Bits(UInt32(truncatingIfNeeded: sample))))
    return words.0.selecting(words.1, where: Bits.equal(classes & Bits(16), Bits(16)))
  }

  /// The noise of sixteen classes, given their places in their blocks and the highest draws there.
  @inline(__always)
  static func noise(_ words: Bits, places: Bits, _ highest: HighestDraws) -> FloatLanes {
    let uniform = UniformLanes(words)
    let isHighest = Bits.equal(places, highest.place)
    let survival = highest.survival + highest.complement * uniform.share
    let complement = highest.complement * uniform.complement
    return centralNormalQuantile(
      survival: survival.selecting(highest.survival, where: isHighest),
      complement: complement.selecting(highest.complement, where: isHighest))
  }
}

/// What is drawn of each of sixteen blocks before anything else.
struct BlockWords {
  let smallest: UniformLanes
  let place: Bits

  /// Whether the highest draw is below a number for certain; false for NaN. Of sixteen numbers one exceeds x with a probability
  /// of at most 16 Φ(−x) <= 8 e^(−x²/2).
  @inline(__always)
  func isHighest(below number: FloatLanes) -> FloatLanes.Mask {
    let x = FloatLanes.maximum(
      FloatLanes.splat(0), number * FloatLanes.splat(0.9999) - FloatLanes.splat(1e-4))
    let bound = FloatLanes.exponential(x * x * FloatLanes.splat(-0.5)) * FloatLanes.splat(8.01)
    return FloatLanes.less(bound, smallest.share)
  }
}

/// The highest draws of sixteen blocks: the probability m of a higher one, 1 − m, and the class within the block.
struct HighestDraws {
  let survival: FloatLanes
  let complement: FloatLanes
  let place: Bits

  @inline(__always)
  init(_ words: BlockWords) {
    (survival, complement) = smallestOfSixteen(words.smallest)
    place = words.place
  }

  /// The same block in every lane.
  @inline(__always)
  init(survival: Float, complement: Float, place: UInt32) {
    self.survival = FloatLanes.splat(survival)
    self.complement = FloatLanes.splat(complement)
    self.place = Bits(place)
  }

  /// The noise itself.
  @inline(__always)
  var noise: FloatLanes { normalQuantile(survival: survival, complement: complement) }

  /// What no class of a block reaches, given its best score; above what the errors of other draws can make of them.
  @inline(__always)
  func reach(from peaks: FloatLanes, epsilon: Float) -> FloatLanes {
    peaks + (noise + FloatLanes.splat(1e-5)) * FloatLanes.splat(epsilon)
  }
}
