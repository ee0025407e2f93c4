import CTopKLoss

/// One of the interface's structs: how big it is, how it is initialised, and a call that reads it.
struct StructKind: Sendable, CustomStringConvertible {
  let name: String
  let size: Int
  /// The init function; nil for the struct that has none.
  let initialize: (@Sendable (UnsafeMutableRawPointer?, Int) -> topkloss_status)?
  /// Sets what has no default and makes a call with the struct; struct_size stays as it is.
  let use: @Sendable (UnsafeMutableRawPointer) throws -> Void

  var description: String { name }

  /// What messages call it.
  var argument: String {
    name.hasSuffix("_options") ? "options" : name.replacing("topkloss_", with: "")
  }

  static let all: [StructKind] = [
    batch, result, executor, crossEntropy, logitAdjusted, ldam, elm, noisedTopK, logitAdjust,
    topKAccuracy,
  ]

  private static let counts = StaticCounts([3, 2, 1])
  private static let loss = LossCase(kind: .crossEntropy, classes: 3)
  private static let problem = Problem(random: 1, rows: 2, classes: 3)

  private static let batch = StructKind(
    name: "topkloss_batch", size: 120,
    initialize: { topkloss_batch_init($0?.assumingMemoryBound(to: topkloss_batch.self), $1) },
    use: { memory in
      let batch = memory.assumingMemoryBound(to: topkloss_batch.self)
      let stage = try Stage(problem)
      batch.pointee.rows = stage.batch.rows
      batch.pointee.classes = stage.batch.classes
      batch.pointee.logits = stage.batch.logits
      batch.pointee.labels = stage.batch.labels
      let handle = try loss.make()
      try check(topkloss_evaluate(handle.handle, batch, &stage.result))
    })

  private static let result = StructKind(
    name: "topkloss_result", size: 48,
    initialize: { topkloss_result_init($0?.assumingMemoryBound(to: topkloss_result.self), $1) },
    use: { memory in
      let result = memory.assumingMemoryBound(to: topkloss_result.self)
      let stage = try Stage(problem)
      let handle = try loss.make()
      try check(topkloss_evaluate(handle.handle, &stage.batch, result))
    })

  private static let executor = StructKind(
    name: "topkloss_executor", size: 32, initialize: nil,
    use: { memory in
      let executor = memory.assumingMemoryBound(to: topkloss_executor.self)
      executor.pointee.parallel_for = { _, count, task, context in
        for index in 0..<count { task?(context, index) }
      }
      executor.pointee.concurrency = 2
      let stage = try Stage(problem)
      stage.batch.executor = UnsafePointer(executor)
      try stage.evaluate(loss.make())
    })

  private static let crossEntropy = StructKind(
    name: "topkloss_cross_entropy_options", size: 48,
    initialize: {
      topkloss_cross_entropy_options_init(
        $0?.assumingMemoryBound(to: topkloss_cross_entropy_options.self), $1)
    },
    use: { memory in
      let options = memory.assumingMemoryBound(to: topkloss_cross_entropy_options.self)
      _ = try Loss { topkloss_cross_entropy_create(options, $0) }
    })

  private static let logitAdjusted = StructKind(
    name: "topkloss_logit_adjusted_options", size: 72,
    initialize: {
      topkloss_logit_adjusted_options_init(
        $0?.assumingMemoryBound(to: topkloss_logit_adjusted_options.self), $1)
    },
    use: { memory in
      let options = memory.assumingMemoryBound(to: topkloss_logit_adjusted_options.self)
      options.pointee.classes = 3
      options.pointee.class_counts = counts.address
      _ = try Loss { topkloss_logit_adjusted_create(options, $0) }
    })

  private static let ldam = StructKind(
    name: "topkloss_ldam_options", size: 80,
    initialize: {
      topkloss_ldam_options_init($0?.assumingMemoryBound(to: topkloss_ldam_options.self), $1)
    },
    use: { memory in
      let options = memory.assumingMemoryBound(to: topkloss_ldam_options.self)
      options.pointee.classes = 3
      options.pointee.class_counts = counts.address
      // A struct that was never initialised holds 0, which is no scale.
      options.pointee.scale = 30
      _ = try Loss { topkloss_ldam_create(options, $0) }
    })

  private static let elm = StructKind(
    name: "topkloss_elm_options", size: 88,
    initialize: {
      topkloss_elm_options_init($0?.assumingMemoryBound(to: topkloss_elm_options.self), $1)
    },
    use: { memory in
      let options = memory.assumingMemoryBound(to: topkloss_elm_options.self)
      options.pointee.classes = 3
      options.pointee.class_counts = counts.address
      options.pointee.scale = 30
      _ = try Loss { topkloss_elm_create(options, $0) }
    })

  private static let noisedTopK = StructKind(
    name: "topkloss_noised_topk_options", size: 112,
    initialize: {
      topkloss_noised_topk_options_init(
        $0?.assumingMemoryBound(to: topkloss_noised_topk_options.self), $1)
    },
    use: { memory in
      let options = memory.assumingMemoryBound(to: topkloss_noised_topk_options.self)
      options.pointee.k = 1
      options.pointee.n_samples = 5
      options.pointee.scale = 1
      _ = try Loss { topkloss_noised_topk_create(options, $0) }
    })

  private static let logitAdjust = StructKind(
    name: "topkloss_logit_adjust_options", size: 40,
    initialize: {
      topkloss_logit_adjust_options_init(
        $0?.assumingMemoryBound(to: topkloss_logit_adjust_options.self), $1)
    },
    use: { memory in
      let options = memory.assumingMemoryBound(to: topkloss_logit_adjust_options.self)
      options.pointee.classes = 3
      options.pointee.class_counts = counts.address
      let stage = try Stage(problem)
      try check(topkloss_logit_adjust(options, &stage.batch, stage.gradient.address, 0))
    })

  private static let topKAccuracy = StructKind(
    name: "topkloss_topk_accuracy_options", size: 32,
    initialize: {
      topkloss_topk_accuracy_options_init(
        $0?.assumingMemoryBound(to: topkloss_topk_accuracy_options.self), $1)
    },
    use: { memory in
      let options = memory.assumingMemoryBound(to: topkloss_topk_accuracy_options.self)
      options.pointee.k = 1
      let stage = try Stage(problem)
      var accuracy = 0.0
      try check(topkloss_topk_accuracy(options, &stage.batch, &accuracy))
    })
}

/// Counts at an address that stays, for structs that outlive the function that fills them.
private final class StaticCounts: @unchecked Sendable {
  private let memory: Memory

  init(_ counts: [Double]) { memory = Memory(counts) }

  var address: UnsafePointer<Double> { UnsafePointer(memory.numbers) }
}
