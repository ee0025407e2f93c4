extension LossCase {
  /// Every loss with options of every kind, for `classes` classes (2 or more).
  static func table(classes: Int) -> [LossCase] {
    let counts = Option.vector(longTail(classes))
    var random = Random(seed: 7)
    func vector(_ range: ClosedRange<Double>) -> Option {
      .vector(random.uniforms(classes, in: range))
    }
    let weight = vector(0.25...4)
    let (offset, margin, scale) = (vector(-2...2), vector(-0.5...0.5), vector(0.25...1.5))
    let zeros = Option.vector(
      longTail(classes).enumerated().map { $0.offset % 3 == 2 ? 0 : $0.element })
    let largest = Int64(classes - 1)
    func some(_ k: Int64) -> Option { .integer(min(k, largest)) }
    let half = Option.number(Double(classes) / 2)
    let rows: [(String, [String: Option])] = [
      ("cross_entropy", [:]), ("cross_entropy", ["class_weight": weight]),
      ("cross_entropy", ["label_smoothing": 0.1]), ("cross_entropy", ["label_smoothing": 1]),
      ("cross_entropy", ["class_weight": weight, "label_smoothing": 0.25]),
      ("logit_adjusted", ["class_counts": counts]),
      ("logit_adjusted", ["class_counts": counts, "tau": -0.5]),
      ("logit_adjusted", ["class_counts": zeros, "count_smoothing": 1.5, "class_weight": weight]),
      ("ldam", ["class_counts": counts]),
      (
        "ldam",
        [
          "class_counts": counts, "max_margin": 0.25, "scale": 8, "class_weight": weight,
          "label_smoothing": 0.1,
        ]
      ),
      ("elm", ["class_counts": counts]),
      (
        "elm",
        [
          "class_counts": counts, "max_margin": 1, "scale": 4, "lam": 0.5, "class_weight": weight,
          "label_smoothing": 0.2, "count_smoothing": 10,
        ]
      ),
      ("vector_scaling", ["class_counts": counts]),
      (
        "vector_scaling",
        [
          "class_counts": counts, "gamma": 1, "tau": -0.5, "class_weight": weight,
          "label_smoothing": 0.1, "count_smoothing": 3,
        ]
      ),
      (
        "margin_softmax",
        ["offset": offset, "margin": margin, "class_scale": scale, "scale": 3, "lam": 0.5]
      ),
      ("margin_softmax", ["scale": 2]),
      ("margin_softmax", ["class_scale": scale, "class_weight": weight, "label_smoothing": 0.2]),
      ("seesaw", ["class_counts": counts, "q": 0]),
      (
        "seesaw",
        [
          "class_counts": zeros, "count_smoothing": 2, "p": 2, "q": 0, "class_weight": weight,
          "label_smoothing": 0.1,
        ]
      ),
      ("focal", [:]), ("focal", ["gamma": 0.5, "class_weight": weight]), ("focal", ["gamma": 0]),
      ("noised_topk", ["k": 1]),
      ("noised_topk", ["k": some(5), "n_samples": 3, "seed": 9, "epsilon": 0.3, "scale": 2]),
      ("noised_topk", ["k": some(largest), "n_samples": 4, "epsilon": 2, "margin": -0.25]),
      ("noised_topk", ["k": some(2), "n_samples": 2, "epsilon": 0]),
      ("noised_topk", ["k": 1, "class_counts": counts]),
      ("noised_topk", ["k": some(3), "epsilon": 0.5, "estimator": 1]),
      (
        "noised_topk",
        [
          "k": 1, "epsilon": 0.1, "scale": 30, "max_margin": 0.4, "class_counts": counts,
          "estimator": 1,
        ]
      ),
      ("noised_topk", ["k": some(2), "epsilon": 0, "margin": 0.5, "estimator": 1]),
      ("noised_topk_operator", ["k": some(4)]),
      (
        "noised_topk_operator",
        ["k": .integer(largest + 1), "n_samples": 3, "seed": 5, "epsilon": 0.5, "estimator": 0]
      ),
      ("noised_topk_operator", ["k": 1, "epsilon": 0]),
      ("topk_hinge", ["k": some(5)]), ("topk_hinge", ["k": some(largest), "margin": -0.5]),
      ("smooth_topk_svm", ["k": some(5)]),
      ("smooth_topk_svm", ["k": 1, "tau": 0.25, "alpha": -0.5]),
      ("smooth_topk_svm", ["k": some(2), "tau": 20, "alpha": 0]),
      ("topk_cross_entropy", ["k": some(3)]),
      ("topk_cross_entropy", ["k": some(largest), "epsilon": 0.3]),
      (
        "topk_cross_entropy",
        ["k": some(2), "epsilon": 3, "weights": largest < 2 ? [1] : [0.25, 0.75]]
      ),
      ("outlying_mse", ["class_counts": counts, "alpha": 0.25]),
      ("outlying_mse", ["teacher": .vector(random.normals(classes, spread: 3))]),
      ("two_head_average_k", ["k": .number(min(2, half.number))]),
      (
        "two_head_average_k",
        ["k": 0.7, "candidate_weight": 0.25, "multi_label_weight": 3, "class_reduction": 0]
      ),
      ("two_head_average_k", ["k": 1, "candidate_weight": 0, "threshold_decay": 0.75]),
      ("single_positive", [:]), ("single_positive", ["method": 1]),
      ("single_positive", ["method": 2, "expected_positives": 1.5, "regularization": 2]),
      ("single_positive", ["method": 2, "expected_positives": half, "regularization": 300]),
    ]
    return rows.map { LossCase($0.0, classes: classes, $0.1) }
  }

  /// The first of each kind, where the options do not matter.
  static func kinds(classes: Int) -> [LossCase] {
    var kinds: Set<String> = []
    return table(classes: classes).filter { kinds.insert($0.kind).inserted }
  }
}

/// Counts that fall from 1000 to 5, not in order of the classes.
func longTail(_ classes: Int) -> [Double] {
  (0..<classes).map { index in
    let rank = Double((index * 7 + 3) % max(1, classes)) / Double(max(1, classes - 1))
    return (1000 - 995 * rank).rounded()
  }
}
