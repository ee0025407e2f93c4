import Testing

@Suite struct `Gradients are derivatives` {
  @Test(arguments: LossCase.table(classes: 9))
  func `of the library's own values`(loss: LossCase) throws {
    let loss = loss.with { $0.reduction = .sum }
    var problem = Problem(random: 3, type: .float64, rows: 3, classes: 9)
    problem.sampleWeight = [1, 0.5, 2]
    let handle = try loss.make()
    try expectSlopes(of: loss, at: problem, step: 2e-5, bar: 2e-5) {
      let stage = try Stage($0)
      try stage.evaluate(handle)
      let second = loss.hasTwoHeads ? stage.multiLabelGradient.numbers : nil
      return (stage.result.value, stage.gradient.numbers, second)
    }
  }
}

/// Expects each entry of a gradient to be the central difference of the values beside it.
func expectSlopes(
  of loss: LossCase, at problem: Problem, step: Double, bar: Double,
  sourceLocation: SourceLocation = #_sourceLocation,
  _ evaluate: (Problem) throws -> (value: Double, gradient: [Double], other: [Double]?)
) throws {
  let here = try evaluate(problem)
  let heads: [(WritableKeyPath<Problem, [Double]>, [Double]?)] = [
    (\.logits, here.gradient), (\.multiLabelLogits, here.other),
  ]
  for (head, gradient) in heads {
    for (index, slope) in (gradient ?? []).enumerated() {
      var (above, below) = (problem, problem)
      above[keyPath: head][index] += step
      below[keyPath: head][index] -= step
      let difference = (try evaluate(above).value - evaluate(below).value) / (2 * step)
      #expect(
        abs(difference - slope) < bar * loss.scale * loss.scale,
        "\(loss) [\(index)]: \(slope), by differences \(difference)",
        sourceLocation: sourceLocation)
    }
  }
}
