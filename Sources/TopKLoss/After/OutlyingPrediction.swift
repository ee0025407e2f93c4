import CKernels
import CTopKLoss

/// How a trained model's scores become a class.
enum PredictionRule {
  /// argmax_j z_j
  case highest
  /// argmax_j t_j (2 z_j − t_j)
  case nearestTeacher

  init(_ rule: topkloss_prediction_rule) throws(Failure) {
    switch Int(rule) {
    case TOPKLOSS_ARGMAX: self = .highest
    case TOPKLOSS_NEAREST_TEACHER: self = .nearestTeacher
    default:
      throw Failure(
        TOPKLOSS_ERROR_ENUMERATOR,
        "rule is \(rule): it must be TOPKLOSS_ARGMAX or TOPKLOSS_NEAREST_TEACHER")
    }
  }
}

/// Predicts a class for every row.
func predict(
  _ batch: Batch, _ rule: PredictionRule, teacher: ClassNumbers,
  into predictions: UnsafeMutablePointer<Int64>?
) throws(Failure) {
  guard batch.classes == teacher.count else {
    throw Failure(
      TOPKLOSS_ERROR_SIZE,
      "batch.classes is \(batch.classes): the loss was created for \(teacher.count) classes")
  }
  if batch.rows == 0 { return }
  let predictions = UnsafeMutableRawPointer(try required(predictions, "predictions"))
  let workspace = try Workspace(
    batch, PassNeeds(nanosecondsPerRow: 20 + 0.4 * Double(batch.classes)))
  defer { workspace.giveBack() }
  try workspace.run(
    PredictionPass(
      batch: batch, teacher: rule == .nearestTeacher ? teacher.pointer(for: batch.element) : nil,
      predictions: predictions))
}

/// Finds every row's class.
private struct PredictionPass: RowPass {
  static var task: topkloss_task { { PredictionPass.run($0, $1) } }

  let batch: Batch
  let teacher: UnsafeRawPointer?
  let predictions: UnsafeMutableRawPointer

  func work(on piece: Piece) {
    for row in piece.rows {
      let scores = batch.numbers(row, in: piece)
      // A row of NaN alone has equals only.
      let best = max(0, batch.kernels.best_class(scores, teacher, Int64(batch.classes)))
      predictions.storeBytes(of: best, toByteOffset: row &* 8, as: Int64.self)
    }
  }
}
