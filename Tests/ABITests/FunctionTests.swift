import CTopKLoss
import Testing

@Suite(.enabled(if: InstructionSet.isFirst))
struct `Functions that are no losses refuse what cannot be` {
  /// A function of a batch; nothing that it writes is looked at but after a refusal.
  struct Function: Sendable, CustomStringConvertible {
    let description: String
    var usesLabels = false
    let call: @Sendable (UnsafePointer<topkloss_batch>?) throws -> Void
  }

  private static let loss = LossCase("outlying_mse", classes: 3, ["teacher": [1, 2, 3]])

  static let functions =
    Metric.allCases.map { metric in
      Function(description: "\(metric)", usesLabels: true) { batch in
        _ = try metric.measure(batch, .init(counts: [1000, 50, 3], classes: 3))
      }
    } + [
      Function(description: "average_k_threshold") { batch in
        var threshold = topkloss_threshold(value: Stage.unwritten, ties: 12)
        let status = topkloss_average_k_threshold(1, batch, &threshold)
        #expect(status == 0 || threshold.value == Stage.unwritten && threshold.ties == 12)
        try check(status)
      },
      Function(description: "predict_sets") { batch in
        var (threshold, ends) = (topkloss_threshold(value: 1), [Int64](repeating: -1, count: 5))
        let status = topkloss_predict_sets(&threshold, 0, batch, &ends, nil, 0)
        #expect(status == 0 || ends == [-1, -1, -1, -1, -1])
        try check(status)
      },
      Function(description: "outlying_mse_predict") { batch in
        var found = [Int64](repeating: -1, count: 4)
        let loss = try loss.make()
        let status = withExtendedLifetime(loss) {
          topkloss_outlying_mse_predict(loss.handle, batch, 0, &found)
        }
        #expect(status == 0 || found == [-1, -1, -1, -1])
        try check(status)
      },
      Function(description: "logit_adjust") { batch in
        let (counts, adjusted) = (
          Memory.forever([3.0, 2, 1]), Memory.forever([Float](repeating: 0, count: 12))
        )
        var options = topkloss_logit_adjust_options()
        try check(topkloss_logit_adjust_options_init(&options, MemoryLayout.size(ofValue: options)))
        (options.classes, options.class_counts) = (3, UnsafePointer(counts.numbers))
        try check(topkloss_logit_adjust(&options, batch, adjusted.address, 0))
      },
    ]

  @Test(arguments: functions)
  func `of batches`(function: Function) throws {
    let stage = try Stage(Problem(random: 1, rows: 4, classes: 3))
    try function.call(&stage.batch)
    expectFailure(.nullPointer, naming: ["batch"]) { try function.call(nil) }
    let spoils: [(Status, [String], (inout topkloss_batch) -> Void)] = [
      (.nullPointer, ["logits"], { $0.logits = nil }), (.size, ["rows", "-4"], { $0.rows = -4 }),
      (.size, ["classes", "0"], { $0.classes = 0 }),
      (.size, ["\(Int64.max)"], { $0.logits_row_stride = .max }),
      (.enumerator, ["dtype", "9"], { $0.dtype = 9 }),
      (.structSize, ["batch.struct_size"], { $0.struct_size = 5000 }),
    ]
    let wrong = Memory.forever([0, 1, 3, 7] as [Int64])
    let ofLabels: [(Status, [String], (inout topkloss_batch) -> Void)] = [
      (.nullPointer, ["labels"], { $0.labels = nil }),
      (.enumerator, ["label_type", "2"], { $0.label_type = 2 }),
      (.label, ["labels[2]", "3"], { $0.labels = UnsafeRawPointer(wrong.address) }),
    ]
    for (status, words, spoil) in spoils + (function.usesLabels ? ofLabels : []) {
      var batch = stage.batch
      spoil(&batch)
      expectFailure(status, naming: words) { try function.call(&batch) }
    }
  }

