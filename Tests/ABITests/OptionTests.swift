import CTopKLoss
import Foundation
import Testing

// Options outside their range, at creation: of every loss every member, by its kind and its name.

@Suite(.enabled(if: InstructionSet.isFirst)) struct `Options outside their range are refused` {
  /// A loss that looks at this member, with all its other options as they should be.
  private func good(_ type: LossType, _ member: String) -> LossCase {
    var loss = LossCase(type.name, classes: 3)
    // Vectors by rank have K numbers and are a distribution.
    let isByClass = loss.has("classes")
    for member in type.members where member.type == .vector {
      loss.options[member.text] = isByClass ? [3, 2, 1] : [0.5, 0.25, 0.25]
    }
    let hasRanks = loss.options.count > 0 && !isByClass
    if loss.has("k") { loss.options["k"] = hasRanks ? 3 : 1 }
    if loss.has("method") { loss = loss.with(["method": 2, "expected_positives": 1.5]) }
    if member == "n_samples" { loss.options["estimator"] = 0 }
    // What rules another member out.
    if member == "margin", type.name == "noised_topk" { loss.options["class_counts"] = nil }
    if member != "teacher" { loss.options["teacher"] = nil }
    return loss
  }

  /// Numbers that are finite and out of range; others have none, or have them for one loss alone.
  private static let ranges: [String: [Double]] = [
    "label_smoothing": [-0.25, 1.5], "count_smoothing": [-0.5, 2e15], "tau": [-2e15],
    "gamma": [-0.25, 2e15], "max_margin": [-1, 2e15], "scale": [0, -3, 2e15], "lam": [-2e15],
    "epsilon": [-0.5, 2e15], "margin": [-2e15], "alpha": [2e15], "k": [0, -1],
    "candidate_weight": [-1], "multi_label_weight": [-0.5], "threshold_decay": [-0.5, 1.5],
    "expected_positives": [0, -1], "regularization": [-1],
    // (1/3)^200 is far below 1e-15.
    "vector_scaling.gamma": [200], "smooth_topk_svm.tau": [0, -1], "outlying_mse.alpha": [0],
    "class_weight[1]": [-2], "class_counts[1]": [0, -4], "class_scale[1]": [0, -1],
    "topk_cross_entropy.epsilon": [0], "weights[1]": [-0.5],
    "offset[1]": [-2e15], "margin[1]": [-2e15], "teacher[1]": [-2e15],
  ]

  private func numbers(_ type: LossType, _ member: String) -> [Double] {
    let own = (Self.ranges[member] ?? []) + (Self.ranges["\(type.name).\(member)"] ?? [])
    return own + [.infinity] + (LossCase(type.name, classes: 3).takesNaN(member) ? [] : [.nan])
  }

  @Test(arguments: LossType.all)
  func `one by one`(type: LossType) throws {
    for member in type.members {
      let (name, loss) = (member.text, good(type, member.text))
      _ = try loss.make()
      func refuse(_ status: Status, _ option: Option, _ words: String...) {
        var handle = OpaquePointer(bitPattern: 16)
        expectFailure(status, naming: words) {
          let options = try loss.with([name: option]).memory()
          try withExtendedLifetime(options) { try check(type.create(options.address, &handle)) }
        }
        #expect(handle == nil, "\(loss)")
      }
      switch member.type {
      case .number:
        for number in numbers(type, name) {
          refuse(.option, .number(number), name, String(format: "%g", number))
        }
      case .vector:
        let status = name == "class_counts" ? Status.classCount : .option
        for number in numbers(type, "\(name)[1]") {
          let vector = Option.vector([3, number, 1])
          refuse(status, vector, "\(name)[1]", String(format: "%g", number))
        }
      case .integer where name == "k":
        for k in [0, -7, .min] as [Int64] { refuse(.option, .integer(k), "k", "\(k)", "1") }
      case .integer where name == "n_samples":
        for samples in [0, -1, 1_000_001] as [Int64] {
          refuse(.option, .integer(samples), name, "\(samples)", "1000000")
        }
      case .code where member.enumerators > 0:
        for code in [-1, Int64(member.enumerators), 100, Int64(Int32.min), Int64(Int32.max)] {
          refuse(.enumerator, .integer(code), name, "\(code)")
        }
      case .classes where loss.has("class_counts") && !loss.has("n_samples"):
        for classes in [0, -5, .max] as [Int64] {
          refuse(.size, .integer(classes), name, "\(classes)")
        }
      default: break
      }
    }
  }

  @Test func `class counts that are not there, unless the loss can do without`() throws {
    for type in LossType.all where type.member("class_counts") != nil {
      var loss = good(type, "class_counts").with(["classes": 3])
      loss.options["class_counts"] = nil
      if loss.has("n_samples") { continue }
      expectFailure(.nullPointer, naming: ["class_counts"]) { _ = try loss.make() }
    }
    _ = try LossCase("outlying_mse", classes: 3, ["teacher": [1, 2, 3]]).make()
  }

  @Test func `a K that leaves no class out, as soon as it is known how many there are`() throws {
    let counted = LossCase("noised_topk", classes: 3, ["k": 3, "class_counts": [3, 2, 1]])
    expectFailure(.option, naming: ["k is 3", "classes is 3"]) { _ = try counted.make() }
    let others = LossCase.kinds(classes: 3).filter { $0.has("k") }
    for loss in others {
      let k: Int64 = loss.usesLabels ? 3 : 4
      var bad = loss.with(["k": .integer(k)])
      bad.options["class_counts"] = nil
      let stage = try Stage(Problem(random: 1, rows: 2, classes: 3))
      expectFailure(.option, naming: ["k is \(k)", "3"]) { try stage.evaluate(bad.make()) }
      #expect(stage.outputsAreUntouched)
    }
  }

  @Test func `the ends of the ranges are in them`() throws {
    let ends: [(String, [String: Option])] = [
      ("cross_entropy", ["label_smoothing": 1, "class_weight": [0, 0, 0]]),
      ("logit_adjusted", ["class_counts": [3, 0, 1], "count_smoothing": 1, "tau": 1e15]),
      ("ldam", ["class_counts": [3, 2, 1], "max_margin": 0, "scale": 1e-15]),
      ("elm", ["class_counts": [3, 2, 1], "max_margin": 0, "lam": -1e15]),
      ("vector_scaling", ["class_counts": [3, 2, 1], "gamma": 0, "tau": 1e15]),
      ("margin_softmax", ["class_scale": [1e-15, 1, 1e15], "scale": 1e-15, "lam": -1e15]),
      ("margin_softmax", ["offset": [-1e15, 0, 1e15], "margin": [1e15, 0, -1e15]]),
      ("focal", ["gamma": 0]), ("focal", ["gamma": 1e15]),
      ("noised_topk", ["k": 2, "class_counts": [3, 2, 1]]),
      ("noised_topk", ["k": 2, "n_samples": 1_000_000, "epsilon": 0, "margin": -5]),
      ("topk_hinge", ["k": 2, "margin": -1e15]),
      ("smooth_topk_svm", ["k": 2, "tau": 1e-15, "alpha": -1e15]),
      ("smooth_topk_svm", ["k": 2, "tau": 1e15, "alpha": 1e15]),
      ("topk_cross_entropy", ["k": 2, "epsilon": 1e-15, "weights": [0, 1]]),
      ("topk_cross_entropy", ["k": 2, "epsilon": 1e15, "weights": [1, 0]]),
      ("outlying_mse", ["alpha": 1e-15, "teacher": [0, -1e15, 1e15]]),
      ("two_head_average_k", ["k": 1e-300, "candidate_weight": 0, "multi_label_weight": 0]),
      ("two_head_average_k", ["k": 2.999, "threshold_decay": 1]),
      ("single_positive", ["expected_positives": 0]),
      ("single_positive", ["method": 2, "expected_positives": 1e-300, "regularization": 0]),
      ("single_positive", ["method": 2, "expected_positives": 1e15, "regularization": 1e15]),
    ]
    for (name, options) in ends {
      // Whatever comes of it, the call returns.
      let stage = try LossCase(name, classes: 3, options).evaluate(
        Problem(random: 1, rows: 2, classes: 3))
      #expect(stage.result.value != Stage.unwritten)
    }
  }

  @Test func `no options at all stand for the defaults, or are refused`() throws {
    let problem = Problem(random: 4, rows: 6, classes: 5)
    for type in LossType.all {
      expectFailure(.nullPointer, naming: ["out"]) { try check(type.create(nil, nil)) }
      if (try? LossCase(type.name, classes: 5).make()) != nil {
        let stage = try Stage(problem)
        try stage.evaluate(Loss { type.create(nil, $0) })
        #expect(try stage.written == LossCase(type.name, classes: 5).evaluate(problem).written)
      } else {
        var handle = OpaquePointer(bitPattern: 16)
        expectFailure(.nullPointer, naming: ["options"]) { try check(type.create(nil, &handle)) }
        #expect(handle == nil)
      }
    }
  }

  @Test func `a threshold from the batch before that is none is refused if it is read`() throws {
    let loss = LossCase("two_head_average_k", classes: 3, ["k": 1])
    for threshold in [Double.nan, -.infinity, -0.5] {
      var problem = Problem(random: 1, rows: 2, classes: 3)
      problem.threshold = threshold
      let stage = try Stage(problem)
      expectFailure(.option, naming: ["threshold"]) {
        try stage.evaluate(loss.with(["threshold_decay": 0.5]).make())
      }
      #expect(stage.result.value == Stage.unwritten && stage.gradient.isUntouched)
      try stage.evaluate(loss.make())
      #expect(stage.result.threshold > 0)
    }
  }
}
