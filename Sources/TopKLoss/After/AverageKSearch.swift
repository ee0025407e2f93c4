import CKernels
import CSystem
import CTopKLoss

// How an average-K selection is found. Scores are neither sorted nor copied. Each has an order key, a whole number of as
// many bits, and the key of the last score that is kept is found digit by digit: count how many keys have each value of
// the first 11 bits, take the value at which the wanted number is reached, count the next 11 bits of the keys that begin
// with it, and so on. A last pass counts how many scores equal the one found, and finds the highest below it. Every pass
// runs over the rows in parallel, and what it yields are whole numbers and a maximum, so that the result does not depend
// on who counted what.

/// The passes of one selection. It lives on the calling thread's stack while they run.
struct AverageKSearch {
  private static let digitBits = 11
  /// The kernel counts in two tables.
  static let tableBytes = (2 << digitBits) * MemoryLayout<Int64>.stride

  private typealias Place = AverageKSelection.Place

  /// What a piece finds in the last pass.
  private struct Ties {
    var count: Int
    var below: Double
  }

  private let rows: ScoreRows
  private let plan: Executor.Plan
  private let workspace: Workspace
  /// What the present pass looks for.
  private var digit = KeyDigit(mask: 0, pattern: 0, shift: 0, bits: 0)
  private var score = 0.0

  private var digitValues: Int { 1 &<< Int(digit.bits) }

  init(rows: ScoreRows, plan: Executor.Plan, workspace: Workspace) {
    self.rows = rows
    self.plan = plan
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
      digit.bits = UInt32(truncatingIfNeeded: min(bits, Self.digitBits))
      bits &-= Int(digit.bits)
      digit.shift = UInt32(truncatingIfNeeded: bits)
      let counts = try countDigits()
      if digit.mask == 0 && total(counts) <= wanted { return nil }
      var value = digitValues &- 1
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
    for value in 0..<digitValues { total &+= counts[value] }
    return total
  }

  /// How many scores of interest have each value of the digit: in the first piece's scratch, the others' added to it.
  private mutating func countDigits() throws(Failure) -> UnsafeMutablePointer<Int64> {
    try run { AverageKSearch.perform($0, $1) { $0.countDigits(piece: $1) } }
    let total = counts(of: 0)
    for piece in 1..<max(1, workspace.pieces) { add(counts(of: piece), to: total) }
    return total
  }

  private func countDigits(piece: Int) {
    let (counts, widened) = (counts(of: piece), workspace.widened(of: piece))
    memset(counts, 0, Self.tableBytes)
    for row in workspace.rows(of: piece) where rows.includes(row) {
      var scores = rows.scores(row, in: widened)
      rows.batch.kernels.count_digits(&scores, digit, counts)
    }
    add(counts + digitValues, to: counts)
  }

  private func add(
    _ counts: UnsafeMutablePointer<Int64>, to total: UnsafeMutablePointer<Int64>
  ) {
    for value in 0..<digitValues { total[value] &+= counts[value] }
  }

  private func counts(of piece: Int) -> UnsafeMutablePointer<Int64> {
    workspace.scratch(of: piece).assumingMemoryBound(to: Int64.self)
  }

  /// How many scores equal the one found, and the highest below it.
  private mutating func countTies() throws(Failure) -> Ties {
    try run { AverageKSearch.perform($0, $1) { $0.countTies(piece: $1) } }
    var total = Ties(count: 0, below: -.infinity)
    for piece in 0..<workspace.pieces {
      let ties = self.ties(of: piece).pointee
      total = Ties(count: total.count &+ ties.count, below: max(total.below, ties.below))
    }
    return total
  }

  private func countTies(piece: Int) {
    var ties = Ties(count: 0, below: -.infinity)
    let widened = workspace.widened(of: piece)
    for row in workspace.rows(of: piece) where rows.includes(row) {
      var scores = rows.scores(row, in: widened)
      ties.count &+= Int(rows.batch.kernels.count_ties(&scores, score, &ties.below))
    }
    self.ties(of: piece).pointee = ties
  }

  private func ties(of piece: Int) -> UnsafeMutablePointer<Ties> {
    workspace.scratch(of: piece).assumingMemoryBound(to: Ties.self)
  }

  /// Where the tie of that number is, counted from 0. The pieces know how many ties each has; the rows of the one that
  /// has it are counted once more.
  private func place(ofTie wanted: Int) -> Place {
    var left = wanted
    var piece = 0
    while piece &+ 1 < workspace.pieces && ties(of: piece).pointee.count <= left {
      left &-= ties(of: piece).pointee.count
      piece &+= 1
    }
    let widened = workspace.widened(of: piece)
    for row in workspace.rows(of: piece) where rows.includes(row) {
      let scores = rows.scores(row, in: widened)
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

  // MARK: Passes

  /// Runs a task for every piece, with this search as its context.
  private mutating func run(_ task: topkloss_task) throws(Failure) {
    let (plan, workspace) = (plan, workspace)
    try withUnsafeMutablePointer(to: &self) { search throws(Failure) in
      try workspace.run(task, search, plan)
    }
  }

  private static func perform(
    _ context: UnsafeMutableRawPointer?, _ piece: Int64,
    _ body: (borrowing AverageKSearch, Int) -> Void
  ) {
    guard let search = context?.assumingMemoryBound(to: AverageKSearch.self) else { return }
    search.pointee.workspace.perform(piece) { body(search.pointee, $0) }
  }
}
