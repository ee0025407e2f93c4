import CTopKLoss
import Foundation

/// What a loss came to in Python; its arrays are on the stage that it was given.
struct PythonAnswer: Decodable {
  /// The bits of the value as a float64, in hexadecimal; nil for the reduction none.
  var value: String?
  /// What the exception said, and the name of its status; nil if there was none.
  var error: String?
  var status: String?

  var number: Double? {
    value.flatMap { UInt64($0, radix: 16) }.map(Double.init(bitPattern:))
  }
}

/// Memory that Python sees as an array.
private struct PythonArray: Encodable {
  var address: UInt
  var bytes: Int
  var dtype: String
  var shape: [Int]
}

private struct Request: Encodable {
  var loss: String
  var options: [String: PythonOption]
  var arrays: [String: PythonArray]
  var isInPlace: Bool
  var step: UInt64?

  enum CodingKeys: String, CodingKey {
    case loss, options, arrays, step
    case isInPlace = "in_place"
  }

  /// Written out because a nil step must arrive as None.
  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(loss, forKey: .loss)
    try container.encode(options, forKey: .options)
    try container.encode(arrays, forKey: .arrays)
    try container.encode(isInPlace, forKey: .isInPlace)
    try container.encode(step, forKey: .step)
  }
}

extension ElementType {
  fileprivate var pythonName: String { "\(self)" }
}

extension LossCase {
  /// Evaluates in Python on a stage of its own; the logits, labels and gradient are the stage's
  /// memory.
  func evaluateInPython(
    _ problem: Problem, isInPlace: Bool = false
  ) throws -> (answer: PythonAnswer, stage: Stage) {
    let stage = try Stage(problem, Stage.Layout(isInPlace: isInPlace))
    var arrays = [
      "logits": array(stage.logits), "out": array(stage.gradient),
      "row_values": array(stage.rowValues),
    ]
    if usesLabels {
      arrays["labels"] = array(
        stage.batch.labels, problem.labelsAreNarrow ? "int32" : "int64", [problem.rows],
        bytes: problem.rows * (problem.labelsAreNarrow ? 4 : 8))
    }
    if hasTwoHeads {
      arrays["multi_label_logits"] = array(stage.multiLabelLogits)
      arrays["multi_label_out"] = array(stage.multiLabelGradient)
    }
    if problem.sampleWeight != nil {
      arrays["sample_weight"] = array(
        stage.batch.sample_weight, "float64", [problem.rows], bytes: problem.rows * 8)
    }
    if problem.noise != nil {
      let shape = [problem.rows, problem.samples, problem.classes]
      let isWide = problem.type == .float64
      arrays["noise"] = array(
        stage.batch.noise, isWide ? "float64" : "float32", shape,
        bytes: shape.reduce(isWide ? 8 : 4, *))
    }
    let request = Request(
      loss: pythonName, options: pythonOptions, arrays: arrays, isInPlace: isInPlace,
      step: isSampled && problem.noise == nil ? problem.step : nil)
    let text = String(decoding: try JSONEncoder().encode(request), as: UTF8.self)
    let answer = try withExtendedLifetime(stage) {
      try Interpreter.shared().call("evaluate", text)
    }
    return (try JSONDecoder().decode(PythonAnswer.self, from: Data(answer.utf8)), stage)
  }

  private func array(_ matrix: Matrix) -> PythonArray {
    array(
      matrix.address, matrix.type.pythonName, [matrix.rows, matrix.columns],
      bytes: matrix.rows * matrix.columns * matrix.type.size)
  }

  private func array(
    _ address: UnsafeRawPointer?, _ dtype: String, _ shape: [Int], bytes: Int
  ) -> PythonArray {
    PythonArray(address: UInt(bitPattern: address), bytes: bytes, dtype: dtype, shape: shape)
  }
}
