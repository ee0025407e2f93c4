import Foundation

// The library's own noise, written a second time: Threefry-2x32 with 20 rounds, keyed in turn by
// the seed, the step and the row, and Box and Muller's transform of its words in Double.

/// Two random words that are a function of a key and a counter.
///
/// Salmon, Moraes, Dror & Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
func threefry2x32(key: [UInt32], counter: [UInt32]) -> [UInt32] {
  let rotations: [[UInt32]] = [[13, 15, 26, 6], [17, 29, 16, 24]]
  let keys = [key[0], key[1], 0x1BD1_1BDA ^ key[0] ^ key[1]]
  var (left, right) = (counter[0] &+ keys[0], counter[1] &+ keys[1])
  for group in 0..<5 {
    for rotation in rotations[group % 2] {
      left = left &+ right
      right = (right << rotation | right >> (32 - rotation)) ^ left
    }
    left = left &+ keys[(group + 1) % 3]
    right = right &+ keys[(group + 2) % 3] &+ UInt32(group + 1)
  }
  return [left, right]
}

/// The standard normal number of one class in one sample of one row.
func referenceNoise(
  seed: UInt64, step: UInt64, row: UInt64, sample: Int, classIndex: Int
) -> Double {
  func halves(_ word: UInt64) -> [UInt32] {
    [UInt32(truncatingIfNeeded: word), UInt32(truncatingIfNeeded: word >> 32)]
  }
  let stepKey = threefry2x32(key: halves(seed), counter: halves(step))
  let rowKey = threefry2x32(key: stepKey, counter: halves(row))
  // Two classes, sixteen apart, share a pair of words: one has the cosine, the other the sine.
  let (block, place) = classIndex.quotientAndRemainder(dividingBy: 32)
  let words = threefry2x32(
    key: rowKey, counter: [UInt32(block * 16 + place % 16), UInt32(sample)])
  let radius = (-2 * log((Double(words[0]) + 0.5) * 0x1p-32)).squareRoot()
  let angle = 2 * .pi * Double(words[1]) * 0x1p-32
  return radius * (place < 16 ? cos(angle) : sin(angle))
}
