import CTopKLoss
import Foundation

/// Which run of the tests this is: `make test-swift` makes one for each instruction set, by TOPKLOSS_SIMD.
enum InstructionSet {
  private static let wanted = ProcessInfo.processInfo.environment["TOPKLOSS_SIMD"]

  /// Whether the processor has what is wanted; otherwise another run has done the same.
  static let isOwn = wanted == nil || wanted == String(cString: topkloss_simd())

  /// For tests of which one run is enough.
  static let isFirst = wanted == nil || wanted == "avx512"
}

/// What a batch may be like beside its numbers. Not every variation of one thing meets every one of all others, but of
/// any two things all variations meet.
struct Variation: Sendable, CustomStringConvertible {
  private let choices: [Int]

  private static let numbers = [4, 3, 2, 2, 3, 2, layouts(classes: 1).count]

  var type: ElementType { ElementType.allCases[choices[0]] }
  var reduction: Reduction { Reduction.allCases[choices[1]] }
  private var labelsAreNarrow: Bool { choices[2] == 1 }
  private var leavesRowsOut: Bool { choices[3] == 1 }
  /// None, positive ones, and such as are negative or zero too.
  var weights: Int { choices[4] }
  private var hasUpstream: Bool { choices[5] == 1 }

  func layout(classes: Int) -> Stage.Layout { Self.layouts(classes: classes)[choices[6]] }

  var description: String { "\(type), \(reduction), \(choices.dropFirst(2))" }

  /// Contiguous, padded, reversed, misaligned, and in place.
  static func layouts(classes: Int) -> [Stage.Layout] {
    [
      .init(), .init(logitsStride: classes + 14, gradientStride: classes + 4),
      .init(logitsStride: -classes, misalignment: 1),
      .init(gradientStride: -classes - 14, misalignment: 3),
      .init(logitsStride: -classes - 1, gradientStride: -classes), .init(isInPlace: true),
      .init(logitsStride: classes + 1, misalignment: 5, isInPlace: true),
      .init(logitsStride: -classes - 14, misalignment: 2, isInPlace: true),
    ]
  }

  /// Greedily: of some random variations always the one with the most pairs that none had before.
  static let pairs: [Variation] = {
    var missing: Set<[Int]> = []
    for first in numbers.indices {
      for second in 0..<first {
        for value in 0..<numbers[first] {
          for other in 0..<numbers[second] { missing.insert([second, other, first, value]) }
        }
      }
    }
    var random = Random(seed: 1)
    var found: [Variation] = []
    while !missing.isEmpty {
      let tries = (0..<40).map { _ in numbers.map { Int.random(in: 0..<$0, using: &random) } }
      func news(_ choices: [Int]) -> [[Int]] {
        choices.indices.flatMap { first in
          (0..<first).map { [$0, choices[$0], first, choices[first]] }
        }.filter(missing.contains)
      }
      guard let best = tries.max(by: { news($0).count < news($1).count }) else { break }
      if news(best).isEmpty { continue }
      missing.subtract(news(best))
      found.append(Variation(choices: best))
    }
    return found
  }()

  /// The loss with its reduction, and a problem for it.
  func applied(to loss: LossCase, rows: Int) -> (LossCase, Problem) {
    let ignored: Int64 = labelsAreNarrow ? 1000 : -100
    var loss = loss.with(reduction)
    if loss.usesLabels { loss = loss.with(["ignore_index": .integer(ignored)]) }
    // Cosines for the losses that expect a normalised layer.
    var problem = Problem(
      random: 11, type: type, rows: rows, classes: loss.classes, spread: loss.scale > 1 ? 0.4 : 2)
    if leavesRowsOut { problem = problem.ignoring(ignored) }
    problem.labelsAreNarrow = labelsAreNarrow
    var random = Random(seed: 5)
    if weights == 1 { problem.sampleWeight = random.uniforms(rows, in: 0...3) }
    if weights == 2 { problem.sampleWeight = (0..<rows).map { [2.5, 0, -0.5][$0 % 3] } }
    if hasUpstream { problem.upstream = random.normals(loss.reduction == .none ? rows : 1) }
    return (loss, problem)
  }
}
