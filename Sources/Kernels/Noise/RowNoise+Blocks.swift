// Whole blocks, a class a lane.

extension RowNoise {
  /// 0, 1, … 15.
  @inline(__always)
  static var lanes: Bits { Bits(SIMD16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)) }

  /// The words of the classes of blocks 2 `pair` and 2 `pair` + 1.
  @inline(__always)
  func words(ofPair pair: Int, sample: Int) -> (Bits, Bits) {
    let first = Bits(UInt32(truncatingIfNeeded: pair &* Self.blockSize) &+ firstPair)
    return Threefry.words(
      key: key, counter: (first + Self.lanes, Bits(UInt32(truncatingIfNeeded: sample))))
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
