import Testing

// The second formulation is checked too: its gradients against differences of its values, its
// generator against the published answers, its simplest case against numbers that can be worked out
// by hand.

@Suite(.enabled(if: InstructionSet.isFirst)) struct `The reference itself is right` {
  @Test(arguments: LossCase.table(classes: 9))
  func `gradients are derivatives of the values`(loss: LossCase) throws {
    let loss = loss.with(.sum)
    try expectSlopes(of: loss, step: 1e-6, bar: 2e-6) {
      let found = try loss.expected($0)
      return (found.value, found.gradient, found.multiLabelGradient)
    }
  }

  @Test func `two equal logits lose the logarithm of two`() {
    let row = LossCase("cross_entropy", classes: 2).referenceRow([1, 1], label: 0)
    #expect(abs(row.value - 0.693_147_180_559_945_3) < 1e-15)
    #expect(abs(row.gradient[0] + 0.5) < 1e-15 && abs(row.gradient[1] - 0.5) < 1e-15)
  }

  @Test func `the plain top-2 hinge of a row by hand`() {
    let loss = LossCase("noised_topk", classes: 4, ["k": 2, "epsilon": 0])
    // The third largest is 1, at class 3: 1 + 1 - 0.5.
    let row = loss.referenceRow([3, 0.5, 2, 1], label: 1, noise: [[0, 0, 0, 0]])
    #expect(row.value == 1.5 && row.gradient == [0, -1, 0, 1])
  }

  @Test func `margins grow from the most frequent class to the rarest`() {
    // 16^(-1/4) = 1/2, 1^(-1/4) = 1, 256^(-1/4) = 1/4.
    let margins = referenceMargins(counts: [16, 1, 256], maxMargin: 0.5)
    for (margin, expected) in zip(margins, [0.25, 0.5, 0.125]) {
      #expect(abs(margin - expected) < 1e-15)
    }
  }

  @Test(
    arguments: [
      ([0, 0], [0, 0], [0x6B20_0159, 0x99BA_4EFE]),
      ([.max, .max], [.max, .max], [0x1CB9_96FC, 0xBB00_2BE7]),
      ([0x1319_8A2E, 0x0370_7344], [0x243F_6A88, 0x85A3_08D3], [0xC492_3A9C, 0x483D_F7A0]),
    ] as [([UInt32], [UInt32], [UInt32])])
  func `Threefry gives the answers published with it`(
    key: [UInt32], counter: [UInt32], words: [UInt32]
  ) {
    #expect(threefry2x32(key: key, counter: counter) == words)
  }
}
