import CXLA

/// An array of a call as slices, one for each place along the axes of the mapping, or one for all places along some of them.
struct Slices {
  let data: UnsafeMutableRawPointer?
  let dtype: Int
  let bytes: Int
  /// Whether every place has a slice of its own.
  let isWhole: Bool
  private let dims: UnsafePointer<Int64>?

  /// - Parameters:
  ///   - own: the array's own axes after those of rows, of which there are `ownCount`.
  ///   - types: the element types that it may have.
  init(
    _ api: Interface, _ name: StaticString, _ buffer: xla_buffer, _ shape: Shape, hasRows: Bool,
    own: (Int, Int) = (0, 0), ownCount: Int, types: (Int, Int)
  ) throws(Fault) {
    let rowAxes = hasRows ? shape.rowAxes : 0
    guard types.0 == Int(buffer.dtype) || types.1 == Int(buffer.dtype) else {
      throw Fault(
        api, "topkloss: %.*s has elements of type %lld, of XLA's", Name(name), Int(buffer.dtype))
    }
    guard Int(buffer.rank) == shape.mapped + rowAxes + ownCount else {
      throw Fault(
        api, "topkloss: %.*s has %lld axes, and must have %lld", Name(name), Int(buffer.rank),
        shape.mapped + rowAxes + ownCount)
    }
    var (isWhole, elements, all) = (true, 1, 1)
    for axis in 0..<Int(buffer.rank) {
      let length = Int(buffer.dims[axis])
      let inner = axis - shape.mapped
      let expected =
        inner < rowAxes ? shape.length(axis) : inner == rowAxes ? own.0 : own.1
      if inner < 0 {
        guard length == expected || length == 1 else {
          throw Self.wrong(api, name, axis, length, expected)
        }
        if length != expected { isWhole = false }
      } else {
        guard length == expected else { throw Self.wrong(api, name, axis, length, expected) }
        elements = try product(api, name, elements, length)
      }
      all = try product(api, name, all, expected)
    }
    let size = elementBytes(Int(buffer.dtype))
    guard buffer.data != nil || all == 0 else {
      throw Fault(api, "topkloss: %.*s is at NULL", Name(name))
    }
    (data, dtype, bytes) = (buffer.data, Int(buffer.dtype), elements * size)
    (self.isWhole, dims) = (isWhole, UnsafePointer(buffer.dims))
  }

  private static func wrong(
    _ api: Interface, _ name: StaticString, _ axis: Int, _ length: Int, _ expected: Int
  ) -> Fault {
    Fault(
      api, "topkloss: an axis of %.*s is %lld long, and must be %lld", Name(name), length, expected)
  }

  /// How long the array is along an axis of the mapping.
  func length(_ axis: Int) -> Int { dims.map { Int($0[axis]) } ?? 1 }

  /// The slice for a place.
  func slice(_ place: Int, _ shape: Shape) -> UnsafeMutableRawPointer? {
    if isWhole { return data.map { $0 + place * bytes } }
    var (left, offset, distance) = (place, 0, 1)
    for axis in (0..<shape.mapped).reversed() {
      let whole = shape.length(axis)
      if length(axis) != 1 {
        offset += left % whole * distance
        distance *= whole
      }
      left /= whole
    }
    return data.map { $0 + offset * bytes }
  }
}

/// The axes that the results of a call have in front of their own.
struct Shape {
  /// The number of axes of the mapping, and of rows.
  let mapped: Int
  let rowAxes: Int
  let slices: Int
  let rows: Int
  private let lead: UnsafePointer<Int64>?

  /// - Parameter result: whose own axes are the last `ownCount`.
  init(
    _ api: Interface, _ result: xla_buffer, ownCount: Int, rowAxes: Int
  ) throws(Fault) {
    let leadCount = Int(result.rank) - ownCount
    guard rowAxes >= 0, rowAxes <= leadCount else {
      throw Fault(
        api, "topkloss: %.*s has %lld axes, fewer than those of rows, of which there are %lld",
        Name("the first result"), Int(result.rank), rowAxes)
    }
    (mapped, self.rowAxes, lead) = (leadCount - rowAxes, rowAxes, UnsafePointer(result.dims))
    var (slices, rows) = (1, 1)
    for axis in 0..<leadCount {
      let length = Int(result.dims[axis])
      if axis < mapped {
        slices = try product(api, "the mapping", slices, length)
      } else {
        rows = try product(api, "the rows", rows, length)
      }
    }
    _ = try product(api, "the rows", slices, rows)
    (self.slices, self.rows) = (slices, rows)
  }

  /// How long the results are along an axis of the mapping or of rows.
  func length(_ axis: Int) -> Int { lead.map { Int($0[axis]) } ?? 1 }
}

/// The product of two lengths, which leaves room for the bytes of eight such arrays.
private func product(
  _ api: Interface, _ name: StaticString, _ left: Int, _ right: Int
) throws(Fault) -> Int {
  let (value, isTooLarge) = left.multipliedReportingOverflow(by: right)
  guard !isTooLarge, value <= 1 << 56 else {
    throw Fault(api, "topkloss: %.*s has too many elements", Name(name))
  }
  return value
}

func elementBytes(_ dtype: Int) -> Int {
  switch dtype {
  case Int(XLA_F64), Int(XLA_S64): 8
  case Int(XLA_F16), Int(XLA_BF16): 2
  default: 4
  }
}
