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

/// One argument of a loss's constructor.
private enum PythonOption: Encodable {
  case number(Double)
  case integer(Int64)
  case numbers([Double])
  case text(String)
  case flag(Bool)

  func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .number(let number): try container.encode(number)
    case .integer(let integer): try container.encode(integer)
    case .numbers(let numbers): try container.encode(numbers)
    case .text(let text): try container.encode(text)
    case .flag(let flag): try container.encode(flag)
    }
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
      loss: name, options: pythonOptions, arrays: arrays, isInPlace: isInPlace,
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

  /// The options as Python has them: all by the header's names, enumerators by their own.
  private var pythonOptions: [String: PythonOption] {
    let words = [
      "reduction": ["mean", "sum", "none"], "estimator": ["monte_carlo", "exact"],
      "class_reduction": ["sum", "mean"], "method": ["an", "wan", "epr"],
    ]
    // What means nothing to a loss without counts, or to another method, is no argument there.
    let needed = [
      "count_smoothing": counts != nil, "max_margin": counts != nil || !has("n_samples"),
      "expected_positives": self["method"] == 2, "regularization": self["method"] == 2,
      // One argument with the teacher, of which the table has no other rule than by rank.
      "teacher_rule": false, "power": false, "alpha": vector("teacher") == nil,
    ]
    var options: [String: PythonOption] = [:]
    for member in type.members where needed[member.text] ?? true {
      let name = member.text
      switch member.type {
      case .number: options[name] = .number(self[name])
      case .integer, .word: options[name] = .integer(Int64(self[name]))
      case .vector: options[name] = vector(name).map { .numbers($0) }
      case .code:
        let code = Int(self[name])
        options[name] = words[name].map { .text($0[code]) } ?? .flag(code != 0)
      case .classes, nil: break
      }
    }
    return options
  }
}
