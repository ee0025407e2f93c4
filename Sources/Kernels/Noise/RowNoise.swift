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

  private let key: (UInt32, UInt32)

  init(seed: UInt64, step: UInt64, row: UInt64) {
    let stepKey = Threefry.words(key: Self.halves(seed), counter: Self.halves(step))
    key = Threefry.words(key: stepKey, counter: Self.halves(row))
  }

  private static func halves(_ word: UInt64) -> (UInt32, UInt32) {
    (UInt32(truncatingIfNeeded: word), UInt32(truncatingIfNeeded: word &>> 32))
  }

  /// 0, 1, … 15.
  @inline(__always)
  static var lanes: Bits { Bits(SIMD16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)) }

  /// The two words of each of sixteen blocks.
  @inline(__always)
  func words(ofBlocks blocks: Bits, sample: Int) -> BlockWords {
    // No sample's number has the highest bit: it tells the words of blocks from those of classes.
    let words = Threefry.words(
      key: key, counter: (blocks, Bits(UInt32(truncatingIfNeeded: sample) | 1 << 31)))
    return BlockWords(smallest: UniformLanes(words.0), place: words.1 >> 28)
  }

  /// The words of the classes of blocks 2 `pair` and 2 `pair` + 1.
  @inline(__always)
  func words(ofPair pair: Int, sample: Int) -> (Bits, Bits) {
    let first = Bits(UInt32(truncatingIfNeeded: pair &* Self.blockSize))
    return Threefry.words(
      key: key, counter: (first + Self.lanes, Bits(UInt32(truncatingIfNeeded: sample))))
  }

  /// The words of sixteen classes from anywhere.
  @inline(__always)
  func words(ofClasses classes: Bits, sample: Int) -> Bits {
    let pairs = ((classes >> 5) << 4) | (classes & Bits(15))
    let words = Threefry.words(
      key: key, counter: (pairs, Bits(UInt32(truncatingIfNeeded: sample))))
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

  /// Bytes for the highest draws of sixteen blocks.
  static var highestBytes: Int { NoiseDraws.Highest.bytes }

  /// The highest draws of the first blocks of one sample, sixteen at a time.
  @inline(never)
  func keepHighest(ofBlocks blocks: Int, sample: Int, in memory: UnsafeMutableRawPointer) {
    var (block, place) = (0, memory)
    while block < blocks {
      let here = Bits(UInt32(truncatingIfNeeded: block)) + Self.lanes
      NoiseDraws.Highest(place).keep(HighestDraws(words(ofBlocks: here, sample: sample)))
      block &+= Self.blockSize
      place += Self.highestBytes
    }
  }

  /// Writes the noise of the first blocks of one sample, given their highest draws; an even number of blocks.
  @inline(never)
  func fill(
    _ noise: UnsafeMutablePointer<Float>, blocks: Int, sample: Int,
    _ highest: UnsafeMutableRawPointer
  ) {
    var (block, kept) = (0, highest)
    while block < blocks {
      let end = min(blocks, block &+ Self.blockSize)
      fill(
        noise + block &* Self.blockSize, from: block, to: end, sample: sample,
        NoiseDraws.Highest(kept))
      block = end
      kept += Self.highestBytes
    }
  }

  /// Whole pairs of blocks out of sixteen whose highest draws are kept. The first block's noise is the first written.
  @inline(never)
  private func fill(
    _ noise: UnsafeMutablePointer<Float>, from first: Int, to end: Int, sample: Int,
    _ highest: NoiseDraws.Highest
  ) {
    var row = UnsafeMutableRawPointer(noise)
    var block = first
    while block < end {
      let pair = words(ofPair: block / 2, sample: sample)
      let place = block % Self.blockSize
      FloatLanes.store(
        Self.noise(pair.0, places: Self.lanes, highest.draws(place)), row, 0)
      FloatLanes.store(
        Self.noise(pair.1, places: Self.lanes, highest.draws(place &+ 1)), row, Self.blockSize)
      block &+= 2
      row += 2 &* 64
    }
  }

  /// Writes the noise of the first `count` classes of one sample.
  @inline(never)
  func fill(_ noise: UnsafeMutablePointer<Float>, count: Int, sample: Int) {
    var memory = (FloatLanes.splat(0), FloatLanes.splat(0), FloatLanes.splat(0))
    var last = (FloatLanes.splat(0), FloatLanes.splat(0))
    withUnsafeMutableBytes(of: &memory) { memory in
      withUnsafeMutableBytes(of: &last) { last in
        guard let memory = memory.baseAddress, let last = last.baseAddress else { return }
        let highest = NoiseDraws.Highest(memory)
        fill(
          noise, count: count, sample: sample, highest,
          last: last.assumingMemoryBound(to: Float.self))
      }
    }
  }

  /// - Parameter last: room for a pair of blocks that the row does not fill.
  @inline(__always)
  private func fill(
    _ noise: UnsafeMutablePointer<Float>, count: Int, sample: Int, _ highest: NoiseDraws.Highest,
    last: UnsafeMutablePointer<Float>
  ) {
    let pairSize = 2 &* Self.blockSize
    let wholeEnd = count / pairSize &* 2
    var block = 0
    while block &* Self.blockSize < count {
      let here = Bits(UInt32(truncatingIfNeeded: block)) + Self.lanes
      highest.keep(HighestDraws(words(ofBlocks: here, sample: sample)))
      let end = min(wholeEnd, block &+ Self.blockSize)
      fill(noise + block &* Self.blockSize, from: block, to: end, sample: sample, highest)
      let done = end &* Self.blockSize
      if end == wholeEnd && done < count && end &- block < Self.blockSize {
        fill(last, from: end, to: end &+ 2, sample: sample, highest)
        (noise + done).update(from: last, count: count &- done)
      }
      block &+= Self.blockSize
    }
  }
}

/// What is drawn of each of sixteen blocks before anything else.
struct BlockWords {
  let smallest: UniformLanes
  let place: Bits
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
}
