import CTopKLoss
import Testing

@Suite struct `A label that is no class is refused, by row, label and number of classes` {
  static let strangers: [Int64] = [-1, 7, 8, -99, -101, .max, .min, 1 << 32]

  @Test(arguments: LossCase.kinds(classes: 7).filter(\.usesLabels), strangers)
  func `wide labels`(loss: LossCase, label: Int64) throws {
    var problem = Problem(random: 1, rows: 6, classes: 7)
    problem.labels[4] = label
    let stage = try Stage(problem)
    expectFailure(.label, naming: ["labels[4]", "\(label)", "6", "7"]) {
      try stage.evaluate(loss.make())
    }
    #expect(stage.outputsAreUntouched)
  }

  @Test(
    arguments: LossCase.kinds(classes: 7).filter(\.usesLabels),
    strangers.filter { Int32(exactly: $0) != nil })
  func `narrow labels`(loss: LossCase, label: Int64) throws {
    var problem = Problem(random: 1, rows: 6, classes: 7)
    problem.labelsAreNarrow = true
    problem.labels[0] = label
    let stage = try Stage(problem)
    expectFailure(.label, naming: ["labels[0]", "\(label)", "7"]) {
      try stage.evaluate(loss.make())
    }
    #expect(stage.outputsAreUntouched)
  }

  @Test func `the first bad row is the one that is named`() throws {
    var problem = Problem(random: 1, rows: 5000, classes: 7)
    problem.labels[4999] = 7
    problem.labels[1234] = 1000
    let stage = try Stage(problem)
    expectFailure(.label, naming: ["labels[1234]", "1000"]) {
      try stage.evaluate(LossCase(kind: .crossEntropy, classes: 7).make())
    }
    #expect(stage.outputsAreUntouched)
  }

  @Test func `in place, the logits stay as they were`() throws {
    var problem = Problem(random: 1, rows: 6, classes: 7)
    problem.labels[5] = 7
    let stage = try Stage(problem, Stage.Layout(isInPlace: true))
    expectFailure(.label, naming: ["labels[5]"]) {
      try stage.evaluate(LossCase(kind: .crossEntropy, classes: 7).make())
    }
    #expect(stage.outputsAreUntouched)
  }

  @Test func `accuracy minds its labels too`() throws {
    var problem = Problem(random: 1, rows: 6, classes: 7)
    problem.labels[2] = 7
    let stage = try Stage(problem)
    var accuracy = Stage.unwritten
    expectFailure(.label, naming: ["labels[2]", "7"]) {
      try check(topkloss_topk_accuracy(nil, &stage.batch, &accuracy))
    }
    #expect(accuracy == Stage.unwritten)
  }

  @Test(arguments: [-1, 3, 7, Int64.min, Int64.max])
  func `any number may stand for rows to ignore, a class too`(ignored: Int64) throws {
    var problem = Problem(random: 1, rows: 9, classes: 7)
    problem.labels = [0, ignored, 1, 2, ignored, 4, 5, 6, ignored]
    let loss = LossCase(kind: .crossEntropy, classes: 7, ignoreIndex: ignored)
    expectAgreement(try loss.evaluate(problem), loss.reference(problem), loss)
  }

  @Test func `an ignore_index beyond int32 is not mistaken for a narrow label`() throws {
    var problem = Problem(random: 1, rows: 3, classes: 7)
    problem.labels = [0, 1, 2]
    problem.labelsAreNarrow = true
    let loss = LossCase(kind: .crossEntropy, classes: 7, ignoreIndex: 1 << 32)
    let stage = try loss.evaluate(problem)
    #expect(stage.result.total_weight == 3)
  }
}
