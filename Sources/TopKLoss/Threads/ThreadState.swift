import CSystem

/// What a thread keeps between calls: the text of its last error, and scratch memory, so that a call that has been
/// made before allocates nothing. The scratch is freed when the thread ends, or by `trim`; the rest is another thread's then.
///
/// pthread keys rather than thread-local variables: those would make the library need the dynamic loader's file.
struct ThreadState {
  private static let errorCapacity = 512

  private struct Storage {
    /// Whether a thread has it.
    var isTaken: SharedNumber
    /// The address of scratch that no call is using, or 0.
    var idleScratch: SharedNumber
    /// The address of the state that was made before this one, or 0.
    var older: Int
    var hostsArithmetic: UInt64
  }

  private let storage: UnsafeMutablePointer<Storage>

  private init(at address: UnsafeMutableRawPointer) {
    storage = address.assumingMemoryBound(to: Storage.self)
  }

  private init?(at address: Int) {
    guard let pointer = UnsafeMutableRawPointer(bitPattern: address) else { return nil }
    self.init(at: pointer)
  }

  private var errorText: UnsafeMutablePointer<CChar> {
    UnsafeMutableRawPointer(storage + 1).assumingMemoryBound(to: CChar.self)
  }

  /// This thread's state, made on first use; nil if the system has no memory for it.
  static func current() -> ThreadState? {
    guard let key = ThreadKey.shared() else { return nil }
    if let existing = pthread_getspecific(key) { return ThreadState(at: existing) }
    guard let state = unused() ?? made() else { return nil }
    if pthread_setspecific(key, state.storage) != 0 {
      state.leave()
      return nil
    }
    return state
  }

  // MARK: The states of all threads

  // A list that only grows, at its head, so that it needs no lock, which a fork might copy held. It is as long as there have
  // been threads at once.

  /// The address of the newest state; 0 for none.
  nonisolated(unsafe) private static var newest = SharedNumber()

  private var older: ThreadState? { ThreadState(at: storage.pointee.older) }

  /// The state of a thread that has ended, now this one's.
  private static func unused() -> ThreadState? {
    var next = ThreadState(at: newest.load())
    while let state = next {
      if state.storage.pointee.isTaken.load() == 0
        && state.storage.pointee.isTaken.exchange(1) == 0
      {
        state.errorText[0] = 0
        return state
      }
      next = state.older
    }
    return nil
  }

  private static func made() -> ThreadState? {
    guard let memory = calloc(1, MemoryLayout<Storage>.size + errorCapacity) else { return nil }
    let state = ThreadState(at: memory)
    state.storage.pointee.isTaken.store(1)
    var known = newest.load()
    while true {
      state.storage.pointee.older = known
      let found = newest.replace(known, with: Int(bitPattern: memory))
      if found == known { return state }
      known = found
    }
  }

  /// Frees the scratch, and leaves the state to a thread to come.
  private func leave() {
    Scratch(at: storage.pointee.idleScratch.exchange(0))?.free()
    storage.pointee.isTaken.store(0)
  }

  fileprivate static func threadEnds(_ memory: UnsafeMutableRawPointer) {
    ThreadState(at: memory).leave()
  }

  /// Frees the scratch of all threads that no call is using.
  static func trim() {
    var next = ThreadState(at: newest.load())
    while let state = next {
      Scratch(at: state.storage.pointee.idleScratch.exchange(0))?.free()
      next = state.older
    }
  }

  // MARK: What a call needs

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
    if let idle = Scratch(at: storage.pointee.idleScratch.exchange(0)) {
      if idle.bytes >= bytes { return idle }
      idle.free()
    }
    return try Scratch(bytes: bytes)
  }

  /// Keeps the larger, where another call of the thread has given some back meanwhile.
  func giveBack(_ scratch: Scratch) {
    guard let other = Scratch(at: storage.pointee.idleScratch.exchange(scratch.address)) else {
      return
    }
    if other.bytes <= scratch.bytes { return other.free() }
    Scratch(at: storage.pointee.idleScratch.exchange(other.address))?.free()
  }
}

/// Memory that a thread keeps between calls, aligned to 64 bytes. Its size stands before it.
struct Scratch {
  let memory: UnsafeMutableRawPointer

  private static let headBytes = 64

  fileprivate init?(at address: Int) {
    guard let memory = UnsafeMutableRawPointer(bitPattern: address) else { return nil }
    self.memory = memory
  }

  /// Of half as much again, so that slowly growing batches do not allocate every time.
  fileprivate init(bytes: Int) throws(Failure) {
    let (wanted, overflows) = bytes.addingReportingOverflow(bytes / 2 &+ Self.headBytes)
    guard !overflows else { throw .outOfMemory(bytes: bytes) }
    var head: UnsafeMutableRawPointer?
    guard __real_posix_memalign(&head, 64, wanted) == 0, let head else {
      throw .outOfMemory(bytes: wanted)
    }
    head.storeBytes(of: wanted &- Self.headBytes, as: Int.self)
    memory = head + Self.headBytes
  }

  fileprivate var address: Int { Int(bitPattern: memory) }

  private var head: UnsafeMutableRawPointer { memory - Self.headBytes }

  fileprivate var bytes: Int { head.load(as: Int.self) }

  fileprivate func free() { CSystem.free(head) }
}

/// The pthread key behind `ThreadState`, made once.
private enum ThreadKey {
  /// 0: not made yet; otherwise the key plus 1.
  nonisolated(unsafe) private static var made = SharedNumber()

  static func shared() -> pthread_key_t? {
    let known = made.load()
    if known != 0 { return pthread_key_t(truncatingIfNeeded: known &- 1) }
    var key = pthread_key_t()
    let status = pthread_key_create(&key) { memory in
      if let memory { ThreadState.threadEnds(memory) }
    }
    if status != 0 { return nil }
    let winner = made.replace(0, with: Int(key) &+ 1)
    if winner == 0 { return key }
    pthread_key_delete(key)
    return pthread_key_t(truncatingIfNeeded: winner &- 1)
  }
}
