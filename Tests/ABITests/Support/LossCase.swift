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
    case vectorScaling(gamma: Double, tau: Double)
    case marginSoftmax(MarginSoftmax)
    case focal(gamma: Double)
    case noisedTopK(NoisedTopK)
    /// Its k counts from 1; margin, scale and maxMargin mean nothing.
    case noisedTopKOperator(NoisedTopK)
    case topKHinge(k: Int, margin: Double)
    case smoothTopKSVM(k: Int, tau: Double, alpha: Double)
    case outlyingMSE(alpha: Double, teacher: [Double]?)
    case twoHeadAverageK(TwoHead)
    case singlePositive(SinglePositive)
  }

  struct MarginSoftmax: Sendable {
    var offset: [Double]?
    var margin: [Double]?
    var classScale: [Double]?
    var scale = 1.0
    var lam = 0.0
  }

  struct NoisedTopK: Sendable {
    var k = 1
    var samples = 5
    var seed: UInt64 = 0
    var epsilon = 1.0
    var margin = 1.0
    var scale = 1.0
    var maxMargin = 0.5
    var isExact = false
  }

  struct TwoHead: Sendable {
    var k = 2.0
    var candidateWeight = 1.0
    var multiLabelWeight = 1.0
    var isMean = false
    var thresholdDecay = 0.0
  }

  struct SinglePositive: Sendable {
    enum Method: Int32, Sendable {
      case assumeNegative = 0
      case weakAssumeNegative = 1
      case expectedPositive = 2
    }

    var method = Method.assumeNegative
    var expectedPositives = 1.5
    var regularization = 1.0
  }

  var kind: Kind
  var classes: Int
  var counts: [Double]?
  var countSmoothing = 0.0
  var classWeight: [Double]?
  var labelSmoothing = 0.0
  var ignoreIndex: Int64 = -100
  var checksFinite = false
  private var requestedReduction = Reduction.mean

  init(
    kind: Kind, classes: Int, counts: [Double]? = nil, classWeight: [Double]? = nil,
    labelSmoothing: Double = 0, reduction: Reduction = .mean, ignoreIndex: Int64 = -100,
    checksFinite: Bool = false
  ) {
    self.kind = kind
    self.classes = classes
    self.counts = counts
    self.classWeight = classWeight
    self.labelSmoothing = labelSmoothing
    self.ignoreIndex = ignoreIndex
    self.checksFinite = checksFinite
    requestedReduction = reduction
  }

  /// Whatever is asked of it, the operator gives one value a row.
  var reduction: Reduction {
    get { usesLabels ? requestedReduction : .none }
    set { requestedReduction = newValue }
  }

  func with(_ change: (inout LossCase) -> Void) -> LossCase {
    var changed = self
    change(&changed)
    return changed
  }

  var description: String {
    var words = ["\(kind)", "C=\(classes)", "\(reduction)"]
    if classWeight != nil { words.append("weighted") }
    if labelSmoothing != 0 { words.append("smoothing \(labelSmoothing)") }
    if countSmoothing != 0 { words.append("counts + \(countSmoothing)") }
    return words.joined(separator: ", ")
  }
}
