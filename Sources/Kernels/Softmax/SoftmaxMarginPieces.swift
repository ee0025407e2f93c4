import CKernels
import CSystem

// Long rows of the softmax-margin family, in pieces that the first-level cache holds with their gradients.
//
// The exponentials of a piece are taken below the highest score so far, in the sweep that follows the one which finds the
// piece's peak: a logit comes from memory once. The sum and the gradient then multiply every piece by e^{s(what was the
// highest then − the row's peak)}, as the online softmax does (Milakov & Gimelshein, 2018).

/// Elements of a piece, unless there would be more than `SOFTMAX_MARGIN_PIECES` of them.
private let elementsOfPiece = 2048

extension SoftmaxMarginRow {
  /// Whether it is worked on in pieces. Smoothing, and a strongest rival's margin, need sweeps of their own.
  @inline(__always)
  var isLong: Bool {
    let family = family.pointee
    return family.classes > 2 &* Int64(elementsOfPiece) && family.pieces != nil
      && !hasShares && (family.margin == nil || family.lambda == 0)
  }
}

/// The pieces of a row: where they begin, and of each the highest score until its end (or, where that is coarse, of its
/// rivals alone, with the rest) and the sum of its rivals' exponentials below that.
private struct Pieces {
  let classes: Int
  let length: Int
  private(set) var highest = -Double.infinity
  private(set) var areCoarse = false
  private let numbers: UnsafeMutablePointer<Double>

  @inline(__always)
  init(_ numbers: UnsafeMutablePointer<Double>, classes: Int) {
    self.classes = classes
    self.numbers = numbers
    let most = Int(SOFTMAX_MARGIN_PIECES)
    let least = (classes &+ most &- 1) / most
    length = (max(least, elementsOfPiece) &+ 511) / 512 &* 512
  }

  @inline(__always)
  var count: Int { (classes &+ length &- 1) / length }

  @inline(__always)
  func range(_ piece: Int) -> (start: Int, end: Int) {
    (piece &* length, min((piece &+ 1) &* length, classes))
  }

  @inline(__always)
  var peaks: UnsafeMutablePointer<Double> { numbers }

  @inline(__always)
  var sums: UnsafeMutablePointer<Double> { numbers + Int(SOFTMAX_MARGIN_PIECES) }

  @inline(__always)
  mutating func setPeak(_ piece: Int, _ peak: Double, rest: Double?) {
    peaks[piece] = peak + (rest ?? 0)
    if peaks[piece] > highest { highest = peaks[piece] }
    if rest != nil { areCoarse = true }
  }
}

@inline(never)
func softmaxMarginInPieces<T: SoftmaxMarginTransform, V: Lanes>(
  _ row: MutableRow, _: T.Type, _: V.Type
) {
  let family = row.pointee.family.pointee
  guard let numbers = family.pieces else { return }
  var pieces = Pieces(numbers, classes: Int(truncatingIfNeeded: family.classes))
  let label = Int(truncatingIfNeeded: row.pointee.label)
  row.pointee.prefetchOwn(elementsAhead: pieces.length)
  // Before anything is written over it.
  row.pointee.widen(label, label &+ 1)
  let margin = family.margin.map { $0[label] } ?? 0
  let score = ClassScore<V>(ClassScores(row), label)
  row.pointee.progress.label_is_masked =
    V.loadScalar(row.pointee.logits, label) == -.infinity ? 1 : 0

  var highest = score.score - margin
  var piece = 0
  while piece < pieces.count {
    exponentiate(piece, of: &pieces, row, &highest, T.self, V.self)
    piece &+= 1
  }
  var peak = pieces.highest
  let above = pieces.areCoarse ? score.score - peak : score.shifted(peak: peak)
  var shifted = family.scale * (above - margin)
  if shifted > highestAbove { (peak, shifted) = (score.score - margin, 0) }
  row.pointee.progress.peak = peak
  row.pointee.progress.label_shifted = shifted

  var rivals = 0.0
  piece = 0
  while piece < pieces.count {
    let factor = exp(family.scale * (pieces.peaks[piece] - peak))
    rivals += pieces.sums[piece] * factor
    pieces.peaks[piece] = factor
    piece &+= 1
  }
  if peak == -.infinity {
    row.pointee.loss = maskedRow(row, hasNaN: pieces.hasNaN, V.self)
    return
  }
  row.pointee.progress.label_exponential = exp(row.pointee.progress.label_shifted)
  row.pointee.progress.rivals = rivals
  weigh(row, T.self, V.self)

  row.pointee.loss = row.pointee.value
  guard let gradient = row.pointee.gradient else { return }
  piece = 0
  while piece < pieces.count {
    let (start, end) = pieces.range(piece)
    scaleExponentials(
      row, start, end, in: gradient, by: row.pointee.progress.weight * pieces.peaks[piece], T.self,
      V.self)
    if label >= start && label < end {
      V.storeScalar(V.Scalar(row.pointee.progress.label_gradient), gradient, label)
    }
    row.pointee.narrow(start, end)
    piece &+= 1
  }
}

extension Pieces {
  @inline(__always)
  fileprivate var hasNaN: Bool {
    var piece = 0
    while piece < count {
      if sums[piece].isNaN { return true }
      piece &+= 1
    }
    return false
  }
}

extension SoftmaxMarginRow {
  /// Has the next piece brought into the cache: the next row would have left it again before its turn.
  @inline(__always)
  fileprivate mutating func prefetchOwn(elementsAhead: Int) {
    let ahead = elementsAhead &* Int(truncatingIfNeeded: family.pointee.next_bytes)
    next_logits = (stored_logits ?? UnsafeRawPointer(logits)) + ahead
    next_gradient = (stored_gradient ?? gradient).map { UnsafeRawPointer($0) + ahead }
  }
}

/// A piece's exponentials below the highest score so far, which it may raise: into the gradient if it is wanted, and
/// their sum. Where all is masked, the sum is 0; a NaN among masked classes is kept in it.
@inline(__always)
private func exponentiate<T: SoftmaxMarginTransform, V: Lanes>(
  _ piece: Int, of pieces: inout Pieces, _ row: MutableRow, _ highest: inout Double, _: T.Type,
  _: V.Type
) {
  let pointer = SoftmaxMarginPointer(row)
  let (start, end) = pieces.range(piece)
  row.pointee.widen(start, end)
  let own = Double(rivalPeak(pointer, start, end, T.self, V.self))
  if own > highest { highest = own }
  let peak = V.Scalar(highest)
  let rest =
    row.pointee.family.pointee.isCoarse(Double(peak), V.self)
    ? Double(largestShifted(pointer, start, end, peak: peak, V.self)) : nil
  row.pointee.progress.rest = rest ?? 0
  pieces.setPeak(piece, Double(peak), rest: rest)
  if pieces.peaks[piece] == -.infinity {
    let bytes = start &* V.scalarBytes
    let hasNaN = firstNotFinite(row.pointee.logits + bytes, end &- start, V.self) >= 0
    pieces.sums[piece] = hasNaN ? .nan : 0
    if let gradient = row.pointee.gradient {
      fill(gradient + bytes, with: 0, end &- start, V.self)
    }
  } else {
    pieces.sums[piece] = rivalSum(
      pointer, start, end, peak: peak, keepIn: row.pointee.gradient, T.self, V.self)
  }
}
