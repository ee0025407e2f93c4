import Testing

/// Whether a number is within a few roundings of what it should be.
///
/// - Parameters:
///   - magnitude: what the rounding errors of the arithmetic are relative to.
///   - type: what the number was stored as; nil for the struct's own float64 numbers.
///   - estimatorError: what it may be off by for another reason than rounding.
func agrees(
  _ actual: Double, _ expected: Double, arithmetic: ElementType, magnitude: Double,
  stored type: ElementType? = nil, estimatorError: Double = 0
) -> Bool {
  if expected.isNaN { return actual.isNaN }
  if expected.isInfinite { return actual == expected }
  // Beyond the largest number that can be stored.
  if let type, type.rounded(expected).isInfinite { return actual == type.rounded(expected) }
  let storage = type.map { 1.01 * $0.storageError * abs(expected) + $0.smallestStep } ?? 0
  return abs(actual - expected) <= 16 * arithmetic.arithmeticError * magnitude + storage
    + estimatorError
}

/// Compares what an evaluation left on a stage with what the reference says.
func expectAgreement(
  _ stage: Stage, _ expected: BatchLoss, _ loss: LossCase,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  let (problem, result) = (stage.problem, stage.result)
  let (type, magnitude) = (problem.type, loss.magnitude(problem))
  let estimatorError = loss.estimatorError(problem) * magnitude
  let rowsInValue = loss.reduction == .mean ? 1.0 : Double(max(1, problem.rows))
  #expect(
    agrees(
      result.value, expected.value, arithmetic: type, magnitude: magnitude * rowsInValue,
      estimatorError: estimatorError * rowsInValue),
    "\(loss), \(type): value \(result.value), expected \(expected.value)",
    sourceLocation: sourceLocation)
  #expect(
    agrees(
      result.total_weight, expected.totalWeight, arithmetic: .float64,
      magnitude: magnitude * rowsInValue),
    "total weight \(result.total_weight), expected \(expected.totalWeight)",
    sourceLocation: sourceLocation)
  expectAgreement(
    "\(loss), \(type): row value", stage.rowValues, expected.rowValues, magnitude,
    estimatorError: estimatorError, sourceLocation: sourceLocation)
  let factor = gradientFactor(problem, expected, loss)
  expectAgreement(
    "\(loss), \(type): gradient", stage.gradient, expected.gradient, magnitude * factor,
    estimatorError: loss.isExact ? 1e-5 * factor : 0, sourceLocation: sourceLocation)
  expectSecondHead(stage, expected, loss, magnitude * factor, sourceLocation: sourceLocation)
}

/// What a loss with two heads writes besides, and others leave alone.
private func expectSecondHead(
  _ stage: Stage, _ expected: BatchLoss, _ loss: LossCase, _ magnitude: Double,
  sourceLocation: SourceLocation
) {
  let type = stage.problem.type
  if let gradient = expected.multiLabelGradient {
    expectAgreement(
      "\(loss), \(type): multi-label gradient", stage.multiLabelGradient, gradient, magnitude,
      sourceLocation: sourceLocation)
  } else {
    #expect(stage.multiLabelGradientIsUntouched, sourceLocation: sourceLocation)
  }
  let threshold = expected.threshold ?? stage.problem.threshold
  #expect(
    agrees(stage.result.threshold, threshold, arithmetic: type, magnitude: 1),
    "\(loss), \(type): threshold \(stage.result.threshold), expected \(threshold)",
    sourceLocation: sourceLocation)
}

/// What the scale, the reduction and the upstream factor make of an error in a probability.
private func gradientFactor(_ problem: Problem, _ expected: BatchLoss, _ loss: LossCase) -> Double {
  let factor = loss.scale * (problem.upstream?.map(abs).max() ?? 1)
  guard loss.reduction == .mean, expected.totalWeight != 0 else { return factor }
  return factor / abs(expected.totalWeight)
}

/// Compares all elements and reports the first that is off: one failure says more than thousands.
func expectAgreement(
  _ what: String, _ actual: Matrix, _ expected: [Double], _ magnitude: Double,
  estimatorError: Double = 0, sourceLocation: SourceLocation = #_sourceLocation
) {
  #expect(actual.numbers.count == expected.count, sourceLocation: sourceLocation)
  let firstOff = zip(actual.numbers, expected).enumerated().first { _, pair in
    !agrees(
      pair.0, pair.1, arithmetic: actual.type, magnitude: magnitude, stored: actual.type,
      estimatorError: estimatorError)
  }
  guard let firstOff else { return }
  let (row, column) = firstOff.offset.quotientAndRemainder(dividingBy: actual.columns)
  Issue.record(
    "\(what)[\(row), \(column)] is \(firstOff.element.0), expected \(firstOff.element.1)",
    sourceLocation: sourceLocation)
}

/// Expects a call to fail with a status and a message that names what was wrong.
func expectFailure(
  _ status: Status, naming words: [String], sourceLocation: SourceLocation = #_sourceLocation,
  _ call: () throws -> Void
) {
  do {
    try call()
    Issue.record(
      "succeeded, expected \(status) naming \(words)", sourceLocation: sourceLocation)
  } catch let failure as Failure {
    #expect(
      failure.status == status && failure.names(words),
      "\(failure), expected \(status) naming \(words)", sourceLocation: sourceLocation)
  } catch {
    Issue.record(error, sourceLocation: sourceLocation)
  }
}
