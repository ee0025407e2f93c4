import CTopKLoss

enum Reduction: Int32, CaseIterable, Sendable {
  case mean = 0
  case sum = 1
  case none = 2
}

/// A loss and its options, by the names of the header: what the interface is given and what the reference is given.
struct LossCase: Sendable, CustomStringConvertible {
  let name: String
  var classes: Int
  var options: [String: Option]

  init(_ name: String, classes: Int, _ options: [String: Option] = [:]) {
    (self.name, self.classes, self.options) = (name, classes, options)
  }

  var type: LossType { .named(name) }

  func has(_ member: String) -> Bool { type.member(member) != nil }

  func with(_ options: [String: Option]) -> LossCase {
    LossCase(name, classes: classes, self.options.merging(options) { $1 })
  }

  func with(_ reduction: Reduction) -> LossCase {
    has("reduction") ? with(["reduction": .integer(Int64(reduction.rawValue))]) : self
  }

  private static let defaults: [String: [String: Double]] = Dictionary(
    uniqueKeysWithValues: LossType.all.map { type in
      let options = try? LossOptions(type)
      let numbers = type.members.map { ($0.text, options?.number($0) ?? .nan) }
      return (type.name, Dictionary(uniqueKeysWithValues: numbers))
    })

  /// The value of an option that is a number, its default where none is given.
  subscript(member: String) -> Double {
    if let given = options[member]?.number, !given.isNaN { return given }
    if name == "noised_topk" {
      if member == "epsilon" { return counts == nil ? 1 : 0.01 }
      if member == "scale" { return counts == nil ? 1 : 60 }
    }
    return Self.defaults[name]?[member] ?? .nan
  }

  /// Whether NaN stands for the option's default.
  func takesNaN(_ member: String) -> Bool {
    type.member(member) != nil && Self.defaults[name]?[member]?.isNaN ?? false
  }

  func vector(_ member: String) -> [Double]? {
    if case .vector(let numbers) = options[member] { return numbers }
    return nil
  }

  /// Options in memory. The vectors' length is set where there is one.
  func memory() throws -> LossOptions {
    let memory = try LossOptions(type)
    for member in type.members {
      if let option = options[member.text] {
        memory.set(member, option)
      } else if member.type == .classes, options.values.contains(where: \.isVector) {
        memory.set(member, .integer(Int64(classes)))
      }
    }
    return memory
  }

  /// Creates the handle through the interface.
  func make() throws -> Loss {
    let memory = try memory()
    return try withExtendedLifetime(memory) { try Loss { type.create(memory.address, $0) } }
  }

  /// Evaluates the problem on a stage of its own.
  func evaluate(_ problem: Problem, _ layout: Stage.Layout = Stage.Layout()) throws -> Stage {
    let stage = try Stage(problem, layout)
    try stage.evaluate(make())
    return stage
  }

  var description: String {
    let words = options.sorted { $0.key < $1.key }.map { name, option in
      if case .vector = option { return name }
      return "\(name) \(option.number)"
    }
    return "\(name), C=\(classes), " + words.joined(separator: ", ")
  }
}

extension Option {
  fileprivate var isVector: Bool {
    if case .vector = self { return true }
    return false
  }
}

// In what the losses differ, as far as tests of all of them need to know.
extension LossCase {
  /// The loss with its method or estimator.
  var kind: String {
    let modes = type.members.filter { $0.enumerators > 0 && $0.text != "reduction" }
    return ([name] + modes.map { "\($0.text) \(self[$0.text])" }).joined(separator: ", ")
  }

  /// Whatever is asked of it, the operator gives one value a row.
  var reduction: Reduction {
    has("reduction") ? Reduction(rawValue: Int32(self["reduction"])) ?? .mean : .none
  }

  var usesLabels: Bool { has("ignore_index") }
  var ignoreIndex: Int64 { options["ignore_index"]?.integer ?? -100 }
  var hasTwoHeads: Bool { has("threshold_decay") }
  var counts: [Double]? { vector("class_counts") }

  /// Whether a row whose own label is masked out is lost, and the other classes' gradient is as usual.
  var isCrossEntropy: Bool { has("class_weight") }

  /// Whether a shift of all logits changes nothing.
  var gradientSumsToZero: Bool {
    [
      "cross_entropy", "logit_adjusted", "ldam", "elm", "focal", "topk_hinge", "smooth_topk_svm",
      "topk_cross_entropy", "two_head_average_k",
    ].contains(name)
  }

