import CTopKLoss

extension LossCase {
  /// Every loss with options of every kind, for `classes` classes (2 or more).
  static func table(classes: Int) -> [LossCase] {
    let counts = longTail(classes)
    var random = Random(seed: 7)
    let weight = random.uniforms(classes, in: 0.25...4)
    func adjusted(_ kind: Kind) -> LossCase {
      LossCase(kind: kind, classes: classes, counts: counts)
    }
    func noised(_ options: NoisedTopK) -> LossCase {
      LossCase(kind: .noisedTopK(options), classes: classes)
    }
    let largestK = classes - 1
    var cases = [
      LossCase(kind: .crossEntropy, classes: classes),
      adjusted(.logitAdjusted(tau: 1)),
      adjusted(.logitAdjusted(tau: -0.5)),
      adjusted(.ldam(maxMargin: 0.5, scale: 30)),
      adjusted(.elm(maxMargin: 0.5, scale: 30, lam: 1)),
      noised(NoisedTopK()),
      noised(NoisedTopK(k: min(5, largestK), samples: 3, seed: 9, epsilon: 0.3, scale: 2)),
      noised(NoisedTopK(k: largestK, samples: 4, epsilon: 2, margin: -0.25)),
      noised(NoisedTopK(k: min(2, largestK), samples: 2, epsilon: 0)),
    ]
    var weighted = cases[0]
    weighted.classWeight = weight
    var smooth = cases[0]
    smooth.labelSmoothing = 0.1
    var both = weighted
    both.labelSmoothing = 0.25
    var uniform = cases[0]
    uniform.labelSmoothing = 1
    cases += [weighted, smooth, both, uniform]

    var withAbsentClasses = cases[1]
    withAbsentClasses.counts = counts.enumerated().map { $0.offset % 3 == 2 ? 0 : $0.element }
    withAbsentClasses.countSmoothing = 1.5
    withAbsentClasses.classWeight = weight
    var margin = adjusted(.ldam(maxMargin: 0.25, scale: 8))
    margin.classWeight = weight
    margin.labelSmoothing = 0.1
    var enlarged = adjusted(.elm(maxMargin: 1, scale: 4, lam: 0.5))
    enlarged.classWeight = weight
    enlarged.labelSmoothing = 0.2
    enlarged.countSmoothing = 10
    var imbalanced = noised(NoisedTopK(k: 1, samples: 5, epsilon: 0.05, scale: 30, maxMargin: 0.4))
    imbalanced.counts = counts
    return cases + [withAbsentClasses, margin, enlarged, imbalanced]
  }

  /// One case of each kind, where the options do not matter.
  static func kinds(classes: Int) -> [LossCase] {
    let table = table(classes: classes)
    return [0, 1, 3, 4, 5].map { table[$0] }
  }

  func with(_ change: (inout LossCase) -> Void) -> LossCase {
    var changed = self
    change(&changed)
    return changed
  }

  var isNoised: Bool {
    if case .noisedTopK = kind { return true }
    return false
  }

  /// The noise that the loss draws for itself, as the interface tells it.
  func ownNoise(_ problem: Problem) throws -> [[[Double]]] {
    guard case .noisedTopK(let options) = kind else { return [] }
    var noise = [Float](repeating: 0, count: problem.rows * options.samples * classes)
    try check(
      topkloss_standard_normal(
        options.seed, problem.step, problem.firstRow, Int64(problem.rows),
        Int64(options.samples), Int64(classes), &noise))
    return (0..<problem.rows).map { row in
      (0..<options.samples).map { sample in
        let start = (row * options.samples + sample) * classes
        return noise[start..<start + classes].map(Double.init)
      }
    }
  }

  /// What an evaluation of this loss should come to, with the problem's noise or the loss's own.
  func expected(_ problem: Problem) throws -> BatchLoss {
    guard isNoised else { return reference(problem) }
    if problem.noise != nil { return reference(problem, noise: problem.noise(row:)) }
    let noise = try ownNoise(problem)
    return reference(problem) { noise[$0] }
  }

  /// Evaluates the problem on a stage of its own.
  func evaluate(_ problem: Problem, _ layout: Stage.Layout = Stage.Layout()) throws -> Stage {
    let stage = try Stage(problem, layout)
    try stage.evaluate(make())
    return stage
  }
}

/// Counts that fall from 1000 to 5, not in order of the classes.
func longTail(_ classes: Int) -> [Double] {
  (0..<classes).map { index in
    let rank = Double((index * 7 + 3) % max(1, classes)) / Double(max(1, classes - 1))
    return (1000 - 995 * rank).rounded()
  }
}
