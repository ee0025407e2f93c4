/// A score with its class as one number: the higher the number, the earlier the rank. Scores rank by value, equal ones by
/// class, so that no two keys are equal. What is no number has the key 0.
struct RankKey: BitwiseCopyable {
  let bits: UInt64

  @inline(__always) init(bits: UInt64) { self.bits = bits }

  @inline(__always)
  init(_ score: Float, _ classIndex: UInt32) {
    let ordered = orderedBits(score)
    bits = ordered == 0 ? 0 : UInt64(ordered) &<< 32 | UInt64(~classIndex)
  }

  /// Behind all classes.
  @inline(__always) static var none: RankKey { RankKey(bits: 0) }
  /// Before all.
  @inline(__always) static var first: RankKey { RankKey(bits: .max) }
  @inline(__always) static func < (a: RankKey, b: RankKey) -> Bool { a.bits < b.bits }

  @inline(__always) var classIndex: UInt32 { ~UInt32(truncatingIfNeeded: bits) }
  @inline(__always) var orderedScore: UInt32 { UInt32(truncatingIfNeeded: bits &>> 32) }
  @inline(__always) var score: Float { Self.score(orderedScore) }

  /// The next score below this one's; of −∞, which all reach, NaN.
  @inline(__always) var scoreBelow: Float { Self.score(orderedScore &- 1) }

  @inline(__always)
  static func score(_ ordered: UInt32) -> Float {
    Float(bitPattern: ordered &>> 31 == 1 ? ordered ^ 1 &<< 31 : ~ordered)
  }
}

/// A score as a number that has its order: −0 is 0, and 0 stands for NaN.
@inline(__always)
func orderedBits(_ score: Float) -> UInt32 {
  let bits = (score + 0).bitPattern
  return score.isNaN ? 0 : bits &>> 31 == 1 ? ~bits : bits | 1 &<< 31
}
