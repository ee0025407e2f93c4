import CKernels

/// Draws the noise of a row that may matter: what of the selection is the same for every type of scores. Scores are
/// only compared here, in float32, with peaks and thresholds that are rounded to the safe side.
struct NoiseDraws {
  let noise: RowNoise
  /// Not below ε.
  let epsilon: Float
  /// The best score of every block, but for classes that are drawn by themselves, in whole vectors.
  let peaks: UnsafeMutablePointer<Float>
  /// Where the noise of sixteen blocks is put, those that are drawn one after another.
  let draws: UnsafeMutablePointer<Float>
  let highest: Highest

  /// The highest draws of sixteen blocks, sixteen float32 numbers or words each.
  struct Highest {
    let survival: UnsafeMutableRawPointer
    let complement: UnsafeMutableRawPointer
    let place: UnsafeMutableRawPointer

    static var bytes: Int { 3 &* 64 }

    init(_ memory: UnsafeMutableRawPointer) {
      survival = memory
      complement = memory + 64
      place = memory + 128
    }

    @inline(__always)
    func keep(_ draws: HighestDraws) {
      FloatLanes.store(draws.survival, survival, 0)
      FloatLanes.store(draws.complement, complement, 0)
      place.storeBytes(of: draws.place.lanes, as: SIMD16<UInt32>.self)
    }

    /// Those of one block.
    @inline(__always)
    func draws(_ block: Int) -> HighestDraws {
      HighestDraws(
        survival: FloatLanes.loadScalar(survival, block),
        complement: FloatLanes.loadScalar(complement, block),
        place: place.loadUnaligned(fromByteOffset: block &* 4, as: UInt32.self))
    }
  }

  /// Draws classes from anywhere, a whole number of vectors.
  @inline(never)
  func drawClasses(
    _ classes: UnsafePointer<UInt32>, count: Int, _ sample: Int,
    into draws: UnsafeMutablePointer<Float>
  ) {
    var index = 0
    while index < count {
      let counters = Bits(
        UnsafeRawPointer(classes + index).loadUnaligned(as: SIMD16<UInt32>.self))
      let highest = HighestDraws(noise.words(ofBlocks: counters >> 4, sample: sample))
      let words = noise.words(ofClasses: counters, sample: sample)
      FloatLanes.store(
        RowNoise.noise(words, places: counters & Bits(15), highest),
        UnsafeMutableRawPointer(draws), index)
      index &+= RowNoise.blockSize
    }
  }

  /// Draws those of sixteen blocks, or of the first `count`, that can reach the threshold.
  @inline(never)
  func drawBlocks(_ first: Int, count: Int, _ sample: Int, threshold: Float) -> LaneSet {
    let threshold = FloatLanes.splat(threshold)
    let peaks = FloatLanes.load(UnsafeRawPointer(peaks), first)
    // What the noise has to be; NaN where nothing is known, and nothing is then passed by.
    let needed = FloatLanes.quotient(threshold - peaks, .splat(epsilon))
    var alive = LaneSet(
      bits: ~FloatLanes.bits(FloatLanes.less(.splat(7), needed)), count: count)
    if alive.bits == 0 { return alive }

    let words = noise.words(
      ofBlocks: Bits(UInt32(truncatingIfNeeded: first)) + RowNoise.lanes, sample: sample)
    alive.bits &= ~FloatLanes.bits(words.isHighest(below: needed))
    if alive.bits == 0 { return alive }

    let highest = HighestDraws(words)
    let reach = highest.reach(from: peaks, epsilon: epsilon)
    alive.bits &= ~FloatLanes.bits(FloatLanes.less(reach, threshold))
    if alive.bits != 0 { draw(alive, of: first, highest, sample) }
    return alive
  }

  /// All are drawn before any is looked at: what the one needs does not wait for what the other finds.
  @inline(__always)
  private func draw(_ alive: LaneSet, of first: Int, _ highest: HighestDraws, _ sample: Int) {
    self.highest.keep(highest)
    var pairs = LaneSet(bits: (alive.bits | alive.bits >> 1) & 0x5555, count: 16)
    var drawn = UnsafeMutableRawPointer(draws)
    while pairs.bits != 0 {
      let lane = pairs.next()
      let words = noise.words(ofPair: (first &+ lane) / 2, sample: sample)
      if alive.contains(lane) {
        FloatLanes.store(block(words.0, lane), drawn, 0)
        drawn += 64
      }
      if alive.contains(lane &+ 1) {
        FloatLanes.store(block(words.1, lane &+ 1), drawn, 0)
        drawn += 64
      }
    }
  }

  @inline(__always)
  private func block(_ words: Bits, _ lane: Int) -> FloatLanes {
    RowNoise.noise(words, places: RowNoise.lanes, highest.draws(lane))
  }
}

/// Some lanes of a vector.
struct LaneSet {
  var bits: UInt32

  /// Those of the first `count` lanes that are set.
  @inline(__always)
  init(bits: UInt32, count: Int) {
    self.bits = count < 16 ? bits & ((1 &<< UInt32(truncatingIfNeeded: count)) &- 1) : bits & 0xFFFF
  }

  @inline(__always)
  func contains(_ lane: Int) -> Bool { bits >> UInt32(truncatingIfNeeded: lane) & 1 == 1 }

  /// Takes the lowest out; there is one.
  @inline(__always)
  mutating func next() -> Int {
    let lane = bits.trailingZeroBitCount
    bits &= bits &- 1
    return lane
  }
}
