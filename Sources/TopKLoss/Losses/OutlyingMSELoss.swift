import CDevice
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
    try checkNotNegative(power, "options.power")
    switch Int(teacher_rule) {
    case TOPKLOSS_RANK_TEACHER:
      return OutlyingMSELoss(try counts().rankTeacher(alpha: alpha), common: common)
    case TOPKLOSS_POWER_TEACHER:
      return OutlyingMSELoss(try counts().powerTeacher(alpha: alpha, power), common: common)
    default:
      throw Failure(
        TOPKLOSS_ERROR_ENUMERATOR,
        "options.teacher_rule is \(teacher_rule): it must be TOPKLOSS_RANK_TEACHER or "
          + "TOPKLOSS_POWER_TEACHER")
    }
  }
}

final class OutlyingMSELoss: Loss {
  /// t of each class.
  let teacher: ClassNumbers

  init(_ teacher: ClassNumbers, common: CommonOptions) {
    self.teacher = teacher
    super.init(common: common, classes: teacher.count)
  }

  override func describe(_ call: inout TopkDeviceCall) {
    call.family = Int64(TOPK_DEVICE_OUTLYING_MSE)
    call.teacher = teacher.ofFloat64
  }

  override func needs(_ batch: Batch) throws(Failure) -> RowNeeds {
    RowNeeds(nanosecondsPerRow: 20 + 0.3 * Double(batch.classes))
  }

  override func evaluate(_ row: Row, in piece: Piece, of call: Call) -> Double {
    var kernelRow = OutlyingMSERow(
      logits: row.logits, gradient: row.gradient, classes: Int64(call.head.batch.classes),
      label: Int64(row.label), teacher: teacher[row.label], gradient_scale: row.gradientScale)
    return call.head.batch.kernels.outlying_mse(&kernelRow)
  }
}

extension ClassCounts {
  /// t_c = α r_c, with r_c the rank of class c by decreasing count, from 1; of equal counts the lower index first.
  func rankTeacher(alpha: Double) throws(Failure) -> ClassNumbers {
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

  /// t_c = α (n_max / n_c)^power.
  func powerTeacher(alpha: Double, _ power: Double) throws(Failure) -> ClassNumbers {
    let rarest = alpha * pow(largest / smallest, power)
    try OptionRange.ofAnySign.check(rarest, "the rarest class's teacher under options.power")
    return try ClassNumbers(count: count) { alpha * pow(largest / self[$0], power) }
  }
}
