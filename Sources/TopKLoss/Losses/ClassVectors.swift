import CDevice
import CSystem
import CTopKLoss

/// Memory for a vector indexed by class, freed with its owner. Its size comes from outside, so that unlike an array's
/// its allocation may fail.
final class ClassVector<Number: BitwiseCopyable> {
  let numbers: UnsafeMutablePointer<Number>
  let count: Int

  /// Not an initialiser, for one that throws leaks the object. Zeros take no more memory than the pages that are written.
  static func make(count: Int, isZero: Bool = false) throws(Failure) -> ClassVector {
    let (bytes, overflows) = count.multipliedReportingOverflow(by: MemoryLayout<Number>.stride)
    guard !overflows, let memory = isZero ? calloc(1, max(bytes, 1)) : malloc(max(bytes, 1)) else {
      throw .outOfMemory(bytes: bytes)
    }
    return ClassVector(memory.assumingMemoryBound(to: Number.self), count: count)
  }

  private init(_ numbers: UnsafeMutablePointer<Number>, count: Int) {
    (self.numbers, self.count) = (numbers, count)
  }

  deinit { free(numbers) }
}

/// A vector indexed by class in both arithmetic types, for kernels of every element type.
struct ClassNumbers {
  private let float64: ClassVector<Double>
  private let float32: ClassVector<Float>

  init(count: Int, _ number: (Int) -> Double) throws(Failure) {
    float64 = try .make(count: count)
    float32 = try .make(count: count)
    for index in 0..<count {
      let number = number(index)
      float64.numbers[index] = number
      float32.numbers[index] = Float(number)
    }
  }

  /// A copy of the caller's numbers, each checked; nil if there are none.
  init?(
    copying given: UnsafePointer<Double>?, _ classes: Int?, _ name: StaticString,
    _ range: OptionRange
  ) throws(Failure) {
    guard let given else { return nil }
    guard let classes else {
      throw Failure(TOPKLOSS_ERROR_SIZE, "options.classes is 0: it must be the length of \(name)")
    }
    let numbers = RowNumbers(given)
    for index in 0..<classes { try range.check(numbers[index], name, index) }
    try self.init(count: classes) { numbers[$0] }
  }

  var count: Int { float64.count }

  subscript(index: Int) -> Double { float64.numbers[index] }

  /// The largest magnitude.
  var largest: Double {
    var largest = 0.0
    for index in 0..<count { largest = max(largest, abs(self[index])) }
    return largest
  }

  func divided(by unit: Double) throws(Failure) -> ClassNumbers {
    try ClassNumbers(count: count) { self[$0] / unit }
  }

  var doubles: UnsafePointer<Double> { UnsafePointer(float64.numbers) }

  /// As a device's kernels read them, but for where they lie: those of rows, or float64.
  var ofRows: DeviceVector { DeviceVector(numbers: pointer(for: .float32)) }
  var ofFloat64: DeviceVector { DeviceVector(numbers: doubles) }

  /// The numbers in the arithmetic type of an element type.
  func pointer(for element: ElementType) -> UnsafeRawPointer {
    element == .float64
      ? UnsafeRawPointer(float64.numbers) : UnsafeRawPointer(float32.numbers)
  }
}

/// Training examples of each class, checked, with the smoothing constant added.
struct ClassCounts {
  let count: Int
  let total: Double
  let largest: Double
  let smallest: Double
  private let counts: UnsafePointer<Double>
  private let smoothing: Double

  /// - Parameter counts: the caller's; read only while the caller's call lasts.
  init(
    _ counts: UnsafePointer<Double>?, classes: Int64, smoothing: Double
  ) throws(Failure) {
    count = try checkedSize(classes, "options.classes", atLeast: 1)
    self.counts = try required(counts, "options.class_counts")
    self.smoothing = smoothing
    try checkNotNegative(smoothing, "options.count_smoothing")
    var (total, largest, smallest) = (0.0, 0.0, Double.infinity)
    for index in 0..<count {
      let given = Self.load(self.counts, index)
      let smoothed = given + smoothing
      guard given >= 0 && smoothed > 0 && smoothed.isFinite else {
        throw Failure(
          TOPKLOSS_ERROR_CLASS_COUNT,
          "class_counts[\(index)] is \(text(given)): a count must be finite and above 0"
            + (given == 0 ? "; count_smoothing can be added to every count" : ""))
      }
      total += smoothed
      largest = max(largest, smoothed)
      smallest = min(smallest, smoothed)
    }
    guard total.isFinite else {
      throw Failure(TOPKLOSS_ERROR_CLASS_COUNT, "class_counts: their sum overflows")
    }
    (self.total, self.largest, self.smallest) = (total, largest, smallest)
  }

  private static func load(_ counts: UnsafePointer<Double>, _ index: Int) -> Double {
    UnsafeRawPointer(counts).loadUnaligned(fromByteOffset: index &* 8, as: Double.self)
  }

  /// n_c.
  subscript(index: Int) -> Double { Self.load(counts, index) + smoothing }

  /// τ log(n_c / n_max): τ log π_c but for a constant, which a softmax does not see; without it the numbers, and
  /// their rounding errors, are smaller.
  func logPriors(tau: Double) throws(Failure) -> ClassNumbers {
    try ClassNumbers(count: count) { tau * (log(self[$0]) - log(largest)) }
  }

  /// m_max · n_c^(−1/4) / max_k n_k^(−1/4).
  func margins(max maxMargin: Double) throws(Failure) -> ClassNumbers {
    try ClassNumbers(count: count) { maxMargin * (smallest / self[$0]).squareRoot().squareRoot() }
  }
}
