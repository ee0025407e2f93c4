import Foundation

// The library's own noise, written a second time in Double: Threefry-2x32 with 20 rounds, keyed in
// turn by the seed, the step and the row. Of a block of sixteen classes the smallest uniform number
// is drawn first, and its place; the others are uniform above it. Each becomes the normal number that
// is exceeded with that probability.

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
  func uniform(_ word: UInt32) -> Double { (Double(word) + 0.5) * 0x1p-32 }
  let (block, place) = classIndex.quotientAndRemainder(dividingBy: 16)
  let ofBlock = threefry2x32(key: rowKey, counter: [UInt32(block), UInt32(sample) | 1 << 31])
  let smallest = -expm1(log1p(-uniform(ofBlock[0])) / 16)
  if ofBlock[1] >> 28 == place { return normalQuantile(above: smallest, below: 1 - smallest) }
  // Two classes, sixteen apart, share a counter.
  let words = threefry2x32(
    key: rowKey, counter: [UInt32(block / 2 * 16 + place), UInt32(sample)])
  let word = words[block % 2]
  return normalQuantile(
    above: smallest + (1 - smallest) * uniform(word), below: (1 - smallest) * uniform(~word))
}

/// The number that a standard normal variable is above with one probability and below with the other,
/// by bisection.
private func normalQuantile(above: Double, below: Double) -> Double {
  if below < above { return -normalQuantile(above: below, below: above) }
  var (low, high) = (-1.0, 10.0)
  for _ in 0..<80 {
    let middle = (low + high) / 2
    if erfc(middle / 2.0.squareRoot()) / 2 > above { low = middle } else { high = middle }
  }
  return (low + high) / 2
}
