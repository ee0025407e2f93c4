import CTopKLoss
import CXLA

/// What a frame asks for, checked.
struct Call {
  let shape: Shape
  let classes: Int
  let dtype: topkloss_dtype
  /// What multiplies the gradients.
  let scale: Double
  let logits: Slices
  let multiLabelLogits, softLabels, labels, noise, step, threshold, upstream: Slices?
  let values, newThreshold, gradient, multiLabelGradient: Slices?
  /// Whether all slices are one batch: their rows neither need each other nor have steps of their own.
  let isOneBatch: Bool

  /// - Parameter samples: how many the loss reads of each row's noise.
  init(
    _ frame: xla_call_frame, _ api: Interface, _ attributes: Attributes, samples: Int
  ) throws(Fault) {
    var operands = try Buffers(api, frame.arguments, try attributes.text(Name("operands")))
    var results = try Buffers(api, frame.results, try attributes.text(Name("results")))
    guard let scores = try operands.take("logits"), scores.rank > 0 else {
      throw Fault(api, "topkloss: the call has no operand %.*s with classes", Name("logits"))
    }
    let (valueBuffer, gradientBuffer) = (try results.take("values"), try results.take("gradient"))
    guard let first = valueBuffer ?? gradientBuffer else {
      throw Fault(
        api, "topkloss: the call has none of the results %.*s", Name("values and gradient"))
    }
    let classes = Int(scores.dims[Int(scores.rank) - 1])
    let shape = try Shape(
      api, first, ownCount: valueBuffer == nil ? 1 : 0,
      rowAxes: try attributes.required("row_axes"))
    let type = Int(scores.dtype)
    let (single, double) = (Int(XLA_F32), Int(XLA_F64))
    dtype = try Self.dtype(api, type)

    func matrix(_ name: StaticString, _ buffer: xla_buffer?) throws(Fault) -> Slices? {
      guard let buffer else { return nil }
      return try Slices(
        api, name, buffer, shape, hasRows: true, own: (classes, 0), ownCount: 1, types: (type, type)
      )
    }
    func vector(
      _ name: StaticString, _ buffer: xla_buffer?, hasRows: Bool = true, _ one: Int, _ other: Int
    ) throws(Fault) -> Slices? {
      guard let buffer else { return nil }
      return try Slices(
        api, name, buffer, shape, hasRows: hasRows, ownCount: 0, types: (one, other))
    }
    logits = try Slices(
      api, "logits", scores, shape, hasRows: true, own: (classes, 0), ownCount: 1,
      types: (type, type))
    multiLabelLogits = try matrix("multi_label_logits", try operands.take("multi_label_logits"))
    softLabels = try matrix("soft_labels", try operands.take("soft_labels"))
    labels = try vector("labels", try operands.take("labels"), Int(XLA_S32), Int(XLA_S64))
    noise = try Self.noise(
      api, &operands, shape, classes, type == double ? double : single, attributes, samples)
    step = try Self.step(api, &operands, shape)
    threshold = try vector(
      "threshold", try operands.take("threshold"), hasRows: false, single, double)
    upstream = try vector("upstream", try operands.take("upstream"), single, double)
    try operands.checkAllTaken()

    values = try vector("values", valueBuffer, type, type)
    newThreshold = try vector(
      "threshold", try results.take("threshold"), hasRows: false, single, double)
    gradient = try matrix("gradient", gradientBuffer)
    multiLabelGradient = try matrix(
      "multi_label_gradient", try results.take("multi_label_gradient"))
    try results.checkAllTaken()
    let areWhole =
      (newThreshold?.isWhole ?? true) && (gradient?.isWhole ?? true)
      && (multiLabelGradient?.isWhole ?? true)
    guard areWhole, newThreshold == nil || newThreshold?.dtype == threshold?.dtype else {
      throw Fault(
        api, "topkloss: the results of the call are no %.*s", Name("match for each other"))
    }

    scale = try attributes.number(Name("gradient_scale")) ?? 1
    var hasOneStep = true
    if let step { for axis in 0..<shape.mapped where step.length(axis) != 1 { hasOneStep = false } }
    isOneBatch = try attributes.required("rows_are_compared") == 0 && hasOneStep && threshold == nil
    (self.shape, self.classes) = (shape, classes)
  }

  private static func dtype(_ api: Interface, _ type: Int) throws(Fault) -> topkloss_dtype {
    switch type {
    case Int(XLA_F32): return topkloss_dtype(TOPKLOSS_FLOAT32)
    case Int(XLA_F64): return topkloss_dtype(TOPKLOSS_FLOAT64)
    case Int(XLA_F16): return topkloss_dtype(TOPKLOSS_FLOAT16)
    case Int(XLA_BF16): return topkloss_dtype(TOPKLOSS_BFLOAT16)
    default:
      throw Fault(api, "topkloss: %.*s has elements of type %lld, of XLA's", Name("logits"), type)
    }
  }

  /// The library reads as much of it as the loss has samples.
  private static func noise(
    _ api: Interface, _ operands: inout Buffers, _ shape: Shape, _ classes: Int, _ type: Int,
    _ attributes: Attributes, _ samples: Int
  ) throws(Fault) -> Slices? {
    guard let buffer = try operands.take("noise") else { return nil }
    // What the options leave to a default is not known here.
    guard samples > 0 else { throw attributes.missing(Name("n_samples")) }
    return try Slices(
      api, "noise", buffer, shape, hasRows: true,
      own: (samples, classes), ownCount: 2, types: (type, type))
  }

  private static func step(
    _ api: Interface, _ operands: inout Buffers, _ shape: Shape
  ) throws(Fault) -> Slices? {
    guard let buffer = try operands.take("step") else { return nil }
    let type = Int(XLA_U32)
    return try Slices(
      api, "step", buffer, shape, hasRows: false, own: (2, 0), ownCount: 1, types: (type, type))
  }
}
