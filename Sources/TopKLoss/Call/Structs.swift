import CSystem
import CTopKLoss

// Reading the caller's structs. struct_size, their first member, says which version of the struct the caller was
// compiled with: a member that this library does not know must be zero, so that nothing asked for is passed over.

/// A struct no version of which is larger: a greater struct_size is surely not one.
private let largestStruct = 4096

/// A copy of the caller's struct.
func readStruct<T: BitwiseCopyable>(
  _ pointer: UnsafePointer<T>, _ name: StaticString
) throws(Failure) -> T {
  let bytes = UnsafeRawPointer(pointer)
  try checkStruct(bytes, known: MemoryLayout<T>.size, name)
  return bytes.loadUnaligned(as: T.self)
}

/// Not generic, so that it is compiled once and not for every struct.
@inline(never)
private func checkStruct(
  _ bytes: UnsafeRawPointer, known: Int, _ name: StaticString
) throws(Failure) {
  let size = bytes.loadUnaligned(as: Int.self)
  // The present version of every struct is its first.
  guard size >= known && size <= largestStruct else {
    throw Failure(
      TOPKLOSS_ERROR_STRUCT_SIZE,
      "\(name).struct_size is \(UInt(bitPattern: size)): it must be the size of the struct, \(known)"
    )
  }
  for offset in known..<size where bytes.load(fromByteOffset: offset, as: UInt8.self) != 0 {
    throw Failure(
      TOPKLOSS_ERROR_STRUCT_SIZE,
      "\(name).struct_size is \(size) and byte \(offset) is not 0: this library knows \(known) bytes"
    )
  }
}

/// Fills the caller's struct, of the size it was compiled with, with the defaults.
func initializeStruct<T: BitwiseCopyable>(
  _ pointer: UnsafeMutablePointer<T>?, _ structSize: Int, _ name: StaticString, _ defaults: T
) throws(Failure) {
  let bytes = UnsafeMutableRawPointer(try required(pointer, name))
  try clearStruct(bytes, structSize, known: MemoryLayout<T>.size)
  bytes.storeBytes(of: defaults, as: T.self)
  bytes.storeBytes(of: structSize, as: Int.self)
}

@inline(never)
private func clearStruct(
  _ bytes: UnsafeMutableRawPointer, _ structSize: Int, known: Int
) throws(Failure) {
  guard structSize >= known && structSize <= largestStruct else {
    throw Failure(
      TOPKLOSS_ERROR_STRUCT_SIZE,
      "struct_size is \(UInt(bitPattern: structSize)): pass the size of the struct, \(known)")
  }
  memset(bytes, 0, structSize)
}
