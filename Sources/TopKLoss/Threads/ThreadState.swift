import CSystem
import Synchronization

/// What a thread keeps between calls: the text of its last error, and scratch memory, so that a call that has been
/// made before allocates nothing. Freed when the thread ends.
///
/// pthread keys rather than thread-local variables: those would make the library need the dynamic loader's file.
struct ThreadState {
  private static let errorCapacity = 512

  private struct Storage {
    var scratch: UnsafeMutableRawPointer?
    var scratchBytes: Int
    var hostsArithmetic: UInt64
  }

  private let storage: UnsafeMutablePointer<Storage>

  private var errorText: UnsafeMutablePointer<CChar> {
    UnsafeMutableRawPointer(storage + 1).assumingMemoryBound(to: CChar.self)
  }

  /// This thread's state, made on first use; nil if the system has no memory for it.
  static func current() -> ThreadState? {
    guard let key = ThreadKey.shared() else { return nil }
    if let existing = pthread_getspecific(key) {
      return ThreadState(storage: existing.assumingMemoryBound(to: Storage.self))
    }
    let bytes = MemoryLayout<Storage>.size + errorCapacity
    guard let memory = calloc(1, bytes) else { return nil }
    if pthread_setspecific(key, memory) != 0 {
      free(memory)
      return nil
    }
    return ThreadState(storage: memory.assumingMemoryBound(to: Storage.self))
  }

  fileprivate static func destroy(_ memory: UnsafeMutableRawPointer) {
    free(memory.assumingMemoryBound(to: Storage.self).pointee.scratch)
    free(memory)
  }

  var lastError: UnsafePointer<CChar> { UnsafePointer(errorText) }

  /// Keeps as much of the text as there is room for, whole characters only. An empty one stands for no memory to make it
  /// from.
  func setLastError(_ message: String) {
    if message.isEmpty {
      let substitute: StaticString = "the system has no memory, not even for a message"
      memcpy(errorText, substitute.utf8Start, substitute.utf8CodeUnitCount + 1)
      return
    }
    var length = 0
    for scalar in message.unicodeScalars {
      let bytes = UTF8.encode(scalar)
      guard let bytes, length + bytes.count < Self.errorCapacity else { break }
      for byte in bytes {
        errorText[length] = CChar(bitPattern: byte)
        length += 1
      }
    }
    errorText[length] = 0
  }

  /// The floating-point environment of the host while a call is under way.
  var hostsArithmetic: UInt64 {
    get { storage.pointee.hostsArithmetic }
    nonmutating set { storage.pointee.hostsArithmetic = newValue }
  }

  /// Takes memory for the length of one call, aligned to 64 bytes; its content is undefined. `giveBack` keeps it
  /// for the thread's next call. Taken and not merely lent: while a host's executor waits, it may run another
  /// call of ours on this thread.
  func takeScratch(bytes: Int) throws(Failure) -> Scratch {
    if let memory = storage.pointee.scratch {
      storage.pointee.scratch = nil
      if storage.pointee.scratchBytes >= bytes {
        return Scratch(memory: memory, bytes: storage.pointee.scratchBytes)
      }
      free(memory)
    }
    // Half as much again, so that slowly growing batches do not allocate every time.
    let (wanted, overflows) = bytes.addingReportingOverflow(bytes / 2)
    guard !overflows else { throw .outOfMemory(bytes: bytes) }
    var memory: UnsafeMutableRawPointer?
    guard posix_memalign(&memory, 64, wanted) == 0, let memory else {
      throw .outOfMemory(bytes: wanted)
    }
    return Scratch(memory: memory, bytes: wanted)
  }

  /// Frees what is kept for the next call.
  func trim() {
    free(storage.pointee.scratch)
    storage.pointee.scratch = nil
  }

  func giveBack(_ scratch: Scratch) {
    if let other = storage.pointee.scratch {
      if storage.pointee.scratchBytes >= scratch.bytes { return free(scratch.memory) }
      free(other)
    }
    storage.pointee.scratch = scratch.memory
    storage.pointee.scratchBytes = scratch.bytes
  }
}

/// Memory taken from a thread.
struct Scratch {
  let memory: UnsafeMutableRawPointer
  fileprivate let bytes: Int
}

/// The pthread key behind `ThreadState`, made once.
private enum ThreadKey {
  /// 0: not made yet; otherwise the key plus 1.
  private static let made = Atomic<UInt>(0)

  static func shared() -> pthread_key_t? {
    let known = made.load(ordering: .acquiring)
    if known != 0 { return pthread_key_t(truncatingIfNeeded: known &- 1) }
    var key = pthread_key_t()
    guard pthread_key_create(&key, { memory in if let memory { ThreadState.destroy(memory) } }) == 0
    else { return nil }
    let (won, winner) = made.compareExchange(
      expected: 0, desired: UInt(key) &+ 1, ordering: .acquiringAndReleasing)
    if won { return key }
    pthread_key_delete(key)
    return pthread_key_t(truncatingIfNeeded: winner &- 1)
  }
}
