import CKernels
import CTopKLoss

/// A caller's threshold, once checked: which scores of a row it keeps.
struct SetThreshold {
  private let value: Double
  private let byClass: RowNumbers?
  /// How many of all the scores that equal the value may be kept.
  let ties: Int64

  init(_ given: topkloss_threshold, _ batch: Batch) throws(Failure) {
    value = given.value
    guard let numbers = given.class_values else {
      if value.isNaN { throw .number("threshold.value", value, mustBe: "a number") }
      byClass = nil
      ties = given.ties < 0 ? Int64.max : given.ties
      return
    }
    try batch.requireClasses(given.classes, "threshold.classes")
    let thresholds = RowNumbers(numbers)
    for index in 0..<batch.classes where thresholds[index].isNaN {
      throw .number("threshold.class_values", .nan, at: index, mustBe: "a number")
    }
    byClass = thresholds
    ties = Int64.max
  }

  /// That of a class.
  subscript(classIndex: Int) -> Double { byClass?[classIndex] ?? value }

  /// Puts the first `room` of the classes that are kept into `chosen`, in order, and returns how many they are.
  ///
  /// - Parameter ties: how many scores may equal the value; lowered by those that are kept.
  func choose(
    _ scores: UnsafeRawPointer, of batch: Batch, _ ties: inout Int64,
    _ chosen: UnsafeMutablePointer<Int64>?, room: Int
  ) -> Int {
    guard let byClass else {
      return Int(
        batch.kernels.choose(scores, Int64(batch.classes), value, &ties, chosen, Int64(room)))
    }
    return batch.element == .float64
      ? Self.choose(scores, byClass, batch.classes, chosen, room, Double.self)
      : Self.choose(scores, byClass, batch.classes, chosen, room, Float.self)
  }

  /// Compares as float64, to which every score is widened exactly.
  @inline(never)
  private static func choose<Score: BinaryFloatingPoint & BitwiseCopyable>(
    _ scores: UnsafeRawPointer, _ thresholds: RowNumbers, _ classes: Int,
    _ chosen: UnsafeMutablePointer<Int64>?, _ room: Int, _: Score.Type
  ) -> Int {
    var count = 0
    var index = 0
    while index < classes {
      let offset = index &* MemoryLayout<Score>.stride
      let score = scores.loadUnaligned(fromByteOffset: offset, as: Score.self)
      if Double(score) >= thresholds[index] {
        if let chosen, count < room {
          UnsafeMutableRawPointer(chosen).storeBytes(
            of: Int64(index), toByteOffset: count &* 8, as: Int64.self)
        }
        count &+= 1
      }
      index &+= 1
    }
    return count
  }
}
