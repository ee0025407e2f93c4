/// A batch as numbers, before it is laid out in memory.
struct Problem: Sendable {
  var type: ElementType = .float32
  var rows: Int
  var classes: Int
  /// Row by row; numbers that the element type can hold.
  var logits: [Double]
  /// Logits of the other head, row by row, for losses that have two.
  var multiLabelLogits: [Double]
  var labels: [Int64]
  var labelsAreNarrow = false
  var sampleWeight: [Double]?
  var upstream: [Double]?
  /// Noise of shape rows × samples × classes.
  var noise: [Double]?
  var samples = 0
  var step: UInt64 = 0
  var firstRow: Int64 = 0
  /// The result's threshold before the call.
  var threshold = 0.0

  init(type: ElementType = .float32, rows: Int, classes: Int, logits: [Double], labels: [Int64]) {
    self.type = type
    self.rows = rows
    self.classes = classes
    self.logits = logits.map(type.rounded)
    self.labels = labels
    var random = Random(seed: 77)
    multiLabelLogits = random.uniforms(rows * classes, in: -4...4).map(type.rounded)
  }

  /// Normal logits and uniform labels.
  init(
    random seed: UInt64, type: ElementType = .float32, rows: Int, classes: Int,
    spread: Double = 1
  ) {
    var random = Random(seed: seed)
    self.init(
      type: type, rows: rows, classes: classes,
      logits: random.normals(rows * classes, spread: spread),
      labels: (0..<rows).map { _ in Int64.random(in: 0..<Int64(classes), using: &random) })
  }

  func row(_ index: Int) -> [Double] {
    Array(logits[index * classes..<(index + 1) * classes])
  }

  func multiLabelRow(_ index: Int) -> [Double] {
    Array(multiLabelLogits[index * classes..<(index + 1) * classes])
  }

  /// Noise of row `index`, one array a sample.
  func noise(row index: Int) -> [[Double]] {
    guard let noise else { return [] }
    return (0..<samples).map { sample in
      let start = (index * samples + sample) * classes
      return Array(noise[start..<start + classes])
    }
  }

  /// Leaves every fifth row, beginning with row 2, out of the batch.
  func ignoring(_ label: Int64 = -100) -> Problem {
    var problem = self
    for row in stride(from: 2, to: rows, by: 5) { problem.labels[row] = label }
    return problem
  }

  /// The rows of a range as a batch of their own, with first_row set so that the noise stays the
  /// same.
  func rows(_ range: Range<Int>) -> Problem {
    var part = self
    part.rows = range.count
    part.logits = Array(logits[range.lowerBound * classes..<range.upperBound * classes])
    part.multiLabelLogits = Array(
      multiLabelLogits[range.lowerBound * classes..<range.upperBound * classes])
    part.labels = Array(labels[range])
    part.sampleWeight = sampleWeight.map { Array($0[range]) }
    part.upstream = upstream.map { $0.count == rows ? Array($0[range]) : $0 }
    let width = samples * classes
    part.noise = noise.map { Array($0[range.lowerBound * width..<range.upperBound * width]) }
    part.firstRow += Int64(range.lowerBound)
    return part
  }
}
