import CSystem

/// Swift ends the process when the system refuses it the few bytes of an object or of a text. So there are two guards. Before
/// any are made, the system is asked for more than they can need; and should it refuse them all the same, a moment later,
/// they are put into a reserve, and the call that made them fails.
///
/// For that the linker has `posix_memalign` and `free` lead here (`--wrap`), in this library alone.
enum Memory {
  private static let amount = 1 << 16

  static var isShort: Bool { system_has_memory(amount) == 0 }

  static func requireSome() throws(Failure) {
    if isShort { throw outOfMemory }
  }

  static var outOfMemory: Failure { .outOfMemory(bytes: amount) }

  // MARK: The reserve

  /// A bit for every place of the reserve that is taken.
  nonisolated(unsafe) private static var taken = SharedNumber()

  /// Whether something is in the reserve, of this call or of another: either way there is no memory.
  static var isReserveUsed: Bool { taken.load() != 0 }

  /// A place in the reserve, or nil if there is none of that size.
  fileprivate static func reserved(bytes: Int) -> UnsafeMutableRawPointer? {
    guard bytes <= SYSTEM_RESERVE_BYTES else { return nil }
    var known = taken.load()
    while known != -1 {
      let place = (~known).trailingZeroBitCount
      let found = taken.replace(known, with: known | 1 &<< place)
      if found == known { return start + place &* SYSTEM_RESERVE_BYTES }
      known = found
    }
    return nil
  }

  /// Whether this was a place in the reserve, which then is free again.
  fileprivate static func giveBack(_ memory: UnsafeMutableRawPointer) -> Bool {
    let offset = Int(bitPattern: memory) &- Int(bitPattern: start)
    let place = offset / SYSTEM_RESERVE_BYTES
    guard offset >= 0 && place < SYSTEM_RESERVE_PLACES else { return false }
    // It is clear already where a host's executor has forked in the middle of the call: see `forget`.
    taken.clear(1 &<< place)
    return true
  }

  /// The child of a fork has none of its parent's other calls, and what was theirs in the reserve is free.
  static func forget() { taken.store(0) }

  private static var start: UnsafeMutableRawPointer { system_object_reserve() }
}

@_cdecl("__wrap_posix_memalign")
func allocate(
  _ memory: UnsafeMutablePointer<UnsafeMutableRawPointer?>, _ alignment: Int, _ bytes: Int
) -> Int32 {
  let status = __real_posix_memalign(memory, alignment, bytes)
  if status == 0 { return 0 }
  guard let reserved = Memory.reserved(bytes: bytes) else { return status }
  memory.pointee = reserved
  return 0
}

@_cdecl("__wrap_free")
func release(_ memory: UnsafeMutableRawPointer?) {
  if let memory, Memory.giveBack(memory) { return }
  __real_free(memory)
}
