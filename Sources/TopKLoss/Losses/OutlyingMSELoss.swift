import CKernels
import CSystem
import CTopKLoss

// Mean squared error with outlying label (Kato & Hotta, 2021): ℓ = (1/C) Σ_j (z_j − [j = y] t_y)².

extension topkloss_outlying_mse_options: LossOptions {
  func makeLoss() throws(Failure) -> Loss {
    let common = try common()
    let classes = try checkedSize(classes, "options.classes", atLeast: 1)
    if let given = try ClassNumbers(copying: teacher, classes, "teacher", .ofAnySign) {
      return OutlyingMSELoss(given, common: common)
    }
    try checkPositive(alpha, "options.alpha")
    return OutlyingMSELoss(try counts().outlyingTeachers(alpha: alpha), common: common)
  }
}

final class OutlyingMSELoss: Loss {
  private let teachers: ClassNumbers

  /// - Parameter teachers: t of each class.
  init(_ teachers: ClassNumbers, common: CommonOptions) {
    self.teachers = teachers
    super.init(common: common, classes: teachers.count)
  }

  override var teacher: ClassNumbers? { teachers }

  override func nanosecondsPerRow(_ batch: Batch) -> Double { 20 + 0.3 * Double(batch.classes) }

  override func evaluate(_ row: Row, of batch: Batch) -> Double {
    var kernelRow = OutlyingMSERow(
      logits: row.logits, gradient: row.gradient, classes: Int64(batch.classes),
      label: Int64(row.label), teacher: teachers[row.label], gradient_scale: row.gradientScale)
    return batch.kernels.outlying_mse(&kernelRow)
  }
}

extension ClassCounts {
  /// t_c = α r_c, with r_c the rank of class c by decreasing count, from 1; of equal counts the lower index first.
  func outlyingTeachers(alpha: Double) throws(Failure) -> ClassNumbers {
    struct Ranked {
      let count: Double
      let classIndex: Int
    }
    let ranked = try ClassVector<Ranked>.make(count: count)
    for index in 0..<count { ranked.numbers[index] = Ranked(count: self[index], classIndex: index) }
    qsort(ranked.numbers, count, MemoryLayout<Ranked>.stride) { a, b in
      guard let a = a?.load(as: Ranked.self), let b = b?.load(as: Ranked.self) else { return 0 }
      if a.count != b.count { return a.count > b.count ? -1 : 1 }
      return a.classIndex < b.classIndex ? -1 : 1
    }
    let ranks = try ClassVector<Double>.make(count: count)
    for index in 0..<count { ranks.numbers[ranked.numbers[index].classIndex] = Double(index &+ 1) }
    return try ClassNumbers(count: count) { alpha * ranks.numbers[$0] }
  }
}

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
    rows: 0, pieces: 1, scratchBytes: 0, widenedBytes: batch.widenedBytes)
  defer { workspace.giveBack() }
  let pointer = rule == .nearestTeacher ? teacher.pointer(for: batch.element) : nil
  for row in 0..<batch.rows {
    let scores = batch.numbers(row, in: workspace.widened(of: 0))
    // A row of NaN alone has equals only.
    let best = max(0, batch.kernels.best_class(scores, pointer, Int64(batch.classes)))
    predictions.storeBytes(of: best, toByteOffset: row &* 8, as: Int64.self)
  }
}
