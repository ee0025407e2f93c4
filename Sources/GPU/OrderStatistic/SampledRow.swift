import CDevice
import CGPU
import CKernels

// The order statistic of noised scores as a mean over samples, as in Kernels/OrderStatistic/Sampled: a block a row.
//
// For ranks up to sixty, fewer in a small block, each warp takes a sample at a time, and draws the noise that may matter alone
// (WarpSample). For others the block takes one after another and draws all (BlockSample).

/// One row, as all threads of its block see it.
struct SampledRow {
  let logits: UnsafeMutablePointer<Float>
  // Numbers that loops count with have 32 bits, as a device's registers do.
  let classes: UInt32
  let rank: UInt32
  let samples: UInt32
  let epsilon: Float
  let given: UnsafePointer<Float>?
  private let sampleStride: Int
  private let noise: RowNoise
  let memory: SampledRowMemory

  @inline(__always)
  init(_ row: CallRow<Float>, _ call: UnsafePointer<TopkDeviceCall>) {
    let loss = call.pointee.noised_topk
    logits = row.logits
    classes = UInt32(truncatingIfNeeded: call.pointee.classes)
    rank = UInt32(truncatingIfNeeded: loss.rank)
    samples = UInt32(truncatingIfNeeded: loss.samples)
    epsilon = Float(loss.epsilon)
    given = loss.noise.map {
      $0.assumingMemoryBound(to: Float.self) + row.index &* Int(loss.noise_row_stride)
    }
    sampleStride = Int(loss.noise_sample_stride)
    noise = RowNoise(
      seed: loss.seed, step: loss.step, row: UInt64(bitPattern: loss.first_row &+ Int64(row.index)))
    memory = SampledRowMemory(call)
  }

  /// Whether noise is drawn. Without, and with noise that is given, there is none to be saved.
  @inline(__always) var isDrawn: Bool { given == nil && epsilon != 0 }

  @inline(__always)
  func words(ofBlock block: UInt32, _ sample: UInt32) -> BlockWords {
    noise.words(ofBlocks: Bits(block), sample: Int(sample))
  }

  /// The noised score of one class. The product and the sum are rounded one by one.
  @inline(__always)
  func score(_ classIndex: UInt32, _ sample: UInt32, _ highest: HighestDraws) -> Float {
    let draw = RowNoise.noise(
      noise.words(ofClasses: Bits(classIndex), sample: Int(sample)), places: Bits(classIndex & 15),
      highest)
    return logits[Int(classIndex)] + draw.number * epsilon
  }

  /// The same where nothing of it has been drawn.
  @inline(__always)
  func score(_ classIndex: UInt32, _ sample: UInt32) -> Float {
    if isDrawn {
      let words = words(ofBlock: classIndex &>> 4, sample)
      return score(classIndex, sample, HighestDraws(words))
    }
    return scoreAsGiven(classIndex, sample)
  }

  /// The same with noise that is given, or with none.
  @inline(__always)
  func scoreAsGiven(_ classIndex: UInt32, _ sample: UInt32) -> Float {
    let draw = given.map { $0[Int(sample) &* sampleStride &+ Int(classIndex)] } ?? 0
    return logits[Int(classIndex)] + draw * epsilon
  }
}

/// Where a block keeps what it knows of its row.
///
/// Shared memory, behind what reductions use: 24 bytes a thread and 416. Scratch: see `noised_topk_scratch_bytes`.
struct SampledRowMemory {
  private let shared: UnsafeMutableRawPointer
  private let scratch: UnsafeMutableRawPointer
  private let classes: Int
  /// Samples that are chosen before they are summed.
  let samplesAtOnce: UInt32

  @inline(__always)
  init(_ call: UnsafePointer<TopkDeviceCall>) {
    shared = gpu_shared() + Block.reductionBytes
    scratch = call.scratch
    classes = call.classCount
    samplesAtOnce = UInt32(truncatingIfNeeded: min(call.pointee.noised_topk.samples, 4096))
  }

  /// The sum of the samples' scores.
  @inline(__always)
  var sum: UnsafeMutablePointer<Double> { shared.assumingMemoryBound(to: Double.self) }
  /// Strong classes do not rank behind it.
  @inline(__always)
  var weakestStrong: UnsafeMutablePointer<RankKey> {
    (shared + 8).assumingMemoryBound(to: RankKey.self)
  }
  @inline(__always)
  var strongCount: UnsafeMutablePointer<UInt32> {
    (shared + 16).assumingMemoryBound(to: UInt32.self)
  }
  @inline(__always)
  var strongClasses: UnsafeMutablePointer<UInt32> {
    (shared + 32).assumingMemoryBound(to: UInt32.self)
  }
  /// A key a thread, before samples are drawn.
  @inline(__always)
  var keysOfThreads: UnsafeMutablePointer<RankKey> {
    (shared + 32 + 4 &* WarpSelection.capacity).assumingMemoryBound(to: RankKey.self)
  }
  /// A warp's selection, in the same place.
  @inline(__always)
  var selection: UnsafeMutablePointer<RankKey> {
    keysOfThreads + Int(gpu_thread() &>> 5) &* WarpSelection.capacity
  }

  /// The scores that samples have at the rank.
  @inline(__always)
  var chosenScores: UnsafeMutablePointer<Float> { scratch.assumingMemoryBound(to: Float.self) }
  /// Their classes; `noClass` where a noised score is no number.
  @inline(__always)
  var chosenClasses: UnsafeMutablePointer<UInt32> {
    (scratch + 4 &* Int(samplesAtOnce)).assumingMemoryBound(to: UInt32.self)
  }
  /// How often each class has been chosen.
  @inline(__always)
  var counts: UnsafeMutablePointer<UInt32> {
    (scratch + 8 &* Int(samplesAtOnce)).assumingMemoryBound(to: UInt32.self)
  }
  /// The best scores of blocks of sixteen, but for the strong classes.
  @inline(__always)
  var peaks: UnsafeMutablePointer<Float> {
    UnsafeMutableRawPointer(counts + classes).assumingMemoryBound(to: Float.self)
  }
  /// A sample's scores, in the same place.
  @inline(__always)
  var orderedScores: UnsafeMutablePointer<UInt32> { counts + classes }

  @inline(__always)
  func keep(_ key: RankKey, of place: UInt32) {
    chosenScores[Int(place)] = key.score
    chosenClasses[Int(place)] = RankKey.none < key ? key.classIndex : noClass
  }
}

@inline(__always) var noClass: UInt32 { .max }