  /// Whether it draws noise.
  var isSampled: Bool { self["estimator"] == 0 }

  /// Whether its expectation is taken by quadrature, for which the reference takes long.
  var isExact: Bool { self["estimator"] == 1 || name == "topk_cross_entropy" }

  /// Whether a row's loss depends on the other rows, so that a batch cannot be evaluated in parts.
  var dependsOnBatch: Bool { hasTwoHeads || self["method"] == 2 }

  private func or(_ number: Double, _ other: Double) -> Double { number.isNaN ? other : number }

  /// What the logits are multiplied by, at least 1.
  var scale: Double {
    let classScale = vector("class_scale")?.max() ?? 1
    return max(
      1, or(self["scale"], 1) * classScale, name == "smooth_topk_svm" ? 1 / self["tau"] : 1)
  }

  /// The error that the estimator is allowed, beside roundings, in a row's value before its scale and in an entry
  /// of its gradient.
  func estimatorError(_ problem: Problem) -> Double {
    guard isExact else { return 0 }
    let largest = problem.logits.lazy.filter(\.isFinite).map(abs).max() ?? 0
    let bound = problem.type == .float64 ? 1e-10 : 1e-5
    return bound * max(self["epsilon"], 1e-3, 0.01 * largest)
  }

  /// How large the numbers inside the loss get, which is what rounding errors are relative to.
  func magnitude(_ problem: Problem) -> Double {
    let largest = problem.logits.lazy.filter(\.isFinite).map(abs).max() ?? 0
    let weights = [vector("class_weight") ?? [1], problem.sampleWeight ?? [1]].map {
      $0.map(abs).max() ?? 1
    }
    return (1 + magnitude(logit: largest)) * weights[0] * weights[1]
  }

  private func magnitude(logit: Double) -> Double {
    switch name {
    case "focal": return (1 + self["gamma"]) * (logit + 5)
    case "smooth_topk_svm": return logit + abs(self["alpha"]) + 8 * self["tau"] * self["k"]
    case "outlying_mse":
      let furthest = vector("teacher")?.map(abs).max() ?? self["alpha"] * Double(classes)
      return (logit + furthest) * (logit + furthest)
    case "two_head_average_k":
      let terms = self["class_reduction"] == 1 ? 1 : Double(classes)
      let multiLabel = self["multi_label_weight"] * max(1, self["candidate_weight"])
      return (logit + 5) * (1 + multiLabel * terms / 4)
    case "single_positive":
      let share = max(1, self["expected_positives"] / Double(classes))
      return logit + 1 + self["regularization"] * share * share
    default:
      // Offsets of log-priors, margins, noise of seven deviations.
      let vectors = ["offset", "margin"].map { vector($0)?.map(abs).max() ?? 0 }
      let margin = or(self["max_margin"], or(self["margin"], 0)) + vectors[1]
      let shift = vectors[0] + margin * (1 + abs(or(self["lam"], 0))) + 20 * abs(or(self["tau"], 0))
      return scale * (logit + 1 + abs(shift) + 7 * or(self["epsilon"], 0))
    }
  }

  /// The noise that the loss draws for itself, as the interface tells it.
  func ownNoise(_ problem: Problem) throws -> [[[Double]]] {
    let samples = Int(self["n_samples"])
    var numbers = [Float](repeating: 0, count: problem.rows * samples * classes)
    let seed = UInt64(bitPattern: options["seed"]?.integer ?? 0)
    try check(
      topkloss_standard_normal(
        seed, problem.step, problem.firstRow, Int64(problem.rows), Int64(samples), Int64(classes),
        &numbers))
    return (0..<problem.rows).map { row in
      (0..<samples).map { sample in
        let start = (row * samples + sample) * classes
        return numbers[start..<start + classes].map(Double.init)
      }
    }
  }

  /// What an evaluation of this loss should come to, with the problem's noise or the loss's own.
  func expected(_ problem: Problem) throws -> BatchLoss {
    guard isSampled else { return reference(problem) }
    if problem.noise != nil { return reference(problem, noise: problem.noise(row:)) }
    let noise = try ownNoise(problem)
    return reference(problem) { noise[$0] }
  }
}
