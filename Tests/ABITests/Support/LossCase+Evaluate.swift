import CTopKLoss

extension LossCase {
  /// The noise that the loss draws for itself, as the interface tells it.
  func ownNoise(_ problem: Problem) throws -> [[[Double]]] {
    guard let options = noise else { return [] }
    var numbers = [Float](repeating: 0, count: problem.rows * options.samples * classes)
    try check(
      topkloss_standard_normal(
        options.seed, problem.step, problem.firstRow, Int64(problem.rows),
        Int64(options.samples), Int64(classes), &numbers))
    return (0..<problem.rows).map { row in
      (0..<options.samples).map { sample in
        let start = (row * options.samples + sample) * classes
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

  /// Evaluates the problem on a stage of its own.
  func evaluate(_ problem: Problem, _ layout: Stage.Layout = Stage.Layout()) throws -> Stage {
    let stage = try Stage(problem, layout)
    try stage.evaluate(make())
    return stage
  }
}
