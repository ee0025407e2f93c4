import CKernels

// Rows whose elements do not lie one after another, an image's pixels, say, are turned into rows that do, some at a time in
// the cache, and their gradients back.

/// An element type by its size, and how a block of it is turned.
protocol TurnedElement: FixedWidthInteger {
  static func turnBlock(
    _ from: UnsafeRawPointer, _ fromStride: Int, _ to: UnsafeMutableRawPointer, _ toStride: Int)
}

extension UInt16: TurnedElement {
  @inline(__always)
  static func turnBlock(
    _ from: UnsafeRawPointer, _ fromStride: Int, _ to: UnsafeMutableRawPointer, _ toStride: Int
  ) { lanes_turn_u16(from, Int64(fromStride), to, Int64(toStride)) }
}

extension UInt32: TurnedElement {
  @inline(__always)
  static func turnBlock(
    _ from: UnsafeRawPointer, _ fromStride: Int, _ to: UnsafeMutableRawPointer, _ toStride: Int
  ) { lanes_turn_u32(from, Int64(fromStride), to, Int64(toStride)) }
}

extension UInt64: TurnedElement {
  @inline(__always)
  static func turnBlock(
    _ from: UnsafeRawPointer, _ fromStride: Int, _ to: UnsafeMutableRawPointer, _ toStride: Int
  ) { lanes_turn_u64(from, Int64(fromStride), to, Int64(toStride)) }
}

/// to_j[i] = from_i[j] for so many lines i of so many elements j each; strides, in elements, lead from line to line.
func turn(
  _ from: UnsafeRawPointer, _ fromStride: Int, _ to: UnsafeMutableRawPointer, _ toStride: Int,
  lines: Int, length: Int, elementBytes: Int
) {
  switch elementBytes {
  case 2: turn(from, fromStride, to, toStride, lines, length, UInt16.self)
  case 4: turn(from, fromStride, to, toStride, lines, length, UInt32.self)
  default: turn(from, fromStride, to, toStride, lines, length, UInt64.self)
  }
}

private let blockSize = 8

/// Written out for processors without wide vectors, a block is more code than it is worth.
#if KERNELS_PORTABLE
  private let turnsBlocks = false
#else
  private let turnsBlocks = true
#endif

/// In blocks, the last of which lie over their predecessors.
@inline(never)
private func turn<E: TurnedElement>(
  _ from: UnsafeRawPointer, _ fromStride: Int, _ to: UnsafeMutableRawPointer, _ toStride: Int,
  _ lines: Int, _ length: Int, _: E.Type
) {
  let bytes = MemoryLayout<E>.size
  if !turnsBlocks || lines < blockSize || length < blockSize {
    for line in 0..<lines {
      var (source, target) = (from + line &* fromStride &* bytes, to + line &* bytes)
      for _ in 0..<length {
        target.storeBytes(of: source.loadUnaligned(as: E.self), as: E.self)
        source += bytes
        target += toStride &* bytes
      }
    }
    return
  }
  var line = 0
  while true {
    let (source, target) = (from + line &* fromStride &* bytes, to + line &* bytes)
    var place = 0
    while true {
      E.turnBlock(
        source + place &* bytes, fromStride, target + place &* toStride &* bytes, toStride)
      if place == length &- blockSize { break }
      place = min(place &+ blockSize, length &- blockSize)
    }
    if line == lines &- blockSize { break }
    line = min(line &+ blockSize, lines &- blockSize)
  }
}
