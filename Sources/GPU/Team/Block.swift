import CGPU

/// All threads of a block: one to 32 warps. The first 256 bytes of shared memory are for what warps tell one another, two
/// barriers a reduction; a block of one warp needs neither.
enum Block: Team {
  /// Bytes of shared memory that reductions use; what kernels keep there begins behind.
  static var reductionBytes: Int { 256 }

  @inline(__always) static var width: Int { Int(gpu_threads()) }
  @inline(__always) static var place: Int { Int(gpu_thread()) }
  @inline(__always) private static var isOneWarp: Bool { gpu_threads() == 32 }

  @inline(__always)
  static func barrier() { gpu_barrier() }

  @inline(__always)
  static func any(_ isTrue: Bool) -> Bool { largest(isTrue ? 1 : 0) != 0 }

  @inline(__always)
  static func all(_ isTrue: Bool) -> Bool { largest(isTrue ? 0 : 1) == 0 }

  @inline(__always)
  static func largest(_ number: Float) -> Float {
    reduce(number, neutral: -.infinity, Warp.shuffled, gpu_max)
  }

  @inline(__always)
  static func least(_ number: Int64) -> Int64 {
    reduce(number, neutral: .max, Warp.shuffled, Warp.lesser)
  }

  @inline(__always)
  static func sum(_ number: Double) -> Double { reduce(number, neutral: 0, Warp.shuffled, +) }

  @inline(__always)
  private static func reduce<Number>(
    _ number: Number, neutral: Number, _ shuffled: (Number, UInt32) -> Number,
    _ combine: (Number, Number) -> Number
  ) -> Number {
    let ofWarp = Warp.reduce(number, shuffled, combine)
    if isOneWarp {
      gpu_warp_barrier()
      return ofWarp
    }
    let warps = gpu_shared().assumingMemoryBound(to: Number.self)
    if Warp.place == 0 { warps[place &>> 5] = ofWarp }
    gpu_barrier()
    let others = Warp.place < width &>> 5 ? warps[Warp.place] : neutral
    // Before the next reduction writes there.
    gpu_barrier()
    return Warp.reduce(others, shuffled, combine)
  }
}
