import CTopKLoss

/// Something wrong with a batch of 4 rows and 3 classes.
struct Wrong: Sendable, CustomStringConvertible {
  typealias Condition = @Sendable (LossCase) -> Bool

  let status: Status
  let words: [String]
  let matters: Condition
  let problem: @Sendable (inout Problem) -> Void
  let stage: @Sendable (Stage) -> Void

  init(
    _ status: Status, _ words: String..., if matters: @escaping Condition = { _ in true },
    problem: @escaping @Sendable (inout Problem) -> Void = { _ in },
    stage: @escaping @Sendable (Stage) -> Void = { _ in }
  ) {
    (self.status, self.words, self.matters) = (status, words, matters)
    (self.problem, self.stage) = (problem, stage)
  }

  var description: String { "\(status) \(words)" }

  static let labels: Condition = { $0.usesLabels }
  static let heads: Condition = { $0.hasTwoHeads }
  static let noise: Condition = { $0.isSampled }

  static let pointers = [
    Wrong(.nullPointer, "logits", stage: { $0.batch.logits = nil }),
    Wrong(.nullPointer, "labels", if: labels, stage: { $0.batch.labels = nil }),
    Wrong(
      .nullPointer, "multi_label_logits", if: heads, stage: { $0.batch.multi_label_logits = nil }),
  ]

  static let enumerators = [-1, 4, 100, .min, .max].flatMap { (number: Int32) in
    [
      Wrong(.enumerator, "dtype", "\(number)", stage: { $0.batch.dtype = number }),
      Wrong(
        .enumerator, "label_type", "\(number)", if: labels, stage: { $0.batch.label_type = number }),
    ]
  }

  // Sizes and strides are checked before anything is read through them, so that no product of the two overflows.
  static let sizes = [
    Wrong(.size, "rows", "-1", "0", stage: { $0.batch.rows = -1 }),
    Wrong(.size, "rows", "\(Int64.min)", stage: { $0.batch.rows = .min }),
    Wrong(.size, "\(Int64.max)", stage: { $0.batch.rows = .max }),
    Wrong(.size, "classes", "0", "1", stage: { $0.batch.classes = 0 }),
    Wrong(.size, "classes", "-3", "1", stage: { $0.batch.classes = -3 }),
    Wrong(.size, "\(Int64.max)", stage: { $0.batch.classes = .max }),
    Wrong(.size, "logits", "\(Int64.max)", stage: { $0.batch.logits_row_stride = .max }),
    Wrong(.size, "logits", "\(Int64.min)", stage: { $0.batch.logits_row_stride = .min }),
    Wrong(.size, "logits", "\(Int64.max / 4)", stage: { $0.batch.logits_row_stride = .max / 4 }),
    // Fewer than 2^64 bytes, and more than 2^63 - 1.
    Wrong(.size, "logits", "\(1 << 60)", stage: { $0.batch.logits_row_stride = 1 << 60 }),
    Wrong(.size, "gradient", "\(Int64.max)", stage: { $0.result.gradient_row_stride = .max }),
    Wrong(.size, "gradient", "\(Int64.min)", stage: { $0.result.gradient_row_stride = .min }),
    Wrong(.size, "gradient_row_stride", "2", "3", stage: { $0.result.gradient_row_stride = 2 }),
    Wrong(.size, "gradient_row_stride", "-2", "3", stage: { $0.result.gradient_row_stride = -2 }),
    Wrong(
      .size, "classes", "4", "3",
      if: { $0.vector("class_counts") != nil || $0.vector("class_weight") != nil },
      stage: { ($0.batch.classes, $0.batch.noise) = (4, nil) }),
  ]

  static let secondHead = [
    Wrong(
      .size, "multi_label_logits", "\(Int64.max)", if: heads,
      stage: { $0.batch.multi_label_row_stride = .max }),
    Wrong(
      .size, "multi_label_logits", "\(Int64.min)", if: heads,
      stage: { $0.batch.multi_label_row_stride = .min }),
    Wrong(
      .size, "multi_label_gradient", "\(Int64.max)", if: heads,
      stage: { $0.result.multi_label_gradient_row_stride = .max }),
    Wrong(
      .size, "multi_label_gradient_row_stride", "-1", "3", if: heads,
      stage: { $0.result.multi_label_gradient_row_stride = -1 }),
  ]

