import CKernels
import CSystem
import CTopKLoss

// How an average-K selection is found. Scores are neither sorted nor copied. Each has an order key, a whole number of as
// many bits, and the key of the last score that is kept is found digit by digit: count how many keys have each value of
// the first 11 bits, take the value at which the wanted number is reached, count the next 11 bits of the keys that begin
// with it, and so on. A last pass counts how many scores equal the one found, and finds the highest below it. Every pass
// runs over the rows in parallel, and what it yields are whole numbers and a maximum, so that the result does not depend
// on who counted what.

struct AverageKSearch {
  private typealias Place = AverageKSelection.Place

  private let rows: ScoreRows
  private let workspace: Workspace
  /// What the present pass looks for.
  private var digit = KeyDigit(mask: 0, pattern: 0, shift: 0, bits: 0)
  private var score = 0.0

  /// - Parameter workspace: has `DigitPass.tableBytes` for every piece.
  init(rows: ScoreRows, workspace: Workspace) {
    self.rows = rows
    self.workspace = workspace
  }

  mutating func select(_ wanted: Int) throws(Failure) -> AverageKSelection {
    guard let (key, wantedTies) = try findKey(wanted) else { return .from(-.infinity) }
    score = rows.batch.kernels.score_of_key(key)
    let ties = try countTies()
    let isCut = wantedTies < ties.count
    return AverageKSelection(
      score: score, next: isCut ? score : ties.below, ties: wantedTies,
      end: isCut ? place(ofTie: wantedTies) : .none)
  }

  /// The key of the last score that is kept, and how many scores with it are; nil if there are not more scores than
  /// are wanted.
  private mutating func findKey(_ wanted: Int) throws(Failure) -> (key: UInt64, ties: Int)? {
    var wanted = Int64(wanted)
    var bits = rows.batch.element.arithmeticByteCount &* 8
    digit = KeyDigit(mask: 0, pattern: 0, shift: 0, bits: 0)
    while bits > 0 {
      digit.bits = UInt32(truncatingIfNeeded: min(bits, DigitPass.digitBits))
      bits &-= Int(digit.bits)
      digit.shift = UInt32(truncatingIfNeeded: bits)
      let counts = try countDigits()
      if digit.mask == 0 && total(counts) <= wanted { return nil }
      var value = digit.values &- 1
      while value > 0 && counts[value] < wanted {
        wanted &-= counts[value]
        value &-= 1
      }
      digit.pattern |= UInt64(value) &<< UInt64(digit.shift)
      digit.mask |= ((1 &<< UInt64(digit.bits)) &- 1) &<< UInt64(digit.shift)
    }
    return (digit.pattern, Int(wanted))
  }

  private func total(_ counts: UnsafeMutablePointer<Int64>) -> Int64 {
    var total: Int64 = 0
    for value in 0..<digit.values { total &+= counts[value] }
    return total
  }

  /// How many scores of interest have each value of the digit: in the first piece's table, the others' added to it.
  private func countDigits() throws(Failure) -> UnsafeMutablePointer<Int64> {
    try workspace.run(DigitPass(rows: rows, digit: digit))
    let total = DigitPass.counts(workspace.piece(0))
    for piece in 1..<max(1, workspace.pieces) {
      digit.add(DigitPass.counts(workspace.piece(piece)), to: total)
    }
    return total
  }

  /// How many scores equal the one found, and the highest below it.
  private func countTies() throws(Failure) -> Ties {
    try workspace.run(TiePass(rows: rows, score: score))
    var total = Ties(count: 0, below: -.infinity)
    for piece in 0..<workspace.pieces {
      let ties = TiePass.found(workspace.piece(piece))
      total = Ties(count: total.count &+ ties.count, below: max(total.below, ties.below))
    }
    return total
  }

  /// Where the tie of that number is, counted from 0. The pieces know how many ties each has; the rows of the one that
  /// has it are counted once more.
  private func place(ofTie wanted: Int) -> Place {
    var left = wanted
    var number = 0
    while number &+ 1 < workspace.pieces {
      let count = TiePass.found(workspace.piece(number)).count
      if count > left { break }
      left &-= count
      number &+= 1
    }
    let piece = workspace.piece(number)
    for row in piece.rows where rows.includes(row) {
      let scores = rows.scores(row, in: piece)
      let count = ties(scores, 0, rows.batch.classes)
      if left < count { return Place(row: row, classIndex: classIndex(ofTie: left, scores)) }
      left &-= count
    }
    return .none
  }

  /// The class of the tie of that number in a row, by halving: each step counts half of what the one before did.
  private func classIndex(ofTie wanted: Int, _ scores: ScoreRow) -> Int {
    var (left, start, end) = (wanted, 0, rows.batch.classes)
    while end &- start > 1 {
      let middle = start &+ (end &- start) / 2
      let count = ties(scores, start, middle)
      if left < count {
        end = middle
      } else {
        left &-= count
        start = middle
      }
    }
    return start
  }

  /// How many of a row's classes from `start` to `end` − 1 are ties.
  private func ties(_ scores: ScoreRow, _ start: Int, _ end: Int) -> Int {
    var part = scores
    part.logits += start &* rows.batch.element.arithmeticByteCount
    part.classes = Int64(end &- start)
    var below = 0.0
    return Int(rows.batch.kernels.count_ties(&part, score, &below))
  }
}

extension KeyDigit {
  /// How many values it may have.
  fileprivate var values: Int { 1 &<< Int(bits) }

  fileprivate func add(
    _ counts: UnsafeMutablePointer<Int64>, to total: UnsafeMutablePointer<Int64>
  ) {
    for value in 0..<values { total[value] &+= counts[value] }
  }
}

/// Counts how many scores of interest have each value of a digit.
struct DigitPass: RowPass {
  static var task: topkloss_task { { DigitPass.run($0, $1) } }

  static let digitBits = 11
  /// The kernel counts in two tables.
  static let tableBytes = (2 << digitBits) * MemoryLayout<Int64>.stride

  let rows: ScoreRows
  let digit: KeyDigit

  static func counts(_ piece: Piece) -> UnsafeMutablePointer<Int64> {
    piece.scratch.assumingMemoryBound(to: Int64.self)
  }

  func work(on piece: Piece) {
    let counts = Self.counts(piece)
    memset(counts, 0, Self.tableBytes)
    for row in piece.rows where rows.includes(row) {
      var scores = rows.scores(row, in: piece)
      rows.batch.kernels.count_digits(&scores, digit, counts)
    }
    digit.add(counts + digit.values, to: counts)
  }
}

/// How many scores equal one, and the highest below it.
private struct Ties {
  var count: Int
  var below: Double
}

/// Counts ties.
private struct TiePass: RowPass {
  static var task: topkloss_task { { TiePass.run($0, $1) } }

  let rows: ScoreRows
  let score: Double

  static func found(_ piece: Piece) -> Ties { piece.found.load(as: Ties.self) }

  func work(on piece: Piece) {
    var ties = Ties(count: 0, below: -.infinity)
    for row in piece.rows where rows.includes(row) {
      var scores = rows.scores(row, in: piece)
      ties.count &+= Int(rows.batch.kernels.count_ties(&scores, score, &ties.below))
    }
    piece.found.storeBytes(of: ties, as: Ties.self)
  }
}
