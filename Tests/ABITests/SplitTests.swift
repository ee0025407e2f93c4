import Testing

@Suite struct `A batch may be evaluated in parts` {
  @Test(arguments: LossCase.table(classes: 23).filter { !$0.dependsOnBatch }, [1, 4, 12])
  func `rows are the same bits, and sums and means can be put together`(
    loss: LossCase, split: Int
  ) throws {
    for reduction in Reduction.allCases {
      let loss = loss.with { $0.reduction = reduction }
      var random = Random(seed: 8)
      var whole = Problem(random: 2, rows: 13, classes: 23, spread: 0.5).ignoring()
      whole.sampleWeight = random.uniforms(13, in: 0.5...2)
      whole.step = 3
      let together = try loss.evaluate(whole)
      let parts = [
        try loss.evaluate(whole.rows(0..<split)), try loss.evaluate(whole.rows(split..<13)),
      ]
      #expect(together.rowValues.pattern == Pattern(joining: parts.map(\.rowValues.pattern)))

      let weight = parts.reduce(0) { $0 + $1.result.total_weight }
      #expect(abs(weight - together.result.total_weight) < 1e-12 * weight)
      let value =
        loss.reduction == .mean
        ? parts.reduce(0) { $0 + $1.result.value * $1.result.total_weight } / weight
        : parts.reduce(0) { $0 + $1.result.value }
      #expect(abs(value - together.result.value) <= 1e-12 * max(1, abs(value)))
      if loss.reduction != .mean {
        #expect(together.gradient.pattern == Pattern(joining: parts.map(\.gradient.pattern)))
      }
    }
  }
}