  @Test func `of pointers and numbers`() throws {
    let stage = try Stage(Problem(random: 1, rows: 4, classes: 3))
    var threshold = topkloss_threshold(value: 1)
    var nothing = topkloss_threshold(value: .nan)
    var ends = [Int64](repeating: -1, count: 5)
    let held = UnsafeMutablePointer<topkloss_batch>.allocate(capacity: 1)
    defer { held.deallocate() }
    held.initialize(to: stage.batch)
    let batch = UnsafePointer(held)
    let loss = try Self.loss.make()
    var (average, shots) = (topkloss_average_k_accuracy_options(), topkloss_shot_accuracy_options())
    _ = topkloss_average_k_accuracy_options_init(&average, MemoryLayout.size(ofValue: average))
    _ = topkloss_shot_accuracy_options_init(&shots, MemoryLayout.size(ofValue: shots))
    let counts = Memory.forever([3.0, 2, 1])
    average.k = 1
    (shots.classes, shots.class_counts) = (3, UnsafePointer(counts.numbers))
    var adjust = topkloss_logit_adjust_options()
    _ = topkloss_logit_adjust_options_init(&adjust, MemoryLayout.size(ofValue: adjust))
    (adjust.classes, adjust.class_counts) = (3, UnsafePointer(counts.numbers))
    var (one, three) = (0.0, [0.0, 0, 0])
    func refuse(_ status: Status, _ words: String..., call: () -> topkloss_status) {
      expectFailure(status, naming: words) { try check(call()) }
    }
    refuse(.nullPointer, "threshold") { topkloss_predict_sets(nil, 0, batch, &ends, nil, 0) }
    refuse(.option, "value", "nan") { topkloss_predict_sets(&nothing, 0, batch, &ends, nil, 0) }
    refuse(.nullPointer, "indptr") { topkloss_predict_sets(&threshold, 0, batch, nil, nil, 0) }
    var room: [Int64] = [-1]
    refuse(.size, "capacity", "-1") {
      topkloss_predict_sets(&threshold, 0, batch, &ends, &room, -1)
    }
    refuse(.nullPointer, "threshold") { topkloss_average_k_threshold(1, batch, nil) }
    for (k, text) in [(0.0, "0"), (-1, "-1"), (.nan, "nan"), (3, "3"), (.infinity, "inf")] {
      refuse(.option, "k", text) { topkloss_average_k_threshold(k, batch, &threshold) }
    }
    refuse(.nullPointer, "accuracy") { topkloss_topk_accuracy(nil, batch, nil) }
    refuse(.nullPointer, "accuracy") { topkloss_average_k_accuracy(&average, batch, nil) }
    refuse(.nullPointer, "options") { topkloss_average_k_accuracy(nil, batch, &one) }
    refuse(.nullPointer, "accuracies") { topkloss_shot_accuracy(&shots, batch, nil) }
    refuse(.nullPointer, "options") { topkloss_shot_accuracy(nil, batch, &three) }
    refuse(.nullPointer, "options") { topkloss_logit_adjust(nil, batch, stage.gradient.address, 0) }
    refuse(.nullPointer, "adjusted") { topkloss_logit_adjust(&adjust, batch, nil, 0) }
    refuse(.aliasing, "adjusted", "logits") {
      topkloss_logit_adjust(&adjust, batch, stage.logits.address(0, 1), 0)
    }
    refuse(.nullPointer, "loss") { topkloss_outlying_mse_teacher(nil, 3, &three) }
    refuse(.nullPointer, "teacher") { topkloss_outlying_mse_teacher(loss.handle, 3, nil) }
    refuse(.nullPointer, "predictions") {
      topkloss_outlying_mse_predict(loss.handle, batch, 0, nil)
    }
    refuse(.nullPointer, "noise") { topkloss_standard_normal(0, 0, 0, 2, 5, 3, nil) }
    #expect(stage.gradient.isUntouched && withExtendedLifetime(counts) { true })
  }

  @Test func `of noise that does not fit`() {
    let noise = Matrix(type: .float32, rows: 1, columns: 8)
    let address = noise.address.assumingMemoryBound(to: Float.self)
    let sizes: [([String], first: Int64, rows: Int64, samples: Int64, classes: Int64)] = [
      (["first_row", "-1"], -1, 1, 1, 1), (["rows", "-1"], 0, -1, 1, 1),
      (["n_samples", "0"], 0, 1, 0, 1), (["n_samples", "1000001"], 0, 1, 1_000_001, 1),
      (["classes", "0"], 0, 1, 1, 0), (["classes", "-8"], 0, 1, 1, -8),
      (["\(Int64.max)"], 0, 3, 1, .max), (["\(Int64.max)"], 0, .max, 2, 2),
    ]
    for (words, first, rows, samples, classes) in sizes {
      expectFailure(.size, naming: words) {
        try check(topkloss_standard_normal(0, 0, first, rows, samples, classes, address))
      }
    }
    #expect(noise.isUntouched)
  }
}
