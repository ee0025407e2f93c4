import CSystem
import CTopKLoss

// The caller's structs. struct_size, their first member, says which version of the struct the caller was compiled with:
//
//   that of this library  read, and written, as it is
//   an older one          read over the defaults, and written as far as it reaches
//   a larger one          of a newer header: what this library does not know must be zero, so that nothing asked for is
//                         passed over
//
// The sizes and defaults are generated from the header and from its frozen versions.

/// A struct of the header's.
protocol VersionedStruct {
  static var version: StructVersion { get }

  /// All members but struct_size as its init function sets them.
  static var defaults: Self { get }
}

/// What is known of a struct's versions.
struct StructVersion {
  let name: StaticString
  let size: Int
  /// Bit i: an older version had 8 i bytes.
  let olderSizes: UInt64
  /// Bit i: the int32 at byte 8 i + 4 is reserved.
  let reserved: UInt64

  /// A struct no version of which is larger: a greater struct_size is surely not one.
  static let largest = 4096

  func has(size given: Int) -> Bool {
    if given >= size { return given <= Self.largest }
    return given > 0 && given % 8 == 0 && olderSizes >> UInt64(given / 8) & 1 == 1
  }

  /// Why a struct is refused. One place, for texts with values in them are large code.
  @inline(never)
  func failure(
    _ name: StaticString, _ member: StaticString, _ value: Int, _ rule: StaticString
  ) -> Failure {
    Failure(
      TOPKLOSS_ERROR_STRUCT_SIZE,
      "\(name).\(member) is \(UInt(bitPattern: value)): \(rule); a \(self.name) has \(size) bytes")
  }

  func sizeFailure(_ name: StaticString, _ given: Int) -> Failure {
    failure(name, "struct_size", given, "no version of the struct has that size")
  }
}

/// The caller's struct, whole.
func readStruct<T: VersionedStruct>(
  _ pointer: UnsafePointer<T>, _ name: StaticString
) throws(Failure) -> T {
  var copy = T.defaults
  try withUnsafeMutablePointer(to: &copy) { copy throws(Failure) in
    try readStruct(UnsafeRawPointer(pointer), name, T.version, into: copy)
  }
  return copy
}

/// Not generic, so that it is compiled once and not for every struct.
@inline(never)
private func readStruct(
  _ bytes: UnsafeRawPointer, _ name: StaticString, _ version: StructVersion,
  into copy: UnsafeMutableRawPointer
) throws(Failure) {
  let size = bytes.loadUnaligned(as: Int.self)
  guard version.has(size: size) else {
    throw version.sizeFailure(name, size)
  }
  let known = min(size, version.size)
  for offset in known..<size where bytes.load(fromByteOffset: offset, as: UInt8.self) != 0 {
    throw version.failure(name, "struct_size", size, "what this library does not know is not 0")
  }
  memcpy(copy, bytes, known)
  var reserved = version.reserved
  while reserved != 0 {
    let value = copy.load(
      fromByteOffset: reserved.trailingZeroBitCount &* 8 &+ 4, as: Int32.self)
    guard value == 0 else {
      throw version.failure(name, "reserved", Int(value), "it must be 0")
    }
    reserved &= reserved &- 1
  }
}

/// Writes a struct that was read back, as far as the caller's reaches.
func writeStruct<T: VersionedStruct>(_ value: T, _ pointer: UnsafeMutablePointer<T>) {
  withUnsafeBytes(of: value) { bytes in
    guard let start = bytes.baseAddress else { return }
    memcpy(pointer, start, min(start.load(as: Int.self), bytes.count))
  }
}

/// Fills the caller's struct, of the size it was compiled with, with the defaults.
func initialize<T: VersionedStruct>(
  _ pointer: UnsafeMutablePointer<T>?, _ structSize: Int, _ name: StaticString
) -> topkloss_status {
  reportingFailure { () throws(Failure) in
    let bytes = UnsafeMutableRawPointer(try required(pointer, name))
    try withUnsafePointer(to: T.defaults) { defaults throws(Failure) in
      try initialize(bytes, structSize, name, T.version, UnsafeRawPointer(defaults))
    }
  }
}

@inline(never)
private func initialize(
  _ bytes: UnsafeMutableRawPointer, _ structSize: Int, _ name: StaticString,
  _ version: StructVersion, _ defaults: UnsafeRawPointer
) throws(Failure) {
  guard version.has(size: structSize) else {
    throw version.sizeFailure(name, structSize)
  }
  memset(bytes, 0, structSize)
  memcpy(bytes, defaults, min(structSize, version.size))
  bytes.storeBytes(of: structSize, as: Int.self)
}
