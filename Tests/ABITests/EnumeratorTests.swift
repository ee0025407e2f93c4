import CTopKLoss
import Testing

@Suite struct `Enumerators without a meaning are refused` {
  static let strangers: [Int32] = [-1, 4, 100, .min, .max]

  @Test(arguments: strangers)
  func `element types`(number: Int32) throws {
    let stage = try Stage(Problem(random: 1, rows: 2, classes: 3))
    stage.batch.dtype = number
    let loss = try LossCase(kind: .crossEntropy, classes: 3).make()
    expectFailure(.enumerator, naming: ["dtype", "\(number)"]) { try stage.evaluate(loss) }
    #expect(stage.outputsAreUntouched)
  }

  @Test(arguments: strangers + [2])
  func `label types`(number: Int32) throws {
    let stage = try Stage(Problem(random: 1, rows: 2, classes: 3))
    stage.batch.label_type = number
    let loss = try LossCase(kind: .crossEntropy, classes: 3).make()
    expectFailure(.enumerator, naming: ["label_type", "\(number)"]) { try stage.evaluate(loss) }
    #expect(stage.outputsAreUntouched)
  }

  @Test(arguments: strangers + [3])
  func `reductions, of every loss`(number: Int32) throws {
    let counts = Memory([3.0, 2, 1])
    let address = UnsafePointer(counts.numbers)
    expectRefusal("reduction", number, topkloss_cross_entropy_options_init, 48) {
      $0.reduction = number
      return topkloss_cross_entropy_create(&$0, $1)
    }
    expectRefusal("reduction", number, topkloss_logit_adjusted_options_init, 72) {
      ($0.reduction, $0.classes, $0.class_counts) = (number, 3, address)
      return topkloss_logit_adjusted_create(&$0, $1)
    }
    expectRefusal("reduction", number, topkloss_ldam_options_init, 80) {
      ($0.reduction, $0.classes, $0.class_counts) = (number, 3, address)
      return topkloss_ldam_create(&$0, $1)
    }
    expectRefusal("reduction", number, topkloss_elm_options_init, 88) {
      ($0.reduction, $0.classes, $0.class_counts) = (number, 3, address)
      return topkloss_elm_create(&$0, $1)
    }
    expectRefusal("reduction", number, topkloss_noised_topk_options_init, 112) {
      ($0.reduction, $0.k) = (number, 1)
      return topkloss_noised_topk_create(&$0, $1)
    }
  }

  @Test(arguments: strangers)
  func estimators(number: Int32) {
    expectRefusal("estimator", number, topkloss_noised_topk_options_init, 112) {
      ($0.estimator, $0.k) = (number, 1)
      return topkloss_noised_topk_create(&$0, $1)
    }
  }

  @Test(arguments: strangers + [2])
  func `averages of an accuracy`(number: Int32) throws {
    let stage = try Stage(Problem(random: 1, rows: 2, classes: 3))
    var options = topkloss_topk_accuracy_options()
    try check(topkloss_topk_accuracy_options_init(&options, 32))
    options.average = number
    var accuracy = Stage.unwritten
    expectFailure(.enumerator, naming: ["average", "\(number)"]) {
      try check(topkloss_topk_accuracy(&options, &stage.batch, &accuracy))
    }
    #expect(accuracy == Stage.unwritten)
  }

  /// Fills options, spoils them, and expects that no loss comes of them.
  private func expectRefusal<Options: BitwiseCopyable>(
    _ member: String, _ number: Int32,
    _ initialize: (UnsafeMutablePointer<Options>?, Int) -> topkloss_status, _ size: Int,
    sourceLocation: SourceLocation = #_sourceLocation,
    _ create: (inout Options, UnsafeMutablePointer<OpaquePointer?>) -> topkloss_status
  ) {
    withUnsafeTemporaryAllocation(of: Options.self, capacity: 1) { memory in
      guard let options = memory.baseAddress else { return }
      #expect(initialize(options, size) == 0, sourceLocation: sourceLocation)
      var handle = OpaquePointer(bitPattern: 16)
      expectFailure(
        .enumerator, naming: [member, "\(number)"], sourceLocation: sourceLocation
      ) {
        try check(create(&options.pointee, &handle))
      }
      #expect(handle == nil, sourceLocation: sourceLocation)
    }
  }
}
