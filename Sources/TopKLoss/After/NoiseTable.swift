import CKernels
import CTopKLoss

/// Writes the noise that noised top-K draws for itself: rows × samples × classes, contiguous.
func standardNormal(
  seed: UInt64, step: UInt64, firstRow: Int64, rows: Int64, samples: Int64, classes: Int64,
  into noise: UnsafeMutablePointer<Float>?
) throws(Failure) {
  let rows = try checkedSize(rows, "rows", atLeast: 0)
  try SmoothedOrderStatistic.checkFirstRow(firstRow, "first_row", rows: rows)
  let classes = try checkedSize(classes, "classes", atLeast: 1)
  guard samples >= 1 && samples <= SmoothedOrderStatistic.mostSamples else {
    throw Failure(
      TOPKLOSS_ERROR_SIZE,
      "n_samples is \(samples): it must be 1 to \(SmoothedOrderStatistic.mostSamples)")
  }
  let samplesPerRow = Int(truncatingIfNeeded: samples)
  let (draws, overflows) = rows.multipliedReportingOverflow(by: samplesPerRow)
  _ = try MatrixLayout(
    "noise", rows: overflows ? Int.max : draws, columns: classes, Strides(), elementBytes: 4,
    mayOverlap: false)
  if draws == 0 { return }
  let noise = try required(noise, "noise")
  for draw in 0..<draws {
    KernelsInUse.table.standard_normal(
      seed, step, UInt64(bitPattern: firstRow) &+ UInt64(draw / samplesPerRow),
      Int64(draw % samplesPerRow), Int64(classes), noise + draw &* classes)
  }
}