  static let noises = [
    Wrong(.size, "noise", "\(Int64.max)", if: noise, stage: { $0.batch.noise_row_stride = .max }),
    Wrong(.size, "noise", "\(Int64.min)", if: noise, stage: { $0.batch.noise_row_stride = .min }),
    Wrong(
      .size, "noise", "\(Int64.max)", if: noise, stage: { $0.batch.noise_sample_stride = .max }),
    Wrong(
      .size, "noise", "\(Int64.min)", if: noise, stage: { $0.batch.noise_sample_stride = .min }),
    Wrong(
      .size, "first_row", "-1", "0", if: noise,
      stage: { ($0.batch.noise, $0.batch.first_row) = (nil, -1) }),
  ]

  static let numbers = [(Double.nan, "nan"), (.infinity, "inf"), (-.infinity, "-inf")].flatMap {
    (number: Double, text: String) in
    [
      Wrong(.notFinite, "sample_weight[2]", text, problem: { $0.sampleWeight?[2] = number }),
      Wrong(.notFinite, "upstream[0]", text, problem: { $0.upstream?[0] = number }),
    ]
  }

  static let classes = [-1, 3, 4, -99, -101, .max, .min, 1 << 32].flatMap { (label: Int64) in
    [
      Wrong(
        .label, "labels[2]", "\(label)", "3", if: labels,
        // The first bad row is the one that is named.
        problem: { ($0.labels[2], $0.labels[3]) = (label, 7) }),
      Wrong(
        .label, "labels[0]", "\(Int32(truncatingIfNeeded: label | 8))", "3", if: labels,
        problem: { ($0.labels[0], $0.labelsAreNarrow) = (label | 8, true) }),
    ]
  }

  // Output may be the logits themselves, same pointer and same stride, or lie beside them.
  static let overlaps = [
    Wrong(.aliasing, "gradient", "logits", stage: { $0.result.gradient = $0.logits.address(0, 1) }),
    Wrong(.aliasing, "gradient", "logits", stage: { $0.result.gradient = $0.logits.address(1, 0) }),
    Wrong(
      .aliasing, "gradient", "logits", stage: { $0.result.gradient = $0.logits.address(0, -1) }),
    Wrong(.aliasing, "gradient", "logits", stage: { $0.result.gradient = $0.logits.address + 1 }),
    Wrong(
      .aliasing, "gradient", "logits",
      stage: { ($0.result.gradient, $0.result.gradient_row_stride) = ($0.logits.address, 6) }),
    Wrong(
      .aliasing, "gradient", "logits",
      stage: { ($0.result.gradient, $0.result.gradient_row_stride) = ($0.logits.address, -9) }),
    Wrong(.aliasing, "row_values", stage: { $0.result.row_values = $0.logits.address }),
    Wrong(.aliasing, "row_values", stage: { $0.result.row_values = $0.gradient.address(3, 2) }),
    Wrong(
      .aliasing, "gradient", "multi_label_logits", if: heads,
      stage: { $0.result.gradient = $0.multiLabelLogits.address }),
    Wrong(
      .aliasing, "multi_label_gradient", "logits", if: heads,
      stage: { $0.result.multi_label_gradient = $0.logits.address }),
    Wrong(
      .aliasing, "multi_label_gradient", "gradient", if: heads,
      stage: { $0.result.multi_label_gradient = $0.gradient.address(1, 1) }),
    Wrong(
      .aliasing, "multi_label_gradient", "multi_label_logits", if: heads,
      stage: { $0.result.multi_label_gradient = $0.multiLabelLogits.address(0, 1) }),
    Wrong(
      .aliasing, "row_values", if: heads,
      stage: { $0.result.row_values = $0.multiLabelLogits.address }),
    Wrong(
      .aliasing, "row_values", if: heads,
      stage: { $0.result.row_values = $0.multiLabelGradient.address(3, 2) }),
  ]

  /// Every output over every vector of the input.
  static let vectors: [Wrong] = {
    let outputs:
      [(String, Condition, WritableKeyPath<topkloss_result, UnsafeMutableRawPointer?> & Sendable)] =
        [
          ("gradient", { _ in true }, \.gradient), ("row_values", { _ in true }, \.row_values),
          ("multi_label_gradient", heads, \.multi_label_gradient),
        ]
    let inputs: [(String, Condition, @Sendable (Stage) -> UnsafeRawPointer?)] = [
      ("labels", labels, { $0.batch.labels }),
      ("sample_weight", { _ in true }, { $0.batch.sample_weight.map { UnsafeRawPointer($0) } }),
      ("upstream", { _ in true }, { $0.batch.upstream.map { UnsafeRawPointer($0) } }),
      ("noise", noise, { $0.batch.noise }),
    ]
    return outputs.flatMap { output, writes, place in
      inputs.map { input, reads, address in
        Wrong(
          .aliasing, output, input, if: { writes($0) && reads($0) },
          stage: { $0.result[keyPath: place] = address($0).map { .init(mutating: $0) } })
      }
    }
  }()
}
