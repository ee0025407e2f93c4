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

  static let all = [batch, result, executor] + losses + others

  private static let loss = LossCase(kind: .crossEntropy, classes: 3)
  private static let problem = Problem(random: 1, rows: 2, classes: 3)

  /// - Parameters:
  ///   - fill: sets what zero is no value for: a struct that was never initialised holds nothing else.
  ///   - call: makes a call with the struct.
  init<Struct>(
    _ type: Struct.Type, _ size: Int,
    _ initialize: (@Sendable (UnsafeMutablePointer<Struct>?, Int) -> topkloss_status)?,
    fill: @escaping @Sendable (inout Struct) -> Void = { _ in },
    call: @escaping @Sendable (UnsafeMutablePointer<Struct>) throws -> Void
  ) {
    name = "\(type)"
    self.size = size
    if let initialize {
      self.initialize = { initialize($0?.assumingMemoryBound(to: Struct.self), $1) }
    } else {
      self.initialize = nil
    }
    use = { memory in
      let pointer = memory.assumingMemoryBound(to: Struct.self)
      fill(&pointer.pointee)
      try call(pointer)
    }
  }

  /// Options of a loss.
  init<Options>(
    _ type: Options.Type, _ size: Int,
    _ initialize: @escaping @Sendable (UnsafeMutablePointer<Options>?, Int) -> topkloss_status,
    create:
      @escaping @Sendable (UnsafePointer<Options>?, UnsafeMutablePointer<OpaquePointer?>?)
      -> topkloss_status,
    fill: @escaping @Sendable (inout Options) -> Void = { _ in }
  ) {
    self.init(
      type, size, initialize, fill: fill,
      call: { options in _ = try Loss { create(options, $0) } })
  }

  private static let batch = StructKind(
    topkloss_batch.self, 136, { topkloss_batch_init($0, $1) },
    call: { batch in
      let stage = try Stage(problem)
      batch.pointee.rows = stage.batch.rows
      batch.pointee.classes = stage.batch.classes
      batch.pointee.logits = stage.batch.logits
      batch.pointee.labels = stage.batch.labels
      let handle = try loss.make()
      try check(topkloss_evaluate(handle.handle, batch, &stage.result))
    })

  private static let result = StructKind(
    topkloss_result.self, 72, { topkloss_result_init($0, $1) },
    call: { result in
      let stage = try Stage(problem)
      let handle = try loss.make()
      try check(topkloss_evaluate(handle.handle, &stage.batch, result))
    })

  private static let executor = StructKind(
    topkloss_executor.self, 32, { topkloss_executor_init($0, $1) },
    call: { executor in
      executor.pointee.parallel_for = { _, count, task, context in
        for index in 0..<count { task?(context, index) }
      }
      executor.pointee.concurrency = 2
      let stage = try Stage(problem)
      stage.batch.executor = UnsafePointer(executor)
      try stage.evaluate(loss.make())
    })

  private static let others = [
    StructKind(
      topkloss_threshold.self, 24, { topkloss_threshold_init($0, $1) },
      call: { threshold in
        let stage = try Stage(problem)
        var ends = [Int64](repeating: 0, count: 3)
        try check(topkloss_predict_sets(threshold, 0, &stage.batch, &ends, nil, 0))
        try check(topkloss_average_k_threshold(1, &stage.batch, threshold))
      }),
    StructKind(
      topkloss_logit_adjust_options.self, 40, { topkloss_logit_adjust_options_init($0, $1) },
      fill: { ($0.classes, $0.class_counts) = (3, StaticCounts.three) },
      call: { options in
        let stage = try Stage(problem)
        try check(topkloss_logit_adjust(options, &stage.batch, stage.gradient.address, 0))
      }),
    StructKind(
      topkloss_topk_accuracy_options.self, 32, { topkloss_topk_accuracy_options_init($0, $1) },
      fill: { $0.k = 1 },
      call: { options in
        let stage = try Stage(problem)
        var accuracy = 0.0
        try check(topkloss_topk_accuracy(options, &stage.batch, &accuracy))
      }),
    StructKind(
      topkloss_average_k_accuracy_options.self, 32,
      { topkloss_average_k_accuracy_options_init($0, $1) }, fill: { $0.k = 1 },
      call: { options in
        let stage = try Stage(problem)
        var accuracy = 0.0
        try check(topkloss_average_k_accuracy(options, &stage.batch, &accuracy))
      }),
    StructKind(
      topkloss_shot_accuracy_options.self, 64, { topkloss_shot_accuracy_options_init($0, $1) },
      fill: { ($0.classes, $0.class_counts, $0.k) = (3, StaticCounts.three, 1) },
      call: { options in
        let stage = try Stage(problem)
        var accuracies = [0.0, 0, 0]
        try check(topkloss_shot_accuracy(options, &stage.batch, &accuracies))
      }),
  ]
}
