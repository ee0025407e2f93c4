import CGPU

/// Threads that work on one row together. All of them come to every one of these calls, and go on with the same bits;
/// what any has stored before, all see after.
protocol Team {
  /// How many threads.
  static var width: Int { get }
  /// This one's place among them.
  static var place: Int { get }

  static func barrier()
  static func any(_ isTrue: Bool) -> Bool
  static func all(_ isTrue: Bool) -> Bool
  static func largest(_ number: Float) -> Float
  static func least(_ number: Int64) -> Int64
  static func sum(_ number: Double) -> Double
}

/// The 32 threads of a warp.
enum Warp: Team {
  @inline(__always) static var width: Int { 32 }
  @inline(__always) static var place: Int { Int(gpu_thread() & 31) }

  @inline(__always)
  static func barrier() { gpu_warp_barrier() }

  @inline(__always)
  static func any(_ isTrue: Bool) -> Bool {
    gpu_warp_barrier()
    return gpu_ballot(isTrue) != 0
  }

  @inline(__always)
  static func all(_ isTrue: Bool) -> Bool {
    gpu_warp_barrier()
    return gpu_ballot(isTrue) == .max
  }

  @inline(__always)
  static func largest(_ number: Float) -> Float {
    gpu_warp_barrier()
    return reduce(number, shuffled, gpu_max)
  }

  @inline(__always)
  static func least(_ number: Int64) -> Int64 {
    gpu_warp_barrier()
    return reduce(number, shuffled, lesser)
  }

  @inline(__always)
  static func sum(_ number: Double) -> Double {
    gpu_warp_barrier()
    return reduce(number, shuffled, +)
  }
}

extension Warp {
  /// By halves: `combine` is commutative, so that all threads have the same bits. Written out: as a loop it would take more
  /// registers than the softmax kernels have.
  @inline(__always)
  static func reduce<Number>(
    _ number: Number, _ shuffled: (Number, UInt32) -> Number, _ combine: (Number, Number) -> Number
  ) -> Number {
    var total = combine(number, shuffled(number, 16))
    total = combine(total, shuffled(total, 8))
    total = combine(total, shuffled(total, 4))
    total = combine(total, shuffled(total, 2))
    return combine(total, shuffled(total, 1))
  }

  @inline(__always)
  static func shuffled(_ number: Float, _ distance: UInt32) -> Float {
    Float(bitPattern: gpu_shuffle_xor_u32(number.bitPattern, distance))
  }

  @inline(__always)
  static func shuffled(_ number: Int64, _ distance: UInt32) -> Int64 {
    Int64(bitPattern: gpu_shuffle_xor_u64(UInt64(bitPattern: number), distance))
  }

  @inline(__always)
  static func shuffled(_ number: Double, _ distance: UInt32) -> Double {
    Double(bitPattern: gpu_shuffle_xor_u64(number.bitPattern, distance))
  }

  @inline(__always)
  static func lesser(_ a: Int64, _ b: Int64) -> Int64 { a < b ? a : b }
}
