import CDevice
import CTopKLoss

/// The parts of a call's workspace, one after another.
struct Workspace {
  private let start: UnsafeMutableRawPointer?
  private(set) var bytes = 0
  private(set) var overflows = false

  /// - Parameter start: nil to find out how many bytes it takes.
  init(at start: UnsafeMutableRawPointer?) { self.start = start }

  static func aligned(_ bytes: Int) -> Int { (bytes &+ 255) & ~255 }

  /// Room for so many things of so many bytes.
  mutating func take(_ count: Int, of stride: Int) -> UnsafeMutableRawPointer? {
    let place = bytes
    let (size, isTooLarge) = count.multipliedReportingOverflow(by: stride)
    let (end, endIsTooLarge) = place.addingReportingOverflow(size)
    guard !isTooLarge, !endIsTooLarge, end <= Int.max / 2 else {
      overflows = true
      return start
    }
    bytes = Self.aligned(end)
    return start.map { $0 + place }
  }
}
