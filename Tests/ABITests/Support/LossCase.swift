import CTopKLoss

enum Reduction: Int32, CaseIterable, Sendable {
  case mean = 0
  case sum = 1
  case none = 2
}

/// A loss and its options: what the interface is given and what the reference is given.
struct LossCase: Sendable, CustomStringConvertible {
  enum Kind: Sendable {
    case crossEntropy
    case logitAdjusted(tau: Double)
    case ldam(maxMargin: Double, scale: Double)
    case elm(maxMargin: Double, scale: Double, lam: Double)
    case noisedTopK(NoisedTopK)
  }

  struct NoisedTopK: Sendable {
    var k = 1
    var samples = 5
    var seed: UInt64 = 0
    var epsilon = 1.0
    var margin = 1.0
    var scale = 1.0
    var maxMargin = 0.5
  }

  var kind: Kind
  var classes: Int
  var counts: [Double]?
  var countSmoothing = 0.0
  var classWeight: [Double]?
  var labelSmoothing = 0.0
  var reduction = Reduction.mean
  var ignoreIndex: Int64 = -100
  var checksFinite = false

  var description: String {
    var words = ["\(kind)", "C=\(classes)", "\(reduction)"]
    if classWeight != nil { words.append("weighted") }
    if labelSmoothing != 0 { words.append("smoothing \(labelSmoothing)") }
    if countSmoothing != 0 { words.append("counts + \(countSmoothing)") }
    return words.joined(separator: ", ")
  }

  /// What the logits are multiplied by, at least 1.
  var scale: Double {
    switch kind {
    case .crossEntropy, .logitAdjusted: 1
    case .ldam(_, let scale), .elm(_, let scale, _): max(1, scale)
    case .noisedTopK(let options): max(1, options.scale)
    }
  }

  /// Creates the handle through the interface.
  func make() throws -> Loss {
    try withPointer(counts) { counts in
      try withPointer(classWeight) { try make(counts: counts, weight: $0) }
    }
  }

  private func make(
    counts: UnsafePointer<Double>?, weight: UnsafePointer<Double>?
  ) throws -> Loss {
    switch kind {
    case .crossEntropy: try makeCrossEntropy(weight)
    case .logitAdjusted(let tau): try makeLogitAdjusted(counts, weight, tau)
    case .ldam(let maxMargin, let scale): try makeLDAM(counts, weight, maxMargin, scale)
    case .elm(let maxMargin, let scale, let lam):
      try makeELM(counts, weight, maxMargin, scale, lam)
    case .noisedTopK(let options): try makeNoisedTopK(counts, options)
    }
  }

  private func makeCrossEntropy(_ weight: UnsafePointer<Double>?) throws -> Loss {
    var options = topkloss_cross_entropy_options()
    try check(topkloss_cross_entropy_options_init(&options, MemoryLayout.size(ofValue: options)))
    options.reduction = reduction.rawValue
    options.check_finite = checksFinite ? 1 : 0
    options.ignore_index = ignoreIndex
    options.classes = weight == nil ? 0 : Int64(classes)
    options.class_weight = weight
    options.label_smoothing = labelSmoothing
    return try Loss { topkloss_cross_entropy_create(&options, $0) }
  }

  private func makeLogitAdjusted(
    _ counts: UnsafePointer<Double>?, _ weight: UnsafePointer<Double>?, _ tau: Double
  ) throws -> Loss {
    var options = topkloss_logit_adjusted_options()
    try check(topkloss_logit_adjusted_options_init(&options, MemoryLayout.size(ofValue: options)))
    options.reduction = reduction.rawValue
    options.check_finite = checksFinite ? 1 : 0
    options.ignore_index = ignoreIndex
    options.classes = Int64(classes)
    options.class_counts = counts
    options.count_smoothing = countSmoothing
    options.class_weight = weight
    options.label_smoothing = labelSmoothing
    options.tau = tau
    return try Loss { topkloss_logit_adjusted_create(&options, $0) }
  }

  private func makeLDAM(
    _ counts: UnsafePointer<Double>?, _ weight: UnsafePointer<Double>?, _ maxMargin: Double,
    _ scale: Double
  ) throws -> Loss {
    var options = topkloss_ldam_options()
    try check(topkloss_ldam_options_init(&options, MemoryLayout.size(ofValue: options)))
    options.reduction = reduction.rawValue
    options.check_finite = checksFinite ? 1 : 0
    options.ignore_index = ignoreIndex
    options.classes = Int64(classes)
    options.class_counts = counts
    options.count_smoothing = countSmoothing
    options.class_weight = weight
    options.label_smoothing = labelSmoothing
    options.max_margin = maxMargin
    options.scale = scale
    return try Loss { topkloss_ldam_create(&options, $0) }
  }

  private func makeELM(
    _ counts: UnsafePointer<Double>?, _ weight: UnsafePointer<Double>?, _ maxMargin: Double,
    _ scale: Double, _ lam: Double
  ) throws -> Loss {
    var options = topkloss_elm_options()
    try check(topkloss_elm_options_init(&options, MemoryLayout.size(ofValue: options)))
    options.reduction = reduction.rawValue
    options.check_finite = checksFinite ? 1 : 0
    options.ignore_index = ignoreIndex
    options.classes = Int64(classes)
    options.class_counts = counts
    options.count_smoothing = countSmoothing
    options.class_weight = weight
    options.label_smoothing = labelSmoothing
    options.max_margin = maxMargin
    options.scale = scale
    options.lam = lam
    return try Loss { topkloss_elm_create(&options, $0) }
  }

  private func makeNoisedTopK(
    _ counts: UnsafePointer<Double>?, _ choice: NoisedTopK
  ) throws -> Loss {
    var options = topkloss_noised_topk_options()
    try check(topkloss_noised_topk_options_init(&options, MemoryLayout.size(ofValue: options)))
    options.reduction = reduction.rawValue
    options.check_finite = checksFinite ? 1 : 0
    options.ignore_index = ignoreIndex
    options.k = Int64(choice.k)
    options.n_samples = Int64(choice.samples)
    options.seed = choice.seed
    options.epsilon = choice.epsilon
    options.margin = choice.margin
    options.scale = choice.scale
    options.classes = counts == nil ? 0 : Int64(classes)
    options.class_counts = counts
    options.count_smoothing = countSmoothing
    options.max_margin = choice.maxMargin
    return try Loss { topkloss_noised_topk_create(&options, $0) }
  }
}
